"""Work-done progress that a person can cancel; nothing where the client shows none."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from lsprotocol import types as lsp

from server.errors import NamewrightError
from server.session import Session

# A client that never answers must not hold the work back.
_CREATION_SECONDS = 1.0


@asynccontextmanager
async def progress(session: Session, title: str) -> AsyncGenerator[None]:
    """Show `title` while the block runs; cancelling it cancels the task that runs the block."""
    token = await _created(session)
    if token is None:
        yield
        return
    task = asyncio.current_task()
    if task is not None:
        session.running[token] = task
    _report(session, token, lsp.WorkDoneProgressBegin(title=title, cancellable=True))
    try:
        yield
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
    value: lsp.WorkDoneProgressBegin | lsp.WorkDoneProgressEnd,
) -> None:
    session.client.notify(lsp.PROGRESS, lsp.ProgressParams(token, value))
