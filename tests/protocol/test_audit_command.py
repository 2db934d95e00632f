"""The audit of a workspace over the protocol: worst names first, progress, cancellation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.protocol.editor import Editor, bare, editor, vscode

HEADERS = "def f(text):\n    headers = text.splitlines()\n    return headers\n"
TOTAL = "class A:\n    def g(self, prices):\n        total = sum(prices)\n        return total\n"
GOOD = "def best():\n    x = 1\n    return 1\n"


async def audit(one: Editor, **options: object) -> Any:
    return await one.execute(lsp.Command("", "namewright.audit", arguments=[options]))


def folder(one: Editor) -> None:
    one.write("a.py", TOTAL)
    one.write("b.py", HEADERS)
    one.write("c.py", GOOD)


@pytest.mark.parametrize("capabilities", [vscode, bare])
async def test_the_worst_names_of_the_workspace_come_first(tmp_path: Path, capabilities) -> None:
    async with editor(tmp_path, capabilities()) as one:
        folder(one)
        found = await audit(one)
        assert found["checked"] == 3
        assert [each["name"] for each in found["functions"]] == ["f", "g"]
        worst, next_ = found["functions"]
        assert worst["uri"] == (tmp_path / "b.py").as_uri()
        assert worst["suggestions"][0]["name"] == "parse_headers"
        assert next_["range"] == {
            "start": {"line": 1, "character": 8},
            "end": {"line": 1, "character": 9},
        }


async def test_open_files_are_judged_as_the_editor_shows_them(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.write("b.py", GOOD)
        one.open_uri(uri, HEADERS)
        found = await audit(one)
        assert [each["name"] for each in found["functions"]] == ["f"]


async def test_only_what_is_named_is_judged(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        folder(one)
        found = await audit(one, uris=[(tmp_path / "a.py").as_uri()])
        assert [each["name"] for each in found["functions"]] == ["g"]


async def test_less_certain_misfits_are_left_out(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        folder(one)
        found = await audit(one, minConfidence=0.7)
        assert [each["name"] for each in found["functions"]] == ["f"]


async def test_a_file_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        folder(one)
        (tmp_path / "d.py").symlink_to(tmp_path / "nowhere.py")
        assert (await audit(one))["checked"] == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"uris": "everything"}, "the command takes"),
        ({"minConfidence": 2}, "the command takes"),
        ({"minConfidence": True}, "the command takes"),
        ({"uris": ["untitled:Untitled-1"]}, "is not on disk"),
        ({"uris": ["file:///no/such/folder"]}, "does not exist"),
    ],
)
async def test_a_malformed_argument_is_refused(
    tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    async with editor(tmp_path, vscode()) as one:
        with pytest.raises(JsonRpcException, match=reason):
            await audit(one, **options)


async def test_progress_tells_how_far_it_is(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        folder(one)
        await audit(one)
        ((begin, *reports, end),) = one.client.progress_reports.values()
        assert isinstance(begin, lsp.WorkDoneProgressBegin)
        assert begin.percentage == 0
        assert [report.message for report in reports] == ["0 of 3 functions · a.py"]
        assert isinstance(end, lsp.WorkDoneProgressEnd)


async def test_an_audit_can_be_cancelled(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), "--slow", "60") as one:
        folder(one)
        running = asyncio.create_task(audit(one))
        while not any(one.client.progress_reports.values()):
            await asyncio.sleep(0.02)
        (token,) = one.client.progress_reports
        one.client.window_work_done_progress_cancel(lsp.WorkDoneProgressCancelParams(token))
        with pytest.raises(JsonRpcException) as caught:
            await running
        assert caught.value.code == lsp.LSPErrorCodes.RequestCancelled


async def test_a_person_who_asks_meanwhile_comes_first(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), "--slow", "0.4", options={"budgetMs": 5000}) as one:
        for number in range(20):
            one.write(f"m{number}.py", HEADERS.replace("text", f"text{number}"))
        uri = one.open(TOTAL)
        running = asyncio.create_task(audit(one, uris=[tmp_path.as_uri()]))
        while not any(one.client.progress_reports.values()):
            await asyncio.sleep(0.02)
        assert (await one.titles(uri, (1, 8)))[0].startswith("Rename to `total_price`")
        assert not running.done()
        (token,) = one.client.progress_reports
        one.client.window_work_done_progress_cancel(lsp.WorkDoneProgressCancelParams(token))
        with pytest.raises(JsonRpcException):
            await running


async def test_an_audit_makes_later_questions_quick(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open(HEADERS)
        await audit(one)
        automatic = lsp.CodeActionTriggerKind.Automatic
        assert len(await one.titles(uri, (0, 4), automatic)) == 3
