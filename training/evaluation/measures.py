"""Figures of one predictor, and whether two predictors differ by more than chance."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.evaluation.outcomes import Outcome
from training.metrics import measure

_ROUNDS = 1_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference between two predictors, its 95% interval, and how often it is not above 0."""

    difference: float
    low: float
    high: float
    p_value: float


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All metrics of `training.metrics`, and exact match at 1, 3 and 5, ROUGE-1 and stems."""
    count = max(1, len(outcomes))
    scores = measure([o.actual for o in outcomes], [o.candidates for o in outcomes])
    return {
        **asdict(scores),
        **{
            f"exact_match_at_{k}": sum(0 < o.rank <= k for o in outcomes) / count for k in (1, 3, 5)
        },
        "rouge_1": sum(o.rouge1 for o in outcomes) / count,
        "stem_accuracy": sum(o.stems for o in outcomes) / count,
    }


def micro_f1(outcomes: Sequence[Outcome]) -> float:
    """Sub-token F1 over all outcomes."""
    total = sum(o.overlap.predicted + o.overlap.actual for o in outcomes)
    return 2 * sum(o.overlap.shared for o in outcomes) / total if total else 0.0


def compare(
    better: Sequence[Outcome], other: Sequence[Outcome], seed: int = 1
) -> Mapping[str, Interval]:
    """Paired bootstrap over the cases (Koehn 2004) of micro-F1 and exact match."""
    generator = random.Random(seed)
    left = [(o.overlap.shared, o.overlap.predicted + o.overlap.actual, o.is_exact) for o in better]
    right = [(o.overlap.shared, o.overlap.predicted + o.overlap.actual, o.is_exact) for o in other]
    drawn: dict[str, list[float]] = {"micro_f1": [], "exact_match": []}
    for _ in range(_ROUNDS):
        chosen = generator.choices(range(len(left)), k=len(left))
        for name, difference in _differences(left, right, chosen).items():
            drawn[name].append(difference)
    observed = _differences(left, right, range(len(left)))
    return {name: _interval(observed[name], values) for name, values in drawn.items()}


def _differences(left: Any, right: Any, chosen: Any) -> dict[str, float]:
    sums = [[0, 0, 0], [0, 0, 0]]
    for side, rows in zip(sums, (left, right), strict=True):
        for index in chosen:
            shared, total, exact = rows[index]
            side[0] += shared
            side[1] += total
            side[2] += exact
    f1 = [2 * side[0] / side[1] if side[1] else 0.0 for side in sums]
    count = max(1, len(chosen))
    return {"micro_f1": f1[0] - f1[1], "exact_match": (sums[0][2] - sums[1][2]) / count}


def _interval(observed: float, drawn: list[float]) -> Interval:
    drawn = sorted(drawn)
    low, high = drawn[int(0.025 * len(drawn))], drawn[int(0.975 * len(drawn)) - 1]
    # Add-one smoothing: no finite bootstrap shows a probability of zero.
    against = sum(value <= 0 for value in drawn) if observed > 0 else sum(v >= 0 for v in drawn)
    return Interval(observed, low, high, min(1.0, 2 * (against + 1) / (len(drawn) + 1)))
