"""The text the server knows is the text the editor shows, in every encoding and kind of file."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types as lsp

from tests.protocol.editor import (
    AUTOMATIC,
    INVOKED,
    WITH_MODEL,
    applied,
    bare,
    editor,
    neovim,
    until,
    vscode,
)

ASTRAL = 'x = "𝒙é"; \ndef f(𝒙é): headers = f  # 𝒙 f\n'


def encoded(capabilities: lsp.ClientCapabilities, *encodings: str) -> lsp.ClientCapabilities:
    general = capabilities.general or lsp.GeneralClientCapabilities()
    general.position_encodings = [lsp.PositionEncodingKind(one) for one in encodings]
    capabilities.general = general
    return capabilities


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_edits_are_placed_in_the_encoding_agreed_on(tmp_path: Path, encoding: str) -> None:
    async with editor(tmp_path, encoded(neovim(), encoding)) as one:
        assert one.initialized.capabilities.position_encoding == encoding
        uri = one.open(ASTRAL)
        action = await one.resolve((await one.renames(uri, (1, 4)))[0])
        assert action.edit is not None
        after = applied(ASTRAL, action.edit, uri, encoding)
        assert after.splitlines()[1].startswith("def parse_headers(𝒙é): headers = parse_headers  #")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_changes_are_read_in_the_encoding_agreed_on(tmp_path: Path, encoding: str) -> None:
    units = {"utf-8": 4, "utf-16": 2, "utf-32": 1}[encoding]
    async with editor(tmp_path, encoded(bare(), encoding)) as one:
        uri = one.open('"𝒙";def f(a):\f return headers\n')
        start = 2 + units + 2 + len("def f(")
        change = lsp.TextDocumentContentChangePartial(
            lsp.Range(lsp.Position(0, start - 1), lsp.Position(0, start)), "b"
        )
        one.change(uri, 2, change)
        assert (await one.titles(uri, (0, start)))[0].startswith("Rename to `parse_headers`")


async def test_a_client_that_says_nothing_can_be_spoken_for(tmp_path: Path) -> None:
    flags = ("--position-encoding", "utf-8")
    async with editor(tmp_path, bare(), *flags, server=WITH_MODEL) as one:
        assert one.initialized.capabilities.position_encoding == "utf-8"


async def test_a_form_feed_does_not_shift_what_follows(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        text = "a = 1\n\x0c\x85\u2028b = 2\ndef f(t):\n    return t\n"
        uri = one.open(text)
        insert = lsp.Range(lsp.Position(3, 11), lsp.Position(3, 12))
        one.change(uri, 2, lsp.TextDocumentContentChangePartial(insert, "headers"))
        assert (await one.titles(uri, (2, 4)))[0].startswith("Rename to `parse_headers`")


async def test_typing_changes_the_question(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open("def f(rows):\n    headers = rows\n")
        assert (await one.titles(uri, (0, 4)))[0].startswith("Rename to `parse_headers`")
        here = lsp.Range(lsp.Position(1, 4), lsp.Position(1, 11))
        one.change(uri, 2, lsp.TextDocumentContentChangePartial(here, "total"))
        assert await one.titles(uri, (0, 4), AUTOMATIC) == []

        async def is_known() -> bool:
            titles = await one.titles(uri, (0, 4), AUTOMATIC)
            return bool(titles) and titles[0].startswith("Rename to `total_price`")

        await until(is_known)


async def test_a_half_typed_bracket_does_not_hide_the_function(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open("y = 1\n\n\ndef f(rows):\n    headers = rows\n    return headers\n")
        assert await one.titles(uri, (3, 4))
        start = lsp.Position(0, 4)
        one.change(uri, 2, lsp.TextDocumentContentChangePartial(lsp.Range(start, start), "call((("))
        assert (await one.titles(uri, (3, 4)))[0].startswith("Rename to `parse_headers`")


async def test_edits_of_a_closed_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim()) as one:
        (tmp_path / "other.py").write_bytes(b"\xef\xbb\xbffrom module import f; f(1)\n")
        uri = one.open("def f(text):\n    headers = text\n    return headers\n")
        action = await one.resolve((await one.renames(uri, (0, 4)))[0])
        assert action.edit is not None
        assert action.edit.changes is not None
        other = (tmp_path / "other.py").as_uri()
        after = applied("from module import f; f(1)\n", action.edit, other, "utf-8")
        assert after == "from module import parse_headers; parse_headers(1)\n"


async def test_unsaved_text_of_other_files_is_the_truth(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        uri = one.open("def f(text):\n    headers = text\n    return headers\n")
        one.write("other.py", "x = 1\n")
        other = (tmp_path / "other.py").as_uri()
        one.open_uri(other, "\n\nfrom module import f\nf(2)\n", version=4)
        action = await one.resolve((await one.renames(uri, (0, 4)))[0])
        assert action.edit is not None
        after = applied("\n\nfrom module import f\nf(2)\n", action.edit, other)
        assert after == "\n\nfrom module import parse_headers\nparse_headers(2)\n"


async def test_notebook_cells_get_names(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        notebook, cell = "file:///project/book.ipynb", "vscode-notebook-cell:/project/book.ipynb#W0"
        text = "def f(text):\n    headers = text\n    return headers\n"
        code = lsp.NotebookCell(lsp.NotebookCellKind.Code, cell)
        one.client.notebook_document_did_open(
            lsp.DidOpenNotebookDocumentParams(
                lsp.NotebookDocument(notebook, "jupyter-notebook", 1, [code]),
                [lsp.TextDocumentItem(cell, "python", 1, "")],
            )
        )
        one.client.notebook_document_did_change(
            lsp.DidChangeNotebookDocumentParams(
                lsp.VersionedNotebookDocumentIdentifier(2, notebook),
                lsp.NotebookDocumentChangeEvent(
                    cells=lsp.NotebookDocumentCellChanges(
                        text_content=[
                            lsp.NotebookDocumentCellContentChanges(
                                lsp.VersionedTextDocumentIdentifier(2, cell),
                                [lsp.TextDocumentContentChangeWholeDocument(text)],
                            )
                        ]
                    )
                ),
            )
        )
        action = await one.resolve((await one.renames(cell, (0, 4), INVOKED))[0])
        assert action.edit is not None
        assert applied(text, action.edit, cell).startswith("def parse_headers(")
        one.client.notebook_document_did_close(
            lsp.DidCloseNotebookDocumentParams(
                lsp.NotebookDocumentIdentifier(notebook), [lsp.TextDocumentIdentifier(cell)]
            )
        )
        assert await one.actions(cell, (0, 4)) == []
