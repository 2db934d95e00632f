"""Rename actions as quick fixes, where the editor asks about a hint of ours."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types as lsp

# What our diagnostics say of where they come from.
SOURCE = "namewright"
FIX = lsp.CodeActionKind.QuickFix


def hints_among(diagnostics: Sequence[lsp.Diagnostic]) -> list[lsp.Diagnostic]:
    """The diagnostics that are ours."""
    return [one for one in diagnostics if one.source == SOURCE]


def as_quick_fixes(
    actions: Sequence[lsp.CodeAction | lsp.Command], hints: Sequence[lsp.Diagnostic]
) -> list[lsp.CodeAction | lsp.Command]:
    """The same actions, as what mends the hints; a bare command cannot say so."""
    for action in actions:
        if isinstance(action, lsp.CodeAction):
            action.kind = FIX
            action.diagnostics = list(hints)
    return list(actions)
