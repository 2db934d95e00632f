"""The command `namewright.rename`: preview, apply, confirm, alias, refusals; any file, any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.protocol import default_converter

from tests.protocol.editor import Editor, applied, bare, editor, neovim, vscode

SOURCE = """\
class Reader:
    def old_one(self):
        return 1


class Other:
    def old_one(self):
        return 1


def use(anything, reader: Reader):
    return anything.old_one() + reader.old_one()
"""
METHOD = {"line": 1, "character": 8}
WIRE = default_converter()


async def rename(one: Editor, uri: str, /, **options: Any) -> Any:
    """What the command answers, as plain JSON where it is not a protocol type."""
    argument = {"uri": uri, "position": METHOD, "newName": "new_one"} | options
    return await one.execute(lsp.Command("", "namewright.rename", arguments=[argument]))


def edit_in(answer: Any) -> lsp.WorkspaceEdit:
    return WIRE.structure(plain(answer)["edit"], lsp.WorkspaceEdit)


def plain(value: Any) -> Any:
    """Objects of unknown shape arrive as named tuples."""
    if hasattr(value, "_asdict"):
        return {key: plain(one) for key, one in value._asdict().items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


async def test_the_command_is_announced(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        provider = one.initialized.capabilities.execute_command_provider
        assert provider is not None
        assert "namewright.rename" in provider.commands


async def test_a_preview_applies_nothing(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open(SOURCE)
        answer = plain(await rename(one, uri, apply=False))
        assert answer["applied"] is False
        assert one.applied == []
        (finding,) = [each for each in answer["findings"] if each["severity"] == "confirm"]
        assert "anything" in finding["reason"]
        assert finding["uri"] == uri
        assert finding["range"]["start"] == {"line": 11, "character": 0}
        assert finding["range"]["end"] == {"line": 11, "character": 48}
        (annotation,) = (edit_in(answer).change_annotations or {}).values()
        assert annotation.needs_confirmation


async def test_it_is_applied_in_one_step(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim()) as one:
        uri = one.open(SOURCE)
        answer = plain(await rename(one, uri))
        assert answer["applied"] is True
        (edit,) = one.applied
        after = applied(SOURCE, edit, uri, "utf-8")
        assert "anything.old_one() + reader.new_one()" in after
        assert after.count("new_one") == 2


@pytest.mark.parametrize("capabilities", [vscode, neovim, bare])
async def test_confirmed_edits_need_no_question(tmp_path: Path, capabilities) -> None:
    async with editor(tmp_path, capabilities()) as one:
        uri = one.open(SOURCE)
        encoding = one.initialized.capabilities.position_encoding or "utf-16"
        answer = await rename(one, uri, apply=False, confirm=True)
        edit = edit_in(answer)
        assert edit.change_annotations is None
        assert "anything.new_one()" in applied(SOURCE, edit, uri, str(encoding))


async def test_an_editor_that_declines_is_told_apart(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open(SOURCE)
        one.accepts = False
        assert plain(await rename(one, uri))["applied"] is False


async def test_a_closed_file(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.write("closed.py", "\ufeffdef old_one(): ...\nold_one()\n")
        answer = await rename(one, uri, position={"line": 0, "character": 4}, apply=False)
        (change,) = edit_in(answer).document_changes or ()
        assert isinstance(change, lsp.TextDocumentEdit)
        starts = [(each.range.start.line, each.range.start.character) for each in change.edits]
        assert starts == [(0, 4), (1, 0)]


async def test_an_alias_on_request(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        text = "def old_one(): ...\n"
        uri = one.open(text)
        answer = await rename(one, uri, position={"line": 0, "character": 4}, alias=True)
        assert plain(answer)["applied"] is True
        after = applied(text, one.applied[0], uri)
        assert after.startswith("import warnings\n\n\ndef new_one(): ...\n\n\ndef old_one(*args")


REFUSED = {
    "a keyword": {"newName": "class"},
    "no identifier": {"newName": "two words"},
    "taken": {"newName": "first"},
    "no function": {"position": {"line": 7, "character": 0}},
    "no such file": {"uri": "file:///nowhere/at/all.py"},
    "not a file": {"uri": "untitled:Untitled-1"},
    "no name": {"newName": None},
    "no position": {"position": [1, 2]},
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_is_an_error_with_the_reason(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    source = SOURCE.replace("return 1\n", "return 1\n\n    def first(self): ...\n", 1)
    async with editor(tmp_path, vscode()) as one:
        with pytest.raises(JsonRpcException) as caught:
            await rename(one, one.open(source), **options)
        assert caught.value.code == lsp.LSPErrorCodes.RequestFailed
        assert caught.value.message
        assert "\n" not in caught.value.message
        assert one.applied == []


async def test_an_override_of_the_library_is_refused(tmp_path: Path) -> None:
    source = "import ast\n\n\nclass V(ast.NodeVisitor):\n    def generic_visit(self, node): ...\n"
    async with editor(tmp_path, vscode()) as one:
        with pytest.raises(JsonRpcException, match="outside the project"):
            await rename(one, one.open(source), position={"line": 4, "character": 8})
