"""Shown probabilities: fitted to outcomes, sure where the model is sure."""

from __future__ import annotations

import math
import random

import pytest

from server.predictors.weights import Calibration, logit
from training.calibration import fit


def test_finds_the_way_outcomes_were_drawn() -> None:
    generator = random.Random(1)
    drawn = [math.log(generator.random()) for _ in range(20_000)]
    truth = Calibration(0.8, -0.5)
    right = [generator.random() < math.exp(truth.chance(each)) for each in drawn]
    found = fit(drawn, right)
    assert found.slope == pytest.approx(0.8, abs=0.05)
    assert found.intercept == pytest.approx(-0.5, abs=0.05)


def test_a_chance_follows_the_probability_from_end_to_end() -> None:
    calibration = Calibration(0.93, -0.23)
    sure, even, hopeless = (calibration.chance(each) for each in (0.0, math.log(0.5), -80.0))
    assert math.exp(sure) > 0.999
    assert math.exp(even) == pytest.approx(1 / (1 + math.exp(0.23)))
    assert hopeless == pytest.approx(0.93 * -80 - 0.23)
    assert calibration.chance(-math.inf) == -math.inf
    # A sum of logarithms may end a rounding error beyond certainty.
    assert logit(1e-9) == pytest.approx(logit(0.0))
