"""Carries what predictor and queue say of themselves to the editor, from whichever thread."""

from __future__ import annotations

import logging
from collections.abc import Callable

from server.errors import NamewrightError
from server.predictors.base import NamePredictor
from server.predictors.status import Reporting, Status, StatusBoard

STATUS_METHOD = "namewright/status"
_LOG = logging.getLogger("namewright.status")


class Reporter:
    """One predictor's line to the editor: the queue's `Watcher` and the predictor's `Observer`.

    `publish` sends a status and `tell` shows a line; both may be called from any thread.
    """

    def __init__(
        self, predictor: str, publish: Callable[[Status], None], tell: Callable[[str], None]
    ) -> None:
        self._tell = tell
        self._publish = publish
        self._silent = False
        self._board = StatusBoard(predictor, self._send)

    @property
    def current(self) -> Status:
        """The state as the editor shows it."""
        return self._board.current

    def silence(self) -> None:
        """Another predictor takes over; what this one still says is of no interest."""
        self._silent = True

    def loaded(self, predictor: NamePredictor) -> None:
        """The predictor is there, or at least able to say how far it is."""
        if isinstance(predictor, Reporting):
            predictor.watch(self)
        else:
            self._board.report(Status(predictor.identity.name, "ready"))

    def failed(self, error: NamewrightError) -> None:
        """The predictor could not be loaded."""
        _LOG.error("%s", error)
        self._board.report(Status(self.current.predictor, "failed", str(error)))
        self.tell(str(error))

    def working(self) -> None:
        """A question is being answered."""
        self._board.working()

    def worked(self, latency_ms: float | None) -> None:
        """The question is answered, or given up."""
        self._board.worked(latency_ms)

    def status(self, status: Status) -> None:
        """The predictor's state changed."""
        self._board.report(status)

    def tell(self, message: str) -> None:
        """Show the user a line."""
        if not self._silent:
            self._tell(message)

    def _send(self, status: Status) -> None:
        if not self._silent:
            self._publish(status)
