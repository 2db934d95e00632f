"""What each predictor answered to each case, judged: the figures that all analyses count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import snowballstemmer

from training.metrics import Overlap, overlap, sub_tokens

_WORDS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Case:
    """A function with its name: what an analysis may group by.

    `lines` counts those of the question; `kind` is function, method, property, async or test.
    """

    name: str
    text: str
    lines: int
    kind: str
    repository: str
    place: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer: its candidates (name, probability), best first, judged against the name."""

    actual: str
    candidates: tuple[tuple[str, float], ...]
    overlap: Overlap
    rank: int
    rouge1: float
    stems: bool

    @property
    def first(self) -> str:
        """The name offered first; empty when there was none."""
        return self.candidates[0][0] if self.candidates else ""

    @property
    def confidence(self) -> float:
        """The probability of the first name."""
        return self.candidates[0][1] if self.candidates else 0.0

    @property
    def is_exact(self) -> bool:
        """Whether the first name is the actual one."""
        return self.rank == 1


def judge(actual: str, candidates: Sequence[tuple[str, float]]) -> Outcome:
    """The outcome of an answer; `rank` is 0 where the name is not among the candidates."""
    names = [name for name, _ in candidates]
    first = names[0] if names else ""
    return Outcome(
        actual=actual,
        candidates=tuple(candidates),
        overlap=overlap(first, actual),
        rank=names.index(actual) + 1 if actual in names else 0,
        rouge1=rouge1(first, actual),
        stems=bool(first) and stems(first) == stems(actual),
    )


def rouge1(predicted: str, actual: str) -> float:
    """ROUGE-1 F (Lin 2004) with the usual tokens: lower-cased runs of letters and digits.

    Unlike the sub-token F1, `parseHeaders` is one word here and `parse_headers` are two.
    """
    left = [word for word in _WORDS.split(predicted.lower()) if word]
    right = [word for word in _WORDS.split(actual.lower()) if word]
    shared = sum(min(left.count(word), right.count(word)) for word in set(left))
    total = len(left) + len(right)
    return 2 * shared / total if total else 0.0


def stems(name: str) -> tuple[str, ...]:
    """The stems of a name's words in their order: `parsed_headers` and `parse_header` agree."""
    return tuple(_stem(word) for word in sub_tokens(name))


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return _stemmer().stemWord(word)


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    return snowballstemmer.stemmer("english")
