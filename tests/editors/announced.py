"""What editors that cannot be had here tell a server that they can do, as their sources have it."""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types as lsp

_UTF_16 = lsp.PositionEncodingKind.Utf16
_ALL = [lsp.PositionEncodingKind.Utf8, lsp.PositionEncodingKind.Utf32, _UTF_16]


def helix() -> lsp.ClientCapabilities:
    """helix-lsp, client.rs: counts in bytes where it may, resolves actions."""
    kinds = "|quickfix|refactor|refactor.extract|refactor.inline|refactor.rewrite|source"
    return lsp.ClientCapabilities(
        general=lsp.GeneralClientCapabilities(position_encodings=_ALL),
        workspace=_workspace(),
        window=lsp.WindowClientCapabilities(work_done_progress=True),
        text_document=_actions(
            kinds.split("|"), ["edit", "command"], is_preferred_support=True, disabled_support=True
        ),
    )


def zed() -> lsp.ClientCapabilities:
    """crates/lsp, lsp.rs: three broad kinds, everything resolved."""
    resolved = ["kind", "diagnostics", "isPreferred", "disabled", "edit", "command"]
    return lsp.ClientCapabilities(
        general=lsp.GeneralClientCapabilities(position_encodings=[_UTF_16]),
        workspace=_workspace(),
        window=lsp.WindowClientCapabilities(work_done_progress=True),
        text_document=_actions(["refactor", "quickfix", "source"], resolved),
    )


def sublime() -> lsp.ClientCapabilities:
    """The package LSP, sessions.py: edits alone are resolved."""
    kinds = "quickfix|refactor|refactor.extract|refactor.inline|refactor.rewrite"
    return lsp.ClientCapabilities(
        general=lsp.GeneralClientCapabilities(position_encodings=[_UTF_16]),
        workspace=_workspace(),
        window=lsp.WindowClientCapabilities(
            work_done_progress=True,
            show_document=lsp.ShowDocumentClientCapabilities(support=True),
        ),
        text_document=_actions(kinds.split("|"), ["edit"], disabled_support=True),
    )


def kate() -> lsp.ClientCapabilities:
    """addons/lspclient, lspclientserver.cpp: resolves nothing, knows no sections of settings."""
    return lsp.ClientCapabilities(
        workspace=lsp.WorkspaceClientCapabilities(workspace_folders=True),
        window=lsp.WindowClientCapabilities(work_done_progress=True),
        text_document=_actions(["quickfix", "refactor", "source"], []),
    )


def _workspace() -> lsp.WorkspaceClientCapabilities:
    return lsp.WorkspaceClientCapabilities(
        apply_edit=True,
        configuration=True,
        workspace_folders=True,
        workspace_edit=lsp.WorkspaceEditClientCapabilities(document_changes=True),
    )


def _actions(
    kinds: Sequence[str], resolved: Sequence[str], **more: bool
) -> lsp.TextDocumentClientCapabilities:
    return lsp.TextDocumentClientCapabilities(
        code_action=lsp.CodeActionClientCapabilities(
            code_action_literal_support=lsp.ClientCodeActionLiteralOptions(
                code_action_kind=lsp.ClientCodeActionKindOptions(value_set=list(kinds))
            ),
            data_support=bool(resolved) or None,
            resolve_support=(
                lsp.ClientCodeActionResolveOptions(properties=list(resolved)) if resolved else None
            ),
            **more,
        )
    )
