"""The metrics, against values worked out by hand."""

from __future__ import annotations

import pytest

from training.metrics import calibration_error, measure, overlap, sub_tokens


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("parse_headers", ["parse", "headers"]),
        ("parseHTTPHeaders_2", ["parse", "http", "headers", "2"]),
        ("__init__", ["init"]),
        ("sha256sum", ["sha", "256", "sum"]),
        ("größe_lesen", ["gr", "öß", "e", "lesen"]),
        ("_", []),
    ],
)
def test_sub_tokens(name: str, expected: list[str]) -> None:
    assert sub_tokens(name) == expected


def test_overlap_counts_a_repeated_word_as_often_as_both_have_it() -> None:
    found = overlap("get_get_name", "getName")
    assert (found.shared, found.predicted, found.actual) == (2, 3, 2)
    assert found.f1 == pytest.approx(0.8)


def test_measure_by_hand() -> None:
    scores = measure(
        ["read_file", "close"],
        [[("read_data", 0.5), ("read_file", 0.2)], [("close", 0.9)]],
    )
    assert scores.n == 2
    assert scores.exact_match == 0.5
    assert scores.top5_exact_match == 1.0
    assert scores.micro_precision == pytest.approx(2 / 3)
    assert scores.micro_recall == pytest.approx(2 / 3)
    assert scores.macro_f1 == pytest.approx(0.75)
    assert scores.expected_calibration_error == pytest.approx((0.5 + 0.1) / 2)


def test_no_candidate_is_a_wrong_answer() -> None:
    scores = measure(["close"], [[]])
    assert scores.exact_match == 0.0
    assert scores.micro_f1 == 0.0


def test_calibration_error_of_honest_probabilities_is_small() -> None:
    probabilities = [0.25] * 400
    right = [index % 4 == 0 for index in range(400)]
    assert calibration_error(probabilities, right) == pytest.approx(0.0)
    assert calibration_error(probabilities, [True] * 400) == pytest.approx(0.75)
