"""Many questions at once, with the names that the functions have: what an audit asks.

A predictor that gains by it says how many it likes together, and scores the present names in the
read in which it looks for better ones. Others are asked for one thing after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from dataset.question import Question
from server.predictors.base import Candidate, NamePredictor

# Progress stays smooth, and little memory is needed.
_BATCH = 16
# Candidates for each question, best first, and the log-probability of each present name.
Judged: TypeAlias = tuple[list[list[Candidate]], list[float]]


@runtime_checkable
class Together(Protocol):
    """A predictor that is faster with many questions at once."""

    @property
    def batch(self) -> int:
        """How many questions it likes at once."""
        ...

    def judge(self, questions: Sequence[Question], names: Sequence[str], k: int) -> Judged:
        """What `predict` and `score` give, together."""
        ...


def batch_of(predictor: NamePredictor) -> int:
    """How many questions a predictor likes at once."""
    return predictor.batch if isinstance(predictor, Together) else _BATCH


def judge(
    predictor: NamePredictor, questions: Sequence[Question], names: Sequence[str], k: int
) -> Judged:
    """Up to `k` candidates for each question, and the score of its present name."""
    if isinstance(predictor, Together):
        return predictor.judge(questions, names, k)
    return predictor.predict(questions, k), predictor.score(questions, names)
