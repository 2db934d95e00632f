"""Remembers what a predictor answered: bounded, the least recently used answer goes first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from server.predictors.base import Candidate

CAPACITY = 2000


class CacheKey(NamedTuple):
    """All that an answer depends on: the question, the name now, the model and how many names."""

    digest: str
    name: str
    fingerprint: str
    k: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Names for one function, best first, and the log-probability of the name it has now."""

    candidates: tuple[Candidate, ...]
    present_log_probability: float


class AnswerCache:
    """Answers by key; safe to use from any thread."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[CacheKey, Answer] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: CacheKey) -> Answer | None:
        """The answer, which then counts as just used."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def put(self, key: CacheKey, answer: Answer) -> None:
        """Remember an answer."""
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            while len(self._answers) > self._capacity:
                self._answers.popitem(last=False)
