"""Code actions with names for the function under the cursor.

A request that the editor makes by itself is answered from the cache and at most starts a
prediction; one that a person makes waits for the model within the budget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from lsprotocol import types as lsp

from server.errors import NamewrightError
from server.features.quick_fixes import FIX, as_quick_fixes, hints_among
from server.features.targets import Target, target_of, to_wire
from server.features.workspace_edits import edit_of
from server.line_index import Place
from server.predictors.base import Cancelled, Candidate
from server.predictors.queue import Job
from server.session import Session
from server.suggestions import Asked, Offer, offer

APPLY_COMMAND = "namewright.applyName"
SUGGEST_COMMAND = "namewright.suggestNames"
# What a client may announce to take over the rename (`experimental.commands`).
CLIENT_RENAME_COMMAND = "namewright.renameByClient"
KIND = lsp.CodeActionKind.RefactorRewrite
SUGGEST_TITLE = "Suggest names…"
# A client that does not say who asks may be polling: it is kept waiting only this long.
_UNSAID_BUDGET_MS = 300
_EDITS_SECONDS = 2.0


async def code_actions(
    session: Session, params: lsp.CodeActionParams
) -> list[lsp.CodeAction | lsp.Command]:
    """Names for the function at the start of the range; an empty list where there are none.

    On a hint of ours they are its quick fixes.
    """
    hints = hints_among(params.context.diagnostics)
    if hints and _wanted(params.context.only, FIX):
        return as_quick_fixes(await _code_actions(session, params), hints)
    return await _code_actions(session, params) if _wanted(params.context.only, KIND) else []


async def _code_actions(
    session: Session, params: lsp.CodeActionParams
) -> list[lsp.CodeAction | lsp.Command]:
    snapshot = session.documents.get(params.text_document.uri)
    if snapshot is None:
        return []
    start, trigger = params.range.start, params.context.trigger_kind
    asked, known = await session.look_up(snapshot, Place(start.line, start.character))
    if asked is None:
        return []
    automatic = trigger == lsp.CodeActionTriggerKind.Automatic
    if known is None and automatic:
        session.predict_at_rest(job_for(asked, urgent=False))
        return []
    if known is None:
        budget = session.settings.budget_ms
        if trigger is None:
            budget = min(budget, _UNSAID_BUDGET_MS)
        try:
            known = await _within(session, asked, budget / 1000)
        except Cancelled:
            known = None
        except NamewrightError as error:
            return _explained(session, SUGGEST_TITLE, str(error))
        if known is None:
            return [_suggest_action(session, asked)]
    if known.names:
        return await _renames(session, asked, known.names, at_once=not automatic)
    return [] if automatic else _explained(session, *_why_nothing(asked, known))


async def wait_for_offer(session: Session, asked: Asked) -> Offer:
    """Ask the model and wait; stops its work when cancelled. Raises NamewrightError."""
    answer = await asyncio.wrap_future(session.predict(job_for(asked, urgent=True)))
    settings = session.settings
    return await session.analyse(lambda: offer(asked, answer, settings))


def job_for(asked: Asked, *, urgent: bool) -> Job:
    """The job of asking a function's question."""
    return Job(asked.question, asked.function.name, asked.snapshot.uri, urgent)


def title_of(candidate: Candidate) -> str:
    """``Rename to `parse_headers` (72%)``."""
    return f"Rename to `{candidate.name}` ({percent(candidate.probability)})"


def percent(probability: float) -> str:
    """A probability as people read it; never rounded to a certainty."""
    if probability < 0.01:
        return "<1%"
    return f"{min(probability, 0.99):.0%}"


async def _within(session: Session, asked: Asked, seconds: float) -> Offer | None:
    """The offer, or None after `seconds`; the model then goes on, for the next request."""
    waiting = asyncio.ensure_future(wait_for_offer(session, asked))
    try:
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
    except asyncio.CancelledError:
        waiting.cancel()
        raise
    if done:
        return waiting.result()
    waiting.add_done_callback(lambda task: None if task.cancelled() else task.exception())
    return None


async def _renames(
    session: Session, asked: Asked, names: Sequence[Candidate], *, at_once: bool
) -> list[lsp.CodeAction | lsp.Command]:
    profile = session.profile
    hands_over = (
        session.settings.rename_engine == "client" and CLIENT_RENAME_COMMAND in profile.commands
    )
    actions: list[lsp.CodeAction | lsp.Command] = []
    deadline = monotonic() + _EDITS_SECONDS
    for candidate in names:
        title, target = title_of(candidate), target_of(asked, candidate.name)
        apply = lsp.Command(title, APPLY_COMMAND, arguments=[to_wire(target)])
        if not profile.code_action_literals:
            actions.append(apply)
            continue
        action = lsp.CodeAction(title, kind=KIND)
        if profile.knows_llm_tag:
            action.tags = [lsp.CodeActionTag.LlmGenerated]
        if hands_over:
            action.command = _handed_over(session, asked, title, candidate.name)
        elif profile.resolves_edit:
            action.data = to_wire(target)
        elif profile.apply_edit and not at_once:
            action.command = apply
        elif not await _fill(session, action, apply, target, deadline):
            continue
        actions.append(action)
    return actions


async def _fill(
    session: Session,
    action: lsp.CodeAction,
    apply: lsp.Command,
    target: Target,
    deadline: float,
) -> bool:
    """Give an action its edit, or where planning takes too long, the command that makes it.

    False when the rename is refused and the client cannot show why.
    """
    left = deadline - monotonic()
    try:
        if left <= 0:
            raise TimeoutError
        action.edit = await asyncio.wait_for(edit_of(session, target), left)
    except TimeoutError:
        action.command = apply
    except NamewrightError as error:
        action.disabled = lsp.CodeActionDisabled(str(error))
        return session.profile.shows_disabled
    return True


def _handed_over(session: Session, asked: Asked, title: str, name: str) -> lsp.Command:
    place = asked.snapshot.lines.place(asked.function.name_span.start, session.profile.encoding)
    argument = {
        "uri": asked.snapshot.uri,
        "position": {"line": place.line, "character": place.column},
        "newName": name,
    }
    return lsp.Command(title, CLIENT_RENAME_COMMAND, arguments=[argument])


def _suggest_action(session: Session, asked: Asked) -> lsp.CodeAction | lsp.Command:
    place = asked.snapshot.lines.place(asked.function.name_span.start, session.profile.encoding)
    argument = {
        "uri": asked.snapshot.uri,
        "position": {"line": place.line, "character": place.column},
    }
    command = lsp.Command(SUGGEST_TITLE, SUGGEST_COMMAND, arguments=[argument])
    if not session.profile.code_action_literals:
        return command
    return lsp.CodeAction(SUGGEST_TITLE, kind=KIND, command=command)


def _why_nothing(asked: Asked, known: Offer) -> tuple[str, str]:
    name = asked.function.name
    if known.present_is_best:
        title = f"`{name}` is already the best name"
        return title, f"{title} ({percent(known.present_probability)})"
    return "No better name", f"no name better than `{name}` was found that fits here"


def _explained(session: Session, title: str, reason: str) -> list[lsp.CodeAction | lsp.Command]:
    """Why there are no names, where the client can show a disabled action."""
    if not (session.profile.shows_disabled and session.profile.code_action_literals):
        return []
    return [lsp.CodeAction(title, kind=KIND, disabled=lsp.CodeActionDisabled(reason))]


def _wanted(only: Sequence[lsp.CodeActionKind | str] | None, offered: lsp.CodeActionKind) -> bool:
    """Whether the client's filter lets a kind through; a kind includes those below it."""
    if not only:
        return True
    kinds = (kind.value if isinstance(kind, lsp.CodeActionKind) else kind for kind in only)
    return any(kind == "" or f"{offered.value}.".startswith(f"{kind}.") for kind in kinds)
