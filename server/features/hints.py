"""Hints on names that fit badly, in open files, when the setting `hints` asks for them.

They are worked out in the background once a file rests; the names of the code action are their
quick fixes.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from lsprotocol import types as lsp

from server.auditing.misfits import Misfit, Subject, subjects
from server.documents import Snapshot
from server.errors import NamewrightError
from server.features.audit import MIN_CONFIDENCE, judged_by_model
from server.features.names import name_range
from server.features.quick_fixes import SOURCE
from server.session import Session
from server.suggestions import file_name_of

_REST_SECONDS = 1.0
_LOG = logging.getLogger("namewright.hints")


class Hints:
    """The hints of one session; its methods are called on the event loop's thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: dict[str, asyncio.Task[None]] = {}
        self._shown: set[str] = set()

    def follow(self, uri: str) -> None:
        """A file was opened or edited: judge it once it rests."""
        self._stop(uri)
        if self._session.settings.hints:
            self._running[uri] = asyncio.create_task(self._refresh(uri))

    def forget(self, uri: str) -> None:
        """A file was closed."""
        self._stop(uri)
        self._show(uri, [])

    def reconfigure(self) -> None:
        """The setting may have changed."""
        for uri in (*self._running, *self._shown):
            self.forget(uri)
        for snapshot in self._session.documents:
            self.follow(snapshot.uri)

    async def _refresh(self, uri: str) -> None:
        await asyncio.sleep(_REST_SECONDS)
        snapshot = self._session.documents.get(uri)
        if snapshot is None:
            return
        try:
            found = await _misfits(self._session, snapshot)
        except NamewrightError as error:
            # Nobody asked: whoever asks for names will be told.
            _LOG.info("no hints: %s", error)
            return
        hints = [_hint(self._session, snapshot, *one) for one in found]
        self._show(uri, hints, snapshot.version)

    def _show(self, uri: str, hints: list[lsp.Diagnostic], version: int | None = None) -> None:
        if not hints and uri not in self._shown:
            return
        self._shown.add(uri)
        if not hints:
            self._shown.discard(uri)
        params = lsp.PublishDiagnosticsParams(uri, hints, version)
        self._session.client.notify(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

    def _stop(self, uri: str) -> None:
        task = self._running.pop(uri, None)
        if task is not None:
            task.cancel()


async def _misfits(session: Session, snapshot: Snapshot) -> list[tuple[Misfit, Subject]]:
    path = snapshot.path or Path(file_name_of(snapshot))
    judged = await session.analyse(lambda: list(subjects(path, snapshot.source)))
    found: list[tuple[Misfit, Subject]] = []
    for subject in judged:
        misfit = await judged_by_model(session, subject, f"namewright:hints:{snapshot.uri}")
        if misfit is not None and misfit.confidence >= MIN_CONFIDENCE:
            found.append((misfit, subject))
    return found


def _hint(session: Session, snapshot: Snapshot, misfit: Misfit, subject: Subject) -> lsp.Diagnostic:
    best = misfit.suggestions[0]
    span = subject.function.name_span
    return lsp.Diagnostic(
        range=name_range(snapshot.lines, *span, session.profile.encoding),
        message=f"`{misfit.name}` may mislead: `{best.name}` says better what this does",
        severity=lsp.DiagnosticSeverity.Hint,
        source=SOURCE,
        code="name",
    )
