"""Hints on names that fit badly: off by default, in the background, mended by quick fixes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lsprotocol import types as lsp

from tests.protocol.editor import (
    DEFINITION,
    INVOKED,
    PATIENCE,
    SOURCE,
    Editor,
    bare,
    editor,
    until,
    vscode,
)

ON = {"hints": True}
GOOD = SOURCE.replace("def f(", "def best(").replace("headers", "return 1")


async def hints(one: Editor, uri: str, count: int) -> list[lsp.Diagnostic]:
    """The hints of a file, once there are so many."""

    async def are_there() -> bool:
        return len(one.client.diagnostics.get(uri, [])) == count

    await until(are_there)
    return list(one.client.diagnostics.get(uri, []))


async def fixes(one: Editor, uri: str, only: list[str] | None) -> list[lsp.CodeAction]:
    (hint,) = await hints(one, uri, 1)
    result = await asyncio.wait_for(
        one.client.text_document_code_action_async(
            lsp.CodeActionParams(
                lsp.TextDocumentIdentifier(uri),
                hint.range,
                lsp.CodeActionContext([hint], only, INVOKED),
            )
        ),
        PATIENCE,
    )
    return [action for action in result or () if isinstance(action, lsp.CodeAction)]


async def test_there_are_none_unless_asked_for(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open()
        # As long as hints would rest, and the work they would do.
        await asyncio.sleep(1.5)
        assert uri not in one.client.diagnostics


async def test_a_name_that_fits_badly_gets_a_hint(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options=ON) as one:
        (hint,) = await hints(one, one.open(), 1)
        assert hint.severity == lsp.DiagnosticSeverity.Hint
        assert hint.source == "namewright"
        assert hint.message == "`f` may mislead: `parse_headers` says better what this does"
        assert (hint.range.start.line, hint.range.start.character) == DEFINITION


async def test_the_names_are_its_quick_fixes(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options=ON) as one:
        uri = one.open()
        found = await fixes(one, uri, None)
        assert {action.kind for action in found} == {lsp.CodeActionKind.QuickFix}
        assert found[0].title == "Rename to `parse_headers` (72%)"
        assert [hint.message for hint in found[0].diagnostics or ()] == [
            hint.message for hint in await hints(one, uri, 1)
        ]
        assert (await one.resolve(found[0])).edit is not None


async def test_who_wants_refactorings_gets_no_quick_fixes(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options=ON) as one:
        found = await fixes(one, one.open(), ["refactor"])
        assert {action.kind for action in found} == {lsp.CodeActionKind.RefactorRewrite}


async def test_a_hint_goes_when_the_name_is_mended(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options=ON) as one:
        uri = one.open()
        await hints(one, uri, 1)
        whole = lsp.TextDocumentContentChangeWholeDocument(GOOD)
        one.change(uri, 2, whole)
        await hints(one, uri, 0)


async def test_hints_go_with_their_file(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options=ON) as one:
        uri = one.open()
        await hints(one, uri, 1)
        one.client.text_document_did_close(
            lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri))
        )
        await hints(one, uri, 0)


async def test_the_setting_is_live(tmp_path: Path) -> None:
    # A client that is not asked for its configuration, whose answer could come in between.
    async with editor(tmp_path, bare()) as one:
        uri = one.open()
        for value, count in ((True, 1), (False, 0)):
            changed = {"namewright": {"hints": value}}
            one.client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(changed))
            await hints(one, uri, count)
