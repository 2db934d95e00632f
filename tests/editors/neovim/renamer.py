"""A language server that does nothing but rename, in one file only: stands for pyright's rename."""

from __future__ import annotations

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

server = LanguageServer("renamer", "1")


@server.feature(lsp.TEXT_DOCUMENT_RENAME)
def rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit:
    """Replace the word at the place, and leave a mark at the end of its line."""
    document = server.workspace.get_text_document(params.text_document.uri)
    word = document.word_at_position(params.position)
    at, line = params.position, document.lines[params.position.line].rstrip("\n")
    end = lsp.Position(at.line, len(line))
    edits = [
        lsp.TextEdit(
            lsp.Range(at, lsp.Position(at.line, at.character + len(word))), params.new_name
        ),
        lsp.TextEdit(lsp.Range(end, end), "  # by the other"),
    ]
    return lsp.WorkspaceEdit(changes={params.text_document.uri: edits})


if __name__ == "__main__":
    server.start_io()
