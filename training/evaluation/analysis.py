"""Where a predictor is right and wrong: by length, repository, kind and verb, and its errors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.evaluation.measures import micro_f1
from training.evaluation.outcomes import Case, Outcome
from training.metrics import sub_tokens

_LINES = (3, 6, 10, 20, 40)
_WORDS = (1, 2, 3, 4)
_BINS = 10
_GROUPS, _FEWEST = 20, 5
_ERRORS = 12


@dataclass(frozen=True, slots=True)
class Slice:
    """A group of cases: how many, and how well they were named."""

    label: str
    n: int
    micro_f1: float
    exact_match: float


@dataclass(frozen=True, slots=True)
class Error:
    """A wrong first name, with what it was asked."""

    actual: str
    predicted: str
    confidence: float
    f1: float
    place: str
    text: str


def analyse(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Every analysis of one predictor as plain values."""
    pairs = list(zip(cases, outcomes, strict=True))
    wrong = [_error(case, outcome) for case, outcome in pairs if not outcome.is_exact]
    return {
        "by_function_length": _ordered(pairs, lambda case: _bin(case.lines, _LINES, "lines")),
        "by_name_length": _ordered(
            pairs, lambda case: _bin(len(sub_tokens(case.name)), _WORDS, "words")
        ),
        "by_kind": _largest(pairs, lambda case: case.kind),
        "by_repository": _largest(pairs, lambda case: case.repository),
        "by_verb": _largest(pairs, lambda case: first_word(case.name)),
        "reliability": reliability(outcomes),
        "confusion": confusion(outcomes),
        "confident_errors": [asdict(e) for e in sorted(wrong, key=_by_confidence)[:_ERRORS]],
        "worst_errors": [asdict(e) for e in sorted(wrong, key=_by_f1)[:_ERRORS]],
    }


def first_word(name: str) -> str:
    """The first word of a name (`get` of `_get_value`); empty when it has none."""
    words = sub_tokens(name)
    return words[0] if words else ""


def reliability(outcomes: Sequence[Outcome]) -> list[dict[str, float]]:
    """Mean probability and share of right first names in bins of probability of equal width."""
    bins: list[list[Outcome]] = [[] for _ in range(_BINS)]
    for outcome in outcomes:
        bins[min(_BINS - 1, int(outcome.confidence * _BINS))].append(outcome)
    return [
        {
            "n": len(group),
            "confidence": sum(o.confidence for o in group) / len(group),
            "accuracy": sum(o.is_exact for o in group) / len(group),
        }
        for group in bins
        if group
    ]


def confusion(outcomes: Sequence[Outcome], size: int = 12) -> dict[str, Any]:
    """How often each frequent first word was answered by each; the last row and column are others.

    `counts[i][j]`: the actual word is `words[i]`, the predicted one `words[j]`.
    """
    frequent = Counter(first_word(o.actual) for o in outcomes).most_common(size)
    words = [word for word, _ in frequent]
    place = {word: index for index, word in enumerate(words)}
    counts = [[0] * (len(words) + 1) for _ in range(len(words) + 1)]
    for outcome in outcomes:
        row = place.get(first_word(outcome.actual), len(words))
        column = place.get(first_word(outcome.first), len(words))
        counts[row][column] += 1
    return {"words": [*words, "other"], "counts": counts}


def _error(case: Case, outcome: Outcome) -> Error:
    return Error(
        actual=outcome.actual,
        predicted=outcome.first,
        confidence=outcome.confidence,
        f1=outcome.overlap.f1,
        place=case.place,
        text=case.text,
    )


def _by_confidence(error: Error) -> tuple[float, float]:
    return -error.confidence, error.f1


def _by_f1(error: Error) -> tuple[float, float]:
    return error.f1, -error.confidence


Pairs = Sequence[tuple[Case, Outcome]]


def _groups(pairs: Pairs, key: Callable[[Case], str]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for case, outcome in pairs:
        groups[key(case)].append(outcome)
    return groups


def _slice(label: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    exact = sum(o.is_exact for o in outcomes) / len(outcomes)
    return asdict(Slice(label, len(outcomes), micro_f1(outcomes), exact))


def _ordered(pairs: Pairs, key: Callable[[Case], str]) -> list[dict[str, Any]]:
    """Groups in the order of their bins, which begin with a number."""
    groups = _groups(pairs, key)
    ordered = sorted(groups, key=lambda label: int(label.replace("–", " ").split()[0]))
    return [_slice(label, groups[label]) for label in ordered]


def _largest(pairs: Pairs, key: Callable[[Case], str]) -> list[dict[str, Any]]:
    """The largest groups, without those too small to say anything."""
    groups = _groups(pairs, key)
    ordered = sorted(groups, key=lambda label: (-len(groups[label]), label))
    chosen = [label for label in ordered if len(groups[label]) >= _FEWEST and label]
    return [_slice(label, groups[label]) for label in chosen[:_GROUPS]]


def _bin(value: int, edges: Sequence[int], unit: str) -> str:
    low = 0
    for edge in edges:
        if value <= edge:
            return (
                f"{edge} {unit}".replace("1 words", "1 word")
                if edge - low == 1
                else f"{low + 1}–{edge} {unit}"
            )
        low = edge
    return f"{low + 1} and more {unit}"
