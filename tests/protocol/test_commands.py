"""Looking for names with progress, choosing one, and applying it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.protocol.editor import SOURCE, Editor, applied, bare, editor, neovim, vscode

SLOW = ("--slow", "1.0")
IMPATIENT = {"budgetMs": 50}


async def suggest_command(one: Editor, uri: str) -> lsp.Command:
    """The command that is offered instead of names while the model is slow."""
    (action,) = await one.actions(uri)
    assert action.title == "Suggest names…"
    assert action.command is not None
    return action if isinstance(action, lsp.Command) else action.command


@pytest.mark.parametrize("capabilities", [vscode, neovim, bare])
async def test_a_person_looks_for_names_and_chooses_one(tmp_path: Path, capabilities) -> None:
    async with editor(tmp_path, capabilities(), *SLOW, options=IMPATIENT) as one:
        uri = one.open()
        one.answer = lambda params: (params.actions or [None])[1]
        found = await one.execute(await suggest_command(one, uri))
        assert [names["name"] for names in found] == [
            "parse_headers",
            "read_headers",
            "split_lines",
        ]
        (question,) = one.asked
        assert question.message == "Rename `f` to:"
        assert (question.actions or [])[0].title == "parse_headers (72%)"
        assert "def read_headers(" in applied(SOURCE, one.applied[0], uri)


async def test_nothing_is_renamed_when_nothing_is_chosen(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), *SLOW, options=IMPATIENT) as one:
        await one.execute(await suggest_command(one, one.open()))
        assert len(one.asked) == 1
        assert one.applied == []


async def test_progress_is_shown_from_begin_to_end(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), *SLOW, options=IMPATIENT) as one:
        await one.execute(await suggest_command(one, one.open()))
        ((begin, end),) = one.client.progress_reports.values()
        assert isinstance(begin, lsp.WorkDoneProgressBegin)
        assert begin.title == "Looking for names for f"
        assert isinstance(end, lsp.WorkDoneProgressEnd)


async def test_progress_can_be_cancelled(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), "--slow", "60", options=IMPATIENT) as one:
        running = asyncio.create_task(one.execute(await suggest_command(one, one.open())))
        while not any(one.client.progress_reports.values()):
            await asyncio.sleep(0.02)
        (token,) = one.client.progress_reports
        one.client.window_work_done_progress_cancel(lsp.WorkDoneProgressCancelParams(token))
        with pytest.raises(JsonRpcException) as caught:
            await running
        assert caught.value.code == lsp.LSPErrorCodes.RequestCancelled


async def test_the_names_are_there_after_the_budget_ran_out(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), *SLOW, options=IMPATIENT) as one:
        uri = one.open()
        await suggest_command(one, uri)
        while (await one.titles(uri))[0] == "Suggest names…":
            await asyncio.sleep(0.05)
        assert (await one.titles(uri))[0] == "Rename to `parse_headers` (72%)"


async def test_no_function_at_the_place_is_said(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        argument = {"uri": one.open(), "position": {"line": 0, "character": 0}}
        with pytest.raises(JsonRpcException, match="put the cursor on a definition"):
            await one.execute(lsp.Command("", "namewright.suggestNames", arguments=[argument]))


async def test_the_best_name_is_said_to_be_best(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        argument = {"uri": one.open(), "position": {"line": 9, "character": 4}}
        found = await one.execute(lsp.Command("", "namewright.suggestNames", arguments=[argument]))
        assert list(found or ()) == []
        assert one.client.messages[0].message == "`best` is already the best name (95%)."
