"""What every predictor of names is to the rest of the program: the protocol and its values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from dataset.question import Question
from server.errors import NamewrightError


class Cancelled(NamewrightError):
    """A prediction was stopped on the way because nobody waits for it any longer."""


class Unavailable(NamewrightError):
    """The predictor cannot answer now (its engine, its card or its process is the cause).

    Another one may answer in its place; the message says what happened and the remedy.
    """


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name and the natural logarithm of its probability."""

    name: str
    log_probability: float

    @property
    def probability(self) -> float:
        """Between 0 and 1."""
        return math.exp(min(self.log_probability, 0.0))


@dataclass(frozen=True, slots=True)
class Identity:
    """Which model answered: what caches and reports know it by."""

    name: str
    version: str
    fingerprint: str
    understands_context: bool


class StopFlag:
    """Set by whoever no longer wants an answer; predictors look at it between steps."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        """Ask the prediction to stop; any thread may call it, any number of times."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the prediction should stop."""
        return self._event.is_set()


class NamePredictor(Protocol):
    """Answers questions with names. Called from one thread at a time."""

    @property
    def identity(self) -> Identity:
        """Which model this is."""
        ...

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Up to `k` candidates for each question, best first; raises Cancelled when stopped."""
        ...

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log-probability of each question's present name; as many as there are questions."""
        ...

    def close(self) -> None:
        """Free what the predictor holds; it is not used afterwards."""
        ...
