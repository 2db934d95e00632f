"""Work-done progress that a person can cancel; nothing where the client shows none."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from lsprotocol import types as lsp

from server.errors import NamewrightError
from server.session import Session

# A client that never answers must not hold the work back.
_CREATION_SECONDS = 1.0
# Tells what is being done and how much of all is done, in percent.
Report: TypeAlias = Callable[[str, int], None]


@asynccontextmanager
async def progress(
    session: Session, title: str, *, measured: bool = False
) -> AsyncGenerator[Report]:
    """Show `title` while the block runs; cancelling it cancels the task that runs the block.

    The block may report how far it is where it was announced as `measured`.
    """
    token = await _created(session)
    if token is None:
        yield lambda message, percentage: None
        return
    task = asyncio.current_task()
    if task is not None:
        session.running[token] = task
    begin = lsp.WorkDoneProgressBegin(title, cancellable=True, percentage=0 if measured else None)
    _report(session, token, begin)

    def report(message: str, percentage: int) -> None:
        _report(session, token, lsp.WorkDoneProgressReport(message=message, percentage=percentage))

    try:
        yield report
    finally:
        session.running.pop(token, None)
        _report(session, token, lsp.WorkDoneProgressEnd())


def cancel_progress(session: Session, params: lsp.WorkDoneProgressCancelParams) -> None:
    """The person pressed cancel; a token that is over is no matter."""
    task = session.running.get(params.token)
    if task is not None:
        task.cancel()


async def _created(session: Session) -> str | None:
    if not session.profile.progress:
        return None
    token = str(uuid.uuid4())
    creation = session.client.request(
        lsp.WINDOW_WORK_DONE_PROGRESS_CREATE, lsp.WorkDoneProgressCreateParams(token)
    )
    with suppress(NamewrightError, TimeoutError):
        await asyncio.wait_for(creation, _CREATION_SECONDS)
        return token
    return None


def _report(
    session: Session,
    token: str,
    value: lsp.WorkDoneProgressBegin | lsp.WorkDoneProgressReport | lsp.WorkDoneProgressEnd,
) -> None:
    session.client.notify(lsp.PROGRESS, lsp.ProgressParams(token, value))
