"""Keeps the open files, notebook cells among them, as the editor shows them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from lsprotocol import types as lsp

from server.documents import Change
from server.line_index import Place
from server.session import Session

_LOG = logging.getLogger("namewright.documents")


def open_document(session: Session, item: lsp.TextDocumentItem) -> None:
    """Begin a file or cell."""
    session.documents.open(item.uri, item.version, item.text)
    _follow(session, item.uri)


def change_document(
    session: Session,
    document: lsp.VersionedTextDocumentIdentifier,
    changes: Sequence[lsp.TextDocumentContentChangeEvent],
) -> None:
    """Take an edit; one for a file that is not open, or older than what is known, is dropped."""
    made = [_change(change) for change in changes]
    after = session.documents.change(document.uri, document.version, made, session.profile.encoding)
    if after is None:
        _LOG.warning("an edit was dropped: its file is not open, or is newer already")
    else:
        _follow(session, document.uri)


def close_document(session: Session, uri: str) -> None:
    """End a file or cell."""
    session.documents.close(uri)
    for listener in session.listeners:
        listener.forget(uri)


def open_notebook(session: Session, params: lsp.DidOpenNotebookDocumentParams) -> None:
    """Begin every cell."""
    for cell in params.cell_text_documents:
        open_document(session, cell)


def change_notebook(session: Session, params: lsp.DidChangeNotebookDocumentParams) -> None:
    """Cells that came, went or were edited; the rest of a notebook does not matter here."""
    cells = params.change.cells
    if cells is None:
        return
    if cells.structure is not None:
        for gone in cells.structure.did_close or ():
            close_document(session, gone.uri)
        for new in cells.structure.did_open or ():
            open_document(session, new)
    for content in cells.text_content or ():
        change_document(session, content.document, content.changes)


def close_notebook(session: Session, params: lsp.DidCloseNotebookDocumentParams) -> None:
    """End every cell."""
    for cell in params.cell_text_documents:
        close_document(session, cell.uri)


def _follow(session: Session, uri: str) -> None:
    session.analyse_soon(uri)
    for listener in session.listeners:
        listener.follow(uri)


def _change(event: lsp.TextDocumentContentChangeEvent) -> Change:
    if isinstance(event, lsp.TextDocumentContentChangeWholeDocument):
        return Change(None, None, event.text)
    start, end = event.range.start, event.range.end
    return Change(Place(start.line, start.character), Place(end.line, end.character), event.text)
