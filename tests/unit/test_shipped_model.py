"""The shipped model through the real command line: what a user gets on the first day."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dataset.functions import find_functions

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LINES = [
    function.line
    for function in find_functions((EXAMPLES / "orders.py").read_bytes())
    if not function.name.startswith("__")
][:4]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.parametrize("line", LINES)
def test_names_are_valid_sorted_and_new(line: int) -> None:
    done = run("suggest", "examples/orders.py", "--line", line, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    names = [each["name"] for each in answer["suggestions"]]
    probabilities = [each["probability"] for each in answer["suggestions"]]
    assert 1 <= len(names) <= 5
    assert all(name.isidentifier() for name in names)
    assert answer["function"] not in names
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 < probability <= 1 for probability in probabilities)
    assert 0 <= answer["current_probability"] <= 1


def test_the_same_question_gets_the_same_answer() -> None:
    ask = ("suggest", "examples/intervals.py", "--function", "merge_intervals", "--json")
    assert run(*ask).stdout == run(*ask).stdout


def test_a_good_name_is_likelier_than_an_empty_one(tmp_path: Path) -> None:
    text = (EXAMPLES / "intervals.py").read_text("utf-8")
    vague = tmp_path / "intervals.py"
    vague.write_text(text.replace("merge_intervals", "do_it"), "utf-8")
    good = json.loads(run("suggest", EXAMPLES / "intervals.py", "--line", 8, "--json").stdout)
    bad = json.loads(run("suggest", vague, "--line", 8, "--json").stdout)
    assert good["current_probability"] > 10 * bad["current_probability"]


def test_check_reports_the_shipped_weights() -> None:
    done = run("check")
    assert done.returncode == 0, done.stderr
    assert "embedded" in done.stdout
    assert "reads context" in done.stdout


def test_an_audit_prefers_the_file_with_vague_names() -> None:
    done = run("audit", EXAMPLES, "--format", "json", "--min-confidence", "0")
    assert done.returncode == 0, done.stderr
    misfits = json.loads(done.stdout)["misfits"]
    assert all(each["file"].endswith("orders.py") for each in misfits[:2])
    vague, good = (
        [each["confidence"] for each in misfits if each["file"].endswith(file)]
        for file in ("orders.py", "intervals.py")
    )
    assert sum(vague) / len(vague) > 1.5 * sum(good) / len(good)
