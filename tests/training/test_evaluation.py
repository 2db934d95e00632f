"""Evaluation: measures against values worked out by hand, baselines, the page, the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dataset.question import Question
from tests.training.conftest import Workshop
from training.evaluate import read_cases
from training.evaluation.analysis import analyse, confusion, reliability
from training.evaluation.baselines import MostFrequent, NearestNeighbour
from training.evaluation.listing import listing
from training.evaluation.measures import compare, figures
from training.evaluation.outcomes import Case, judge, rouge1, stems
from training.evaluation.page import markdown
from training.metrics import measure

Train = Callable[..., tuple[int, str, str]]
ANSWERS = [
    ("parse_headers", [("parse_header", 0.6), ("parse_headers", 0.3)]),
    ("get_name", [("get_name", 0.9)]),
    ("run", []),
    ("close_file", [("open", 0.2), ("a", 0.1), ("b", 0.1), ("close_file", 0.05)]),
]


def outcomes() -> list[Any]:
    return [judge(name, candidates) for name, candidates in ANSWERS]


def test_exact_match_counts_the_place_of_the_name() -> None:
    found = figures(outcomes())
    assert [found[f"exact_match_at_{k}"] for k in (1, 3, 5)] == [0.25, 0.5, 0.75]
    assert found["stem_accuracy"] == 0.5
    assert found["rouge_1"] == pytest.approx((0.5 + 1 + 0 + 0) / 4)


def test_figures_hold_the_metrics_of_the_design_unchanged() -> None:
    found = figures(outcomes())
    scores = measure([name for name, _ in ANSWERS], [c for _, c in ANSWERS])
    for name in ("n", "exact_match", "micro_precision", "micro_recall", "micro_f1", "macro_f1",
                 "top5_exact_match", "expected_calibration_error"):  # fmt: skip
        assert found[name] == getattr(scores, name)


@pytest.mark.parametrize(
    ("predicted", "actual", "expected"),
    [
        ("parse_headers", "parse_header", 0.5),
        ("parseHeaders", "parse_headers", 0.0),
        ("Parse_Headers", "parse_headers", 1.0),
        ("a_a", "a", 2 / 3),
        ("", "", 0.0),
    ],
)
def test_rouge_1(predicted: str, actual: str, expected: float) -> None:
    assert rouge1(predicted, actual) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("parsed_headers", "parse_header", True),
        ("parseHeaders", "parse_headers", True),
        ("get_name", "name_get", False),
        ("connect", "connection", True),
    ],
)
def test_stems(first: str, second: str, same: bool) -> None:
    assert (stems(first) == stems(second)) == same


def test_confusion_of_first_words() -> None:
    found = confusion(outcomes(), size=2)
    assert found["words"] == ["parse", "get", "other"]
    assert found["counts"] == [[1, 0, 0], [0, 1, 0], [0, 0, 2]]


def test_reliability_bins() -> None:
    bins = reliability(outcomes())
    assert [(one["n"], one["accuracy"]) for one in bins] == [(1, 0.0), (1, 0.0), (1, 0.0), (1, 1.0)]
    assert bins[-1]["confidence"] == 0.9


def test_slices_and_errors() -> None:
    cases = [
        Case(name, f"def x(): # {index}", index * 4 + 1, "method", "o/r", f"a.py:{index}")
        for index, (name, _) in enumerate(ANSWERS)
    ]
    found = analyse(cases * 5, outcomes() * 5)
    assert [one["label"] for one in found["by_function_length"]] == [
        "1–3 lines", "4–6 lines", "7–10 lines", "11–20 lines",
    ]  # fmt: skip
    assert [one["label"] for one in found["by_name_length"]] == ["1 word", "2 words"]
    assert {one["label"]: one["exact_match"] for one in found["by_verb"]}["get"] == 1.0
    assert found["confident_errors"][0]["actual"] == "parse_headers"
    assert found["worst_errors"][0]["f1"] == 0.0
    assert all(error["actual"] != "get_name" for error in found["worst_errors"])


def test_bootstrap_tells_a_difference_from_chance() -> None:
    right = [judge("a_b", [("a_b", 0.5)]) for _ in range(100)]
    wrong = [judge("a_b", [("c", 0.5)]) for _ in range(100)]
    certain = compare(right, wrong)["exact_match"]
    assert (certain.difference, certain.low, certain.high) == (1.0, 1.0, 1.0)
    assert certain.p_value < 0.01
    mixed = right[:50] + wrong[:50]
    none = compare(mixed, mixed)["micro_f1"]
    assert none.difference == 0.0
    assert none.p_value == 1.0
    swapped = compare(mixed, wrong[:50] + right[:50])["micro_f1"]
    assert swapped.low < 0 < swapped.high
    assert swapped.p_value > 0.5


def test_baselines() -> None:
    names = ["get", "get", "sum_rows", "close_file"]
    frequent = MostFrequent(names)
    assert [c.name for c in frequent.predict([Question("def x(): pass")], 1)[0]] == ["get"]
    scores = frequent.score([Question("")] * 2, ["get", "unseen"])
    assert scores[0] > scores[1]
    texts = [
        "def x(self): return self.value",
        "def x(self): return self.name",
        "def x(rows): return total of rows and rows",
        "def x(handle): handle.flush handle.close rows",
    ]
    nearest = NearestNeighbour(texts, names)
    found = nearest.predict([Question("def x(rows): return rows")], 2)[0]
    assert found[0].name == "sum_rows"
    assert sum(candidate.probability for candidate in found) <= 1.0 + 1e-9
    assert nearest.predict([Question("zzz")], 3) == [[]]


class Balance(HTMLParser):
    """Counts open tags, and notes anything that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]


def test_predictors_side_by_side_make_a_page_a_table_and_json(
    workshop: Workshop, train: Train, tmp_path: Path
) -> None:
    data = tmp_path / "rows.jsonl"
    rows = [
        {"source": f"def add_{i}(self, a):\n    '''Add <a>.'''\n    return self.b + a * {i}",
         "class_name": "Sum", "repository": "o/r", "path": "pkg/sums.py", "line": i}
        for i in range(6)
    ]  # fmt: skip
    data.write_text("\n".join(map(json.dumps, rows)))
    corpus = workshop.folder / "corpus"
    status, out, _ = train(
        "evaluate", "--predictor", "embedded", "--predictor", f"nearest={corpus}",
        "--predictor", f"common:most-frequent={corpus}", "--data", data, "--context", "file",
        "--pairs", workshop.folder / "pairs.jsonl", "--json", tmp_path / "results.json",
        "--predictions", tmp_path / "predictions.jsonl",
    )  # fmt: skip
    assert status == 0
    assert "analysis" not in out
    result = json.loads((tmp_path / "results.json").read_text())
    assert result["n"] == 6
    assert [one["label"] for one in result["predictors"]] == [
        "embedded", "nearest neighbour (TF-IDF)", "common",
    ]  # fmt: skip
    assert [one["second"] for one in result["comparisons"]] == [
        "nearest neighbour (TF-IDF)", "common",
    ]  # fmt: skip
    for one in result["predictors"]:
        assert 0.0 <= one["pairs"]["ranking_accuracy"] <= 1.0
        assert one["latency_ms"]["p50"] <= one["latency_ms"]["p95"]
    assert len((tmp_path / "predictions.jsonl").read_text().splitlines()) == 18
    page, table = tmp_path / "page.html", tmp_path / "table.md"
    arguments = ("--results", tmp_path / "results.json", "--html", page, "--markdown", table)
    assert train("report", *arguments)[0] == 0
    reader = Balance()
    reader.feed(page.read_text())
    assert not reader.fetched
    assert {"svg", "table", "details", "pre"} <= set(reader.seen)
    assert "script" not in reader.seen
    assert table.read_text().count("\n| ") == 4
    assert train("report", *arguments, "--without-code")[0] == 0
    reader = Balance()
    reader.feed(page.read_text())
    assert {"svg", "table", "div"} <= set(reader.seen)
    assert not {"details", "pre"} & set(reader.seen)
    listed = tmp_path / "listing.md"
    chosen = ("--predictions", tmp_path / "predictions.jsonl", "--listing", listed)
    assert train("report", *chosen, "--count", 5)[0] == 0
    lines = listed.read_text().splitlines()
    assert lines[0].startswith("5 functions in the order of the sample")
    assert [line.split("|")[1].strip() for line in lines[4:]] == [f"`add_{i}`" for i in range(5)]


def test_a_listing_marks_the_right_name_and_tells_where_it_is() -> None:
    row = {"name": "load", "candidates": [["read", 0.5], ["load", 0.25]], "path": "a/b.py",
           "line": 7, "repository": "owner/project", "commit": "c0ffee"}  # fmt: skip
    text = listing([row, {**row, "candidates": [], "commit": ""}])
    assert "the first candidate is right for 0, one of five for 1" in text
    assert "`read` 50%, **`load` 25%**" in text
    assert "[project b.py:7](https://github.com/owner/project/blob/c0ffee/a/b.py#L7)" in text
    assert text.splitlines()[-1] == "| `load` | none | a/b.py:7 |"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--data", "DATA", "--predictor", "nearest"], "expected nearest=CORPUS"),
        (["evaluate", "--data", "DATA", "--predictor", "nearest=/nowhere"], "is not there"),
        (["evaluate", "--data", "DATA", "--set", "transformers.devise=cpu"], "unknown setting"),
        (["report", "--results", "DATA", "--html", "p.html"], "no result of `evaluate --json`"),
        (["report", "--results", "/nowhere.json", "--html", "p.html"], "cannot be read"),
        (["report", "--html", "p.html"], "give --results or --predictions"),
        (["report", "--listing", "p.md"], "needs both --predictions and --listing"),
        (["report", "--predictions", "/nowhere", "--listing", "p.md"], "cannot be read"),
        (["report", "--predictions", "DATA", "--listing", "p.md"], "no file of"),
        (["report", "--results", "DATA"], "give --html or --markdown"),
    ],
)
def test_bad_arguments_are_one_line(
    train: Train, tmp_path: Path, arguments: list[str], message: str
) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"source": "def add(a, b):\\n    return a + b"}\n')
    status, _, error = train(*[str(data) if a == "DATA" else a for a in arguments])
    assert status == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("context", [False, True])
def test_leading_underscores_are_known_only_where_asked(tmp_path: Path, context: bool) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"source": "def _load(path):\n    return open(path).read()\n"}))
    (unknown,) = read_cases(path, context)
    (known,) = read_cases(path, context, underscores=True)
    assert (unknown.question.prefix, known.question.prefix) == (None, "_")
    assert known.question.text == unknown.question.text
    assert known.name == "_load"


def test_a_table_tells_what_was_known_of_each_function() -> None:
    plain = {"data": "rows.jsonl", "context": "none", "comparisons": [],
             "predictors": [{"label": "a", "n": 1, "exact_match": 0.25}]}  # fmt: skip
    table = markdown([plain, {**plain, "underscores": "unknown"}])
    assert table.startswith("On rows.jsonl, context none.\n")
    both = markdown([plain, {**plain, "underscores": "known"}])
    assert both.startswith("On rows.jsonl, context none; rows.jsonl, context none and underscores")
    assert "| a | rows.jsonl | none | 1 |" in both
    assert "| a | rows.jsonl | none and underscores | 1 |" in both
