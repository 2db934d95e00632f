"""Lets another predictor answer while the configured one cannot, and says so once.

The configured one is asked first every time: it refuses at once while it knows that it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock

from dataset.question import Question
from server.predictors import together
from server.predictors.base import (
    Cancelled,
    Candidate,
    Identity,
    NamePredictor,
    StopFlag,
    Unavailable,
)
from server.predictors.status import Observer, Reporting, Status


class FallbackPredictor:
    """Answers with `first`, and with `open_second()` where `first` raises Unavailable.

    `second` is the name of what `open_second` loads, once it is needed. `identity` is that of the
    one who answered last, so that no cache mixes their answers.
    """

    def __init__(
        self, first: NamePredictor, second: str, open_second: Callable[[], NamePredictor]
    ) -> None:
        self._first = first
        self._second_name = second
        self._open_second = open_second
        self._second: NamePredictor | None = None
        self._answering = first
        self._lock = Lock()
        self._observer: Observer | None = None
        self._status = Status(first.identity.name, "ready")
        self._falls_back = False
        self._told = False

    @property
    def identity(self) -> Identity:
        """Which model answered last."""
        return self._answering.identity

    def watch(self, observer: Observer) -> None:
        """Report to `observer` what the configured one says, and who answers in its place."""
        self._observer = observer
        if isinstance(self._first, Reporting):
            self._first.watch(_Listener(self._hear, observer))
        else:
            self._show()

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Up to `k` candidates for each question, best first; raises Cancelled when stopped."""
        try:
            found = self._first.predict(questions, k, stop)
        except Unavailable as error:
            second = self._fall_back(str(error))
            if stop is not None and stop.is_set():
                raise Cancelled("the prediction was stopped") from error
            return second.predict(questions, k, stop)
        self._recover()
        return found

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log-probability of each question's present name, by who answered last."""
        if self._answering is not self._first:
            return self._answering.score(questions, names)
        try:
            return self._first.score(questions, names)
        except Unavailable as error:
            return self._fall_back(str(error)).score(questions, names)

    @property
    def batch(self) -> int:
        """How many questions the one who answered last likes at once."""
        return together.batch_of(self._answering)

    def judge(self, questions: Sequence[Question], names: Sequence[str], k: int) -> together.Judged:
        """What `predict` and `score` give, by the same one."""
        try:
            found = together.judge(self._first, questions, names, k)
        except Unavailable as error:
            return together.judge(self._fall_back(str(error)), questions, names, k)
        self._recover()
        return found

    def close(self) -> None:
        """Close both."""
        self._observer = None
        self._first.close()
        if self._second is not None:
            self._second.close()

    def _fall_back(self, reason: str) -> NamePredictor:
        if self._second is None:
            self._second = self._open_second()
        self._answering = self._second
        with self._lock:
            self._falls_back = True
            is_wrong = self._status.state == "failed" or not isinstance(self._first, Reporting)
        self._show()
        # While the first is being loaded nothing is wrong that a user should read.
        if is_wrong:
            self._tell(reason)
        return self._second

    def _recover(self) -> None:
        self._answering = self._first
        with self._lock:
            fell_back, self._falls_back, self._told = self._falls_back, False, False
        if fell_back:
            self._show()

    def _hear(self, status: Status) -> None:
        with self._lock:
            self._status = status
        self._show()
        if status.state == "failed":
            self._tell(status.message)

    def _tell(self, reason: str) -> None:
        with self._lock:
            told, self._told = self._told, True
            observer = self._observer
        if observer is not None and not told:
            observer.tell(f"{reason} – meanwhile `{self._second_name}` answers")

    def _show(self) -> None:
        with self._lock:
            observer, status, falls_back = self._observer, self._status, self._falls_back
        if observer is None:
            return
        # One that is ready again answers the next question itself.
        if status.state == "failed" or (falls_back and status.state != "ready"):
            status = replace(status, fallback=self._second_name)
        observer.status(status)


class _Listener:
    """What the configured predictor reports to."""

    def __init__(self, hear: Callable[[Status], None], observer: Observer) -> None:
        self._hear = hear
        self._observer = observer

    def status(self, status: Status) -> None:
        self._hear(status)

    def tell(self, message: str) -> None:
        self._observer.tell(message)
