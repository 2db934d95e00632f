"""Fits the shown probability of a name to how often such names are right (Platt scaling)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from server.predictors.embedded import load_embedded
from server.predictors.weights import Calibration, logit
from training.evaluate import answer, read_cases


def fit_on(weights: Path, data: Path) -> Calibration:
    """Fit on the first candidates of uncalibrated weights, with and without context."""
    predictor = load_embedded(weights)
    scores: list[float] = []
    right: list[bool] = []
    for context in (False, True):
        cases = list(read_cases(data, context))
        for case, found in zip(cases, answer(predictor, cases), strict=True):
            if found:
                scores.append(found[0].log_probability)
                right.append(found[0].name == case.name)
    return fit(scores, right)


def fit(log_probabilities: Sequence[float], right: Sequence[bool], steps: int = 100) -> Calibration:
    """Logistic regression of being right on the probability's logit, by Newton's method."""
    logits = [logit(each) for each in log_probabilities]
    slope, intercept = 1.0, 0.0
    for _ in range(steps):
        g0 = g1 = h00 = h01 = h11 = 1e-9
        for x, y in zip(logits, right, strict=True):
            p = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, slope * x + intercept))))
            weight, error = p * (1.0 - p), p - y
            g0, g1 = g0 + error, g1 + error * x
            h00, h01, h11 = h00 + weight, h01 + weight * x, h11 + weight * x * x
        determinant = h00 * h11 - h01 * h01
        intercept -= (h11 * g0 - h01 * g1) / determinant
        slope -= (h00 * g1 - h01 * g0) / determinant
        if abs(g0) + abs(g1) < 1e-6 * len(right):
            break
    return Calibration(slope, intercept)
