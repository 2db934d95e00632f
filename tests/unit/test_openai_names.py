"""What counts as a name in an engine's answer, and how names are ranked."""

from __future__ import annotations

import math

import pytest

from server.predictors.base import Candidate
from server.predictors.engine.answers import Sample
from server.predictors.engine.names import is_settled, names_of, rank


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("parse_headers", ["parse_headers"]),
        (" parse_headers \n", ["parse_headers"]),
        ("`parse_headers`", ["parse_headers"]),
        ("**parse_headers**", ["parse_headers"]),
        ("```python\nparse_headers\n```", ["parse_headers"]),
        ("Reader.parse_headers", ["parse_headers"]),
        ("<think>\nIt splits lines.\n</think>\n\nsplit_lines", ["split_lines"]),
        ("1. parse_headers\n2. read_headers\n3) parse_headers", ["parse_headers", "read_headers"]),
        ("- parse\n- read", ["parse", "read"]),
        ("parse_headers\n\nThis function parses headers.", ["parse_headers"]),
        ("größe", ["größe"]),
        ("", []),
        ("parse headers", []),
        ("parse_headers()", []),
        ("def parse_headers(text):", []),
        ("def parse_headers(text):\n    return 1", []),
        ("parse_headers; import os", []),
        ("Sure! Here is a name: parse_headers", []),
        ("class", []),
        ("___", []),
        ("2fast", []),
        ("a.b()", []),
        ("x" * 61, []),
        ("<think>\nunfinished", []),
    ],
)
def test_a_name_is_a_bare_identifier(text: str, names: list[str]) -> None:
    assert names_of(Sample(text, None, True)) == names


@pytest.mark.parametrize(
    ("text", "names"), [("parse_head", []), ("parse\n", ["parse"]), ("parse\nrea", ["parse"])]
)
def test_what_was_cut_off_is_no_name(text: str, names: list[str]) -> None:
    assert names_of(Sample(text, None, False)) == names


def shown(found: list[Candidate]) -> list[tuple[str, float]]:
    return [(one.name, round(one.probability, 6)) for one in found]


def test_log_probabilities_rank_where_they_are_told() -> None:
    samples = [
        Sample("read", math.log(0.1), True),
        Sample("parse", math.log(0.5), True),
        Sample("read", math.log(0.1), True),
        Sample("two words", math.log(0.3), True),
    ]
    found, unseen = rank(samples, None, 5)
    assert shown(found) == [
        ("parse", 0.5),
        ("read", 0.1),
    ]
    assert unseen < found[-1].log_probability


def test_other_spellings_of_a_name_add_up() -> None:
    samples = [Sample("_read", math.log(0.2), True), Sample(" read", math.log(0.3), True)]
    found, _ = rank(samples, "_", 5)
    assert shown(found) == [("_read", 0.5)]


def test_frequency_ranks_where_scores_are_missing_and_is_never_certain() -> None:
    samples = [Sample(name, None, True) for name in ("read", "parse", "parse", "no name")]
    found, unseen = rank(samples, None, 5)
    assert shown(found) == [
        ("parse", 0.4),
        ("read", 0.2),
    ]
    assert math.exp(unseen) == pytest.approx(0.1)


def test_one_answer_with_several_names_keeps_their_order() -> None:
    found, _ = rank([Sample("parse\nread\nsplit", None, True)], None, 2)
    assert [one.name for one in found] == ["parse", "read"]
    assert found[0].probability <= 0.5


def test_no_name_at_all_is_no_error() -> None:
    assert rank([Sample("I cannot help.", -1.0, True)], None, 5)[0] == []


def test_equal_answers_settle() -> None:
    same = [Sample("parse", None, True)] * 3
    assert is_settled(same, 3)
    assert not is_settled(same[:2], 3)
    assert not is_settled([*same[:2], Sample("read", None, True)], 3)
