"""The commands behind the actions: look for names with progress, and apply a chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from lsprotocol import types as lsp

from server.errors import NamewrightError
from server.features.code_actions import percent, wait_for_offer
from server.features.configuration import as_json
from server.features.progress import progress
from server.features.targets import Target, from_wire, target_of
from server.features.workspace_edits import edit_of
from server.line_index import Place
from server.predictors.base import Candidate
from server.session import Session
from server.suggestions import Asked, Offer


async def suggest_names(session: Session, argument: object) -> list[dict[str, object]]:
    """Look for names, let the person choose one, and rename.

    Answers all names found as `{"name", "probability"}`. Raises NamewrightError when there is no
    function at the place or the predictor cannot answer.
    """
    uri, place = uri_and_place(argument)
    snapshot = session.documents.get(uri)
    if snapshot is None:
        raise NamewrightError("this file is not open; open it and ask again")
    asked, known = await session.look_up(snapshot, place)
    if asked is None:
        raise NamewrightError("there is no function here; put the cursor on a definition")
    if known is None:
        async with progress(session, f"Looking for names for {asked.function.name}"):
            known = await wait_for_offer(session, asked)
    chosen = await _choose(session, asked, known)
    if chosen is not None:
        await _rename(session, target_of(asked, chosen.name))
    return [{"name": one.name, "probability": one.probability} for one in known.names]


async def apply_name(session: Session, argument: object) -> None:
    """Rename the target that the argument describes; raises NamewrightError when it cannot be."""
    await _rename(session, from_wire(argument))


async def _rename(session: Session, target: Target) -> None:
    async with progress(session, f"Renaming {target.name} to {target.new_name}"):
        edit = await edit_of(session, target)
    label = f"Rename {target.name} to {target.new_name}"
    result: object = await session.client.request(
        lsp.WORKSPACE_APPLY_EDIT, lsp.ApplyWorkspaceEditParams(edit=edit, label=label)
    )
    if isinstance(result, lsp.ApplyWorkspaceEditResult) and not result.applied:
        reason = result.failure_reason or "it gave no reason"
        raise NamewrightError(f"the editor did not apply the rename: {reason}")


async def _choose(session: Session, asked: Asked, known: Offer) -> Candidate | None:
    name = asked.function.name
    if not known.names:
        best = f"`{name}` is already the best name ({percent(known.present_probability)})."
        text = best if known.present_is_best else f"No name better than `{name}` was found."
        session.client.notify(
            lsp.WINDOW_SHOW_MESSAGE, lsp.ShowMessageParams(lsp.MessageType.Info, text)
        )
        return None
    titles = {f"{one.name} ({percent(one.probability)})": one for one in known.names}
    question = lsp.ShowMessageRequestParams(
        lsp.MessageType.Info,
        f"Rename `{name}` to:",
        [lsp.MessageActionItem(title) for title in titles],
    )
    answer: object = await session.client.request(lsp.WINDOW_SHOW_MESSAGE_REQUEST, question)
    return titles.get(answer.title) if isinstance(answer, lsp.MessageActionItem) else None


def uri_and_place(argument: object) -> tuple[str, Place]:
    """What `{"uri", "position"}` says; raises NamewrightError when it says something else."""
    value = as_json(argument)
    if isinstance(value, Mapping):
        options = cast(Mapping[str, object], value)
        position = options.get("position")
        if isinstance(position, Mapping):
            at = cast(Mapping[str, object], position)
            match (options.get("uri"), at.get("line"), at.get("character")):
                case (str(uri), int(line), int(character)):
                    return uri, Place(line, character)
                case _:
                    pass
    raise NamewrightError('the command needs {"uri", "position": {"line", "character"}}')
