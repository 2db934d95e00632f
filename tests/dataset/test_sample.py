"""Samples to measure on: small, the same again, without tests."""

from __future__ import annotations

import json
from pathlib import Path

from dataset.__main__ import main
from tests.dataset.git_repository import commit, functions, make_repository


def sample(folder: Path, *more: str) -> list[dict[str, object]]:
    out = folder / "sample.jsonl"
    arguments = ["sample", "--manifest", str(folder / "m.tsv"), "--repositories", str(folder)]
    assert main([*arguments, "--out", str(out), *more]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_draws_some_of_each_repository(tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        files = {"a.py": functions(name, 20), "tests/test_a.py": functions("checks", 9)}
        commit(make_repository(tmp_path / "ann" / name), files)
    (tmp_path / "m.tsv").write_text("ann/alpha\tHEAD\tMIT\nann/beta\tHEAD\tMIT\n")
    rows = sample(tmp_path, "--per-repository", "5")
    assert [row["repository"] for row in rows] == ["ann/alpha"] * 5 + ["ann/beta"] * 5
    assert {row["path"] for row in rows} == {"a.py"}
    assert str(rows[0]["source"]).startswith("def load_alpha_")
    assert rows == sample(tmp_path, "--per-repository", "5")
    assert rows != sample(tmp_path, "--per-repository", "5", "--seed", "1")
    assert len(sample(tmp_path)) == 40
