"""Names as code actions, under the capabilities of several editors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.protocol.editor import (
    AUTOMATIC,
    BEST,
    BODY,
    DEFINITION,
    INVOKED,
    SOURCE,
    applied,
    bare,
    editor,
    emacs,
    neovim,
    neovim_old,
    until,
    vscode,
)

NAMES = ["parse_headers", "read_headers", "split_lines"]
TITLES = [
    "Rename to `parse_headers` (72%)",
    "Rename to `read_headers` (14%)",
    "Rename to `split_lines` (5%)",
]
EVERY = [vscode, neovim, neovim_old, emacs, bare]
Capabilities = Callable[[], lsp.ClientCapabilities]


@pytest.mark.parametrize("capabilities", EVERY)
async def test_an_invoked_request_offers_names(tmp_path: Path, capabilities: Capabilities) -> None:
    async with editor(tmp_path, capabilities()) as one:
        assert await one.titles(one.open()) == TITLES


@pytest.mark.parametrize("capabilities", EVERY)
async def test_the_chosen_name_renames_every_mention(
    tmp_path: Path, capabilities: Capabilities
) -> None:
    async with editor(tmp_path, capabilities()) as one:
        uri = one.open()
        (first, *_) = await one.actions(uri)
        if isinstance(first, lsp.Command):
            await one.execute(first)
            edit = one.applied[0]
        else:
            resolved = first if first.edit is not None else await one.resolve(first)
            assert resolved.edit is not None
            edit = resolved.edit
        encoding = one.initialized.capabilities.position_encoding or "utf-16"
        after = applied(SOURCE, edit, uri, str(getattr(encoding, "value", encoding)))
        assert after == SOURCE.replace("def f(", "def parse_headers(").replace(
            ' f("a")', ' parse_headers("a")'
        )


async def test_edits_are_versioned_where_the_client_can(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        action = await one.resolve((await one.renames(one.open(version=7)))[0])
        assert action.edit is not None
        assert action.edit.changes is None
        (change,) = action.edit.document_changes or ()
        assert isinstance(change, lsp.TextDocumentEdit)
        assert change.text_document.version == 7


async def test_edits_are_plain_where_it_cannot(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim()) as one:
        action = await one.resolve((await one.renames(one.open()))[0])
        assert action.edit is not None
        assert action.edit.document_changes is None
        assert action.edit.changes


async def test_the_edit_is_made_at_once_where_nothing_is_resolved(tmp_path: Path) -> None:
    async with editor(tmp_path, emacs()) as one:
        uri = one.open()
        actions = await one.renames(uri)
        assert all(action.edit or action.command for action in actions)
        assert actions[0].data is None


async def test_an_automatic_request_never_waits_for_the_model(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), "--slow", "2") as one:
        uri = one.open()
        assert await one.titles(uri, DEFINITION, AUTOMATIC) == []

        async def is_known() -> bool:
            return await one.titles(uri, DEFINITION, AUTOMATIC) == TITLES

        await until(is_known)


async def test_who_does_not_say_who_asks_gets_names_too(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim_old()) as one:
        uri = one.open()

        async def has_names() -> bool:
            return await one.titles(uri, DEFINITION, None) == TITLES

        await until(has_names)


@pytest.mark.parametrize(
    ("at", "scope", "offered"),
    [
        ((3, 0), "definition", True),
        ((4, 0), "definition", True),
        ((4, 99), "definition", True),
        (BODY, "definition", False),
        (BODY, "body", True),
        ((0, 0), "body", False),
        ((99, 0), "body", False),
    ],
)
async def test_names_are_offered_where_the_scope_says(
    tmp_path: Path, at: tuple[int, int], scope: str, offered: bool
) -> None:
    async with editor(tmp_path, vscode(), options={"scope": scope}) as one:
        assert bool(await one.titles(one.open(), at)) is offered


@pytest.mark.parametrize(
    ("only", "offered"),
    [
        (None, True),
        ([], True),
        ([""], True),
        (["refactor"], True),
        (["refactor.rewrite"], True),
        (["refactor.rewrite.names"], False),
        (["refactor.extract"], False),
        (["quickfix", "source"], False),
        (["ref"], False),
    ],
)
async def test_a_filter_of_kinds_is_obeyed(
    tmp_path: Path, only: list[str] | None, offered: bool
) -> None:
    async with editor(tmp_path, vscode()) as one:
        assert bool(await one.titles(one.open(), DEFINITION, INVOKED, only)) is offered


async def test_a_name_that_is_best_already_is_said_where_the_client_can(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open()
        (action,) = await one.renames(uri, BEST)
        assert action.disabled is not None
        assert "already the best name (95%)" in action.disabled.reason
        assert await one.actions(uri, BEST, AUTOMATIC) == []


async def test_nothing_is_offered_for_it_where_the_client_cannot(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim()) as one:
        assert await one.actions(one.open(), BEST) == []


async def test_special_methods_and_empty_files_have_no_names(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        source = "class A:\n    def __init__(self):\n        self.headers = 1\n"
        assert await one.actions(one.open(source), (1, 10)) == []
        assert await one.actions(one.open("", "empty.py"), (0, 0)) == []
        assert await one.actions("file:///not/open.py") == []


async def test_actions_are_rewrites_and_say_that_a_model_made_them(tmp_path: Path) -> None:
    capabilities = vscode()
    assert capabilities.text_document is not None
    assert capabilities.text_document.code_action is not None
    action = capabilities.text_document.code_action
    action.tag_support = lsp.CodeActionTagOptions([lsp.CodeActionTag.LlmGenerated])
    async with editor(tmp_path, capabilities) as one:
        (first, *_) = await one.renames(one.open())
        assert first.kind == lsp.CodeActionKind.RefactorRewrite
        assert list(first.tags or ()) == [lsp.CodeActionTag.LlmGenerated]


async def test_an_action_for_a_changed_file_is_refused(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open()
        (first, *_) = await one.renames(uri)
        one.change(uri, 2, lsp.TextDocumentContentChangeWholeDocument("def other(): pass\n"))
        with pytest.raises(JsonRpcException) as caught:
            await one.resolve(first)
        assert caught.value.code == lsp.LSPErrorCodes.ContentModified
        assert not caught.value.data


async def test_a_foreign_action_is_refused(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        with pytest.raises(JsonRpcException, match="not made by this server"):
            await one.resolve(lsp.CodeAction("x", data={"uri": 3}))


async def test_the_client_may_take_over_the_rename(tmp_path: Path) -> None:
    capabilities = vscode()
    capabilities.experimental = {"commands": {"commands": ["namewright.renameByClient"]}}
    async with editor(tmp_path, capabilities, options={"rename": {"engine": "client"}}) as one:
        (first, *_) = await one.renames(one.open())
        assert first.command is not None
        assert first.command.command == "namewright.renameByClient"
        assert first.data is None


async def test_the_server_is_no_rename_provider(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        assert one.initialized.capabilities.rename_provider is None
