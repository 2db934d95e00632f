"""Computes the edit of a code action once the person has chosen it."""

from __future__ import annotations

from lsprotocol import types as lsp

from server.features.targets import from_wire
from server.features.workspace_edits import edit_of
from server.session import Session


async def resolve_action(session: Session, action: lsp.CodeAction) -> lsp.CodeAction:
    """The action with its edit; raises NamewrightError when it is refused or out of date."""
    if action.edit is None and action.data is not None:
        action.edit = await edit_of(session, from_wire(action.data))
    return action
