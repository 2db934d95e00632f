"""Figures of one predictor, and whether two predictors differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    random = np.random.default_rng(seed)
    counts = np.stack([_counts(better), _counts(other)])
    drawn = [
        _differences(counts[:, random.integers(0, len(better), len(better))])
        for _ in range(_ROUNDS)
    ]
    observed = _differences(counts)
    return {name: _interval(observed[name], [each[name] for each in drawn]) for name in observed}


def _counts(outcomes: Sequence[Outcome]) -> NDArray[np.int64]:
    """(cases, 3): words shared, words of both names, whether the first name is right."""
    rows = [
        (o.overlap.shared, o.overlap.predicted + o.overlap.actual, o.is_exact) for o in outcomes
    ]
    return np.array(rows, np.int64)


def _differences(counts: NDArray[np.int64]) -> dict[str, float]:
    (left, right), cases = counts.sum(1).tolist(), max(1, counts.shape[1])
    f1 = [2 * shared / words if words else 0.0 for shared, words, _ in (left, right)]
    return {"micro_f1": f1[0] - f1[1], "exact_match": (left[2] - right[2]) / cases}


def _interval(observed: float, drawn: list[float]) -> Interval:
    drawn = sorted(drawn)
    low, high = drawn[int(0.025 * len(drawn))], drawn[int(0.975 * len(drawn)) - 1]
    # Add-one smoothing: no finite bootstrap shows a probability of zero.
    against = sum(value <= 0 for value in drawn) if observed > 0 else sum(v >= 0 for v in drawn)
    return Interval(observed, low, high, min(1.0, 2 * (against + 1) / (len(drawn) + 1)))
