"""Splits: whole repositories and their forks on one side, or by the time a repository began."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dataset.__main__ import main
from dataset.families import Families
from dataset.split import split_of
from tests.dataset.git_repository import commit, functions, make_repository


def splits(out: Path) -> dict[str, set[str]]:
    """The repositories of each split."""
    found: dict[str, set[str]] = {}
    for path in out.glob("*.parquet"):
        names = pq.read_table(path, columns=["repository"]).column(0).to_pylist()
        found.setdefault(path.name.split("-")[0], set()).update(names)
    return found


def build(folder: Path, lines: list[str], *more: str) -> dict[str, Any]:
    (folder / "m.tsv").write_text("".join(f"{line}\tMIT\n" for line in lines))
    given = ["build", "--manifest", str(folder / "m.tsv"), "--repositories", str(folder)]
    assert main([*given, "--out", str(folder / "out"), "--workers", "1", *more]) == 0
    return json.loads((folder / "out/stats.json").read_text())


def test_repositories_begun_since_a_date_are_the_test_split_and_no_others(tmp_path: Path) -> None:
    lines: list[str] = []
    for year in range(2012, 2026):
        # What counts is the first commit, not the one that is read.
        repository = make_repository(tmp_path / f"ann/y{year}")
        commit(repository, {"b.py": functions(f"b{year}", 1)}, date=f"{year}-03-01T00:00:00Z")
        sha = commit(repository, {"a.py": functions(f"a{year}", 2)}, date="2025-06-01T00:00:00Z")
        lines.append(f"ann/y{year}\t{sha}")
    build(tmp_path, lines, "--newer-than", "2024-03-01", "--test", "0.5", "--validation", "0.3")
    found = splits(tmp_path / "out")
    assert found["test"] == {"ann/y2024", "ann/y2025"}
    old = {f"ann/y{year}" for year in range(2012, 2024)}
    assert found["train"] | found["validation"] == old
    assert found["validation"] == {name for name in old if split_of(name, 0.3, 0) == "validation"}
    assert found["validation"]


def test_a_shallow_clone_is_in_no_split_by_time(tmp_path: Path) -> None:
    whole = make_repository(tmp_path / "ann/whole")
    first = commit(whole, {"a.py": functions("rows", 1)})
    shallow = make_repository(tmp_path / "ann/part")
    second = commit(shallow, {"a.py": functions("names", 1)})
    (shallow / ".git/shallow").write_text(second + "\n")
    lines = [f"ann/whole\t{first}", f"ann/part\t{second}"]
    stats = build(tmp_path, lines, "--newer-than", "2024-01-01")
    assert splits(tmp_path / "out") == {"train": {"ann/whole"}}
    (problem,) = stats["problems"]
    assert "git fetch --unshallow" in problem


def test_a_fork_is_in_the_split_of_its_original(tmp_path: Path) -> None:
    names = [f"ann/r{number}" for number in range(12)]
    forks = [f"bob/fork{number}" for number in range(12)]
    lines: list[str] = []
    for number, (name, fork) in enumerate(zip(names, forks, strict=True)):
        files = {"a.py": functions(f"topic{number}", 10)}
        lines.append(f"{name}\t{commit(make_repository(tmp_path / name), files)}")
        files["b.py"] = functions(f"own{number}", 5)
        lines.append(f"{fork}\t{commit(make_repository(tmp_path / fork), files)}")
    assert any(
        split_of(name, 0.3, 0.3) != split_of(fork, 0.3, 0.3)
        for name, fork in zip(names, forks, strict=True)
    )
    stats = build(tmp_path, lines, "--validation", "0.3", "--test", "0.3")
    assert stats["families"] == [list(pair) for pair in sorted(zip(names, forks, strict=True))]
    found = splits(tmp_path / "out")
    assert len(found) == 3
    for members in found.values():
        assert {name[5:] for name in members if name in names} == {
            name[8:] for name in members if name in forks
        }


def test_a_small_copy_inside_a_project_makes_no_family() -> None:
    families = Families()
    families.note("ann/small", range(10))
    families.note("bob/large", range(100))
    families.note("eve/large", [*range(10), *range(200, 300)])
    families.note("eve/fork", [*range(200, 290), *range(400, 500)])
    assert families.heads() == {
        "ann/small": "ann/small",
        "bob/large": "bob/large",
        "eve/large": "eve/fork",
        "eve/fork": "eve/fork",
    }
