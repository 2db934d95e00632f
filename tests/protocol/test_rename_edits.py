"""What a rename hands to the editor: doubtful edits, refusals, files it does not have open."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.protocol.editor import applied, editor, neovim, vscode

DOUBTFUL = """\
class Reader:
    def f(self):
        headers = self.rows
        return headers


class Other:
    def f(self):
        return 1


def use(anything):
    return anything.f()
"""
METHOD = (1, 8)


async def test_doubtful_edits_ask_for_confirmation(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open(DOUBTFUL)
        action = await one.resolve((await one.renames(uri, METHOD))[0])
        assert action.edit is not None
        annotations = action.edit.change_annotations or {}
        assert annotations
        assert all(one.needs_confirmation for one in annotations.values())
        (change,) = action.edit.document_changes or ()
        assert isinstance(change, lsp.TextDocumentEdit)
        doubtful = [one for one in change.edits if isinstance(one, lsp.AnnotatedTextEdit)]
        assert [one.range.start.line for one in doubtful] == [12]
        assert {one.annotation_id for one in doubtful} == set(annotations)


async def test_doubtful_edits_are_left_out_where_nobody_can_be_asked(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim()) as one:
        uri = one.open(DOUBTFUL)
        action = await one.resolve((await one.renames(uri, METHOD))[0])
        assert action.edit is not None
        after = applied(DOUBTFUL, action.edit, uri, "utf-8")
        assert after == DOUBTFUL.replace("def f(", "def parse_headers(", 1)


async def test_doubtful_edits_are_left_out_on_request(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options={"rename": {"doubtful": "skip"}}) as one:
        uri = one.open(DOUBTFUL)
        action = await one.resolve((await one.renames(uri, METHOD))[0])
        assert action.edit is not None
        assert action.edit.change_annotations is None
        assert "anything.f()" in applied(DOUBTFUL, action.edit, uri)


async def test_a_closed_file_is_edited_without_a_version(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        other = one.write("other.py", "from module import f\n\nprint(f(1))\n")
        uri = one.open("def f(text):\n    headers = text\n    return headers\n")
        action = await one.resolve((await one.renames(uri, (0, 4)))[0])
        assert action.edit is not None
        versions = {
            change.text_document.uri: change.text_document.version
            for change in action.edit.document_changes or ()
            if isinstance(change, lsp.TextDocumentEdit)
        }
        assert versions == {uri: 1, other: None}


@pytest.mark.parametrize("cookie", ["", "# -*- coding: latin-1 -*-\n"])
async def test_the_text_of_an_open_file_is_what_the_editor_shows(
    tmp_path: Path, cookie: str
) -> None:
    text = f'{cookie}def f(text):\n    headers = "é"\n    return headers\n\n\n"éé"; f(1)\n'
    async with editor(tmp_path, vscode()) as one:
        uri = one.open(text)
        line = text.count("\n", 0, text.index("def"))
        action = await one.resolve((await one.renames(uri, (line, 4)))[0])
        assert action.edit is not None
        after = applied(text, action.edit, uri)
        assert after == text.replace("f(text)", "parse_headers(text)").replace(
            "f(1)", "parse_headers(1)"
        )


BROKEN = "def f(text):\n    headers = text\n    return headers\n\n\ndef g(:\n    f(1)\n"


async def test_doubt_about_the_whole_rename_is_shown_for_confirmation(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        action = await one.resolve((await one.renames(one.open(BROKEN), (0, 4)))[0])
        assert action.edit is not None
        (annotation,) = (action.edit.change_annotations or {}).values()
        assert annotation.needs_confirmation
        assert "does not parse" in (annotation.description or "")
        (change,) = action.edit.document_changes or ()
        assert isinstance(change, lsp.TextDocumentEdit)
        assert all(isinstance(edit, lsp.AnnotatedTextEdit) for edit in change.edits)


async def test_it_is_logged_where_nobody_can_be_asked(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim()) as one:
        action = await one.resolve((await one.renames(one.open(BROKEN), (0, 4)))[0])
        assert action.edit is not None
        assert "does not parse" in one.client.log_messages[0].message
        assert one.client.messages == []


@pytest.mark.parametrize("name", ["taken", "class", "two words", "__init__"])
async def test_a_name_that_cannot_be_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    source = "def f(text):\n    return text\n\n\ndef taken():\n    return f(1)\n"
    async with editor(tmp_path, vscode()) as one:
        target = {"uri": one.open(source), "offset": 4, "name": "f", "new_name": name}
        with pytest.raises(JsonRpcException, match=name) as caught:
            await one.resolve(lsp.CodeAction("Rename", data=target))
        assert caught.value.code == lsp.LSPErrorCodes.RequestFailed
        assert "\n" not in caught.value.message
