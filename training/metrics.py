"""Measures of predicted function names.

Sub-token precision, recall and F1 as in Code Transformer (ICLR 2021, arXiv 2103.11318): names
are split at underscores, case and digit boundaries and lower-cased; micro sums over the multiset
of the corpus, macro is the mean of each function's F1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def sub_tokens(name: str) -> list[str]:
    """`parseHTTPHeaders_2` -> parse, http, headers, 2."""
    return [word.lower() for word in _WORD.findall(name)]


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many sub-tokens two names share, and how many each has."""

    shared: int
    predicted: int
    actual: int

    @property
    def f1(self) -> float:
        total = self.predicted + self.actual
        return 2 * self.shared / total if total else 0.0


def overlap(predicted: str, actual: str) -> Overlap:
    """Multiset overlap of the sub-tokens of two names."""
    left, right = Counter(sub_tokens(predicted)), Counter(sub_tokens(actual))
    return Overlap((left & right).total(), left.total(), right.total())


@dataclass(frozen=True, slots=True)
class Scores:
    """The metrics of one evaluation; all but `n` between 0 and 1."""

    n: int
    exact_match: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    macro_f1: float
    top5_exact_match: float
    expected_calibration_error: float


def measure(actual: Sequence[str], candidates: Sequence[Sequence[tuple[str, float]]]) -> Scores:
    """Scores of ranked (name, probability) candidates against the actual names."""
    firsts = [ranked[0] if ranked else ("", 0.0) for ranked in candidates]
    overlaps = [overlap(first, name) for (first, _), name in zip(firsts, actual, strict=True)]
    shared = sum(o.shared for o in overlaps)
    predicted = sum(o.predicted for o in overlaps)
    wanted = sum(o.actual for o in overlaps)
    count = len(actual)
    right = [first == name for (first, _), name in zip(firsts, actual, strict=True)]
    in_five = [
        name in [candidate for candidate, _ in ranked[:5]]
        for ranked, name in zip(candidates, actual, strict=True)
    ]
    return Scores(
        n=count,
        exact_match=_mean(right),
        micro_precision=shared / predicted if predicted else 0.0,
        micro_recall=shared / wanted if wanted else 0.0,
        micro_f1=2 * shared / (predicted + wanted) if predicted + wanted else 0.0,
        macro_f1=_mean([o.f1 for o in overlaps]),
        top5_exact_match=_mean(in_five),
        expected_calibration_error=calibration_error([p for _, p in firsts], right),
    )


def calibration_error(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = 15
) -> float:
    """Expected calibration error over equal-width bins (Guo et al. 2017, arXiv 1706.04599)."""
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for probability, hit in zip(probabilities, right, strict=True):
        groups[min(bins - 1, int(probability * bins))].append((probability, hit))
    gaps = (
        abs(_mean([p for p, _ in group]) - _mean([hit for _, hit in group])) * len(group)
        for group in groups
        if group
    )
    return sum(gaps) / max(1, len(right))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
