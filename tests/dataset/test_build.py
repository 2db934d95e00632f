"""`python -m dataset build`, end to end on real repositories."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dataset.__main__ import main
from dataset.storage import settled
from tests.dataset.git_repository import commit, functions, git, make_repository

TOPICS = ("rows", "names", "lines", "pages", "cells", "words")


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six repositories, one of them with a licence that nobody allows."""
    folder = tmp_path_factory.mktemp("clones")
    lines = ["repository\tcommit\tlicence\tfunctions"]
    for topic in TOPICS:
        repository = make_repository(folder / "ann" / topic)
        shared = "def copied(first, second):\n    return first * second + shared_offset\n"
        sha = commit(repository, {"a.py": functions(topic, 60), "b/shared.py": shared})
        lines.append(f"ann/{topic}\t{sha}\t{'GPL-3.0' if topic == 'words' else 'MIT'}\t61")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")
    return folder


def build(clones: Path, out: Path, *more: str) -> int:
    return main(
        [
            *("build", "--source", "git", "--manifest", str(clones / "manifest.tsv")),
            *("--repositories", str(clones), "--out", str(out), *more),
        ]
    )


def stats(out: Path) -> dict[str, Any]:
    return json.loads((out / "stats.json").read_text())


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.is_file()}


def rows(out: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(out.glob("*.parquet")):
        yield from pq.read_table(path).to_pylist()


def test_rows_hold_question_context_and_origin(clones: Path, tmp_path: Path) -> None:
    assert build(clones, tmp_path, "--workers", "1") == 0
    row = next(row for row in rows(tmp_path) if row["name"] == "load_cells_1")
    assert str(row["question_text"]).startswith("def x(path, limit=1):\n    with open(path)")
    assert row["docstring"] == "Read the cells at a path."
    assert row["file_stem"] == "a"
    assert row["siblings"][:2] == ["load_cells_0", "load_cells_2"]
    assert (row["repository"], row["path"], row["line"]) == ("ann/cells", "a.py", 7)
    source = (clones / "ann/cells/a.py").read_bytes()[row["start"] : row["end"]]
    assert source.startswith(b"def load_cells_1(")
    assert source.endswith(b"[1]")


def test_one_copy_of_what_repositories_share(clones: Path, tmp_path: Path) -> None:
    build(clones, tmp_path, "--workers", "1")
    assert [row["repository"] for row in rows(tmp_path) if row["name"] == "copied"] == ["ann/cells"]
    assert stats(tmp_path)["counts"]["exact duplicate"] == 5


def test_bytes_do_not_depend_on_the_workers(clones: Path, tmp_path: Path) -> None:
    build(clones, tmp_path / "one", "--workers", "1")
    build(clones, tmp_path / "two", "--workers", "2")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_bytes_do_not_depend_on_the_engine(clones: Path, tmp_path: Path) -> None:
    build(clones, tmp_path / "processes", "--workers", "1")
    assert build(clones, tmp_path / "datatrove", "--workers", "1", "--engine", "local") == 0
    assert contents(tmp_path / "processes") == contents(tmp_path / "datatrove")


def test_bytes_do_not_depend_on_the_sweeps(
    clones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork, two names for one question and too many tests, found in one sweep or in many."""
    more = tmp_path / "clones"
    tests = "\n".join(f"def test_{n}():\n    assert run({n}) == {n} * 7\n" for n in range(40))
    renamed = "def doubled(first, second):\n    return first * second + shared_offset\n"
    files = {"a.py": functions("rows", 60), "c.py": renamed, "test_a.py": tests}
    sha = commit(make_repository(more / "bob/fork"), dict(files))
    (more / "m.tsv").write_text(f"bob/fork\t{sha}\tMIT\n")
    given = ["--manifest", str(more / "m.tsv")]
    for name, sweep in (("one", 10_000), ("many", 7)):
        monkeypatch.setattr("dataset.deduplicate.ROWS_OF_A_SWEEP", sweep)
        both = [*given, "--layout", str(more / "{owner}/{name}"), "--layout", "{owner}/{name}"]
        assert build(clones, tmp_path / name, "--workers", "1", *both) == 0
    found = stats(tmp_path / "many")
    assert found["families"] == [["ann/rows", "bob/fork"]]
    assert found["counts"]["exact duplicate"] == 65
    assert found["counts"]["surplus test"] == 34
    assert "doubled" in {row["name"] for row in rows(tmp_path / "many")}
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


def test_goes_on_after_kill_9(clones: Path, tmp_path: Path) -> None:
    build(clones, tmp_path / "whole", "--workers", "1")
    out = tmp_path / "killed"
    command = [
        *(sys.executable, "-m", "dataset", "build", "--source", "git", "--workers", "2"),
        *("--manifest", str(clones / "manifest.tsv"), "--repositories", str(clones)),
        *("--out", str(out)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.glob("parts/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("parts/*.parquet")}
    assert kept
    assert build(clones, out, "--workers", "1") == 0
    assert contents(out) == contents(tmp_path / "whole")
    again = {path.name: path.stat().st_mtime_ns for path in out.glob("parts/*.parquet")}
    assert {name: again[name] for name in kept} == kept
    assert not list(out.rglob("*.partial"))


def test_a_damaged_part_is_made_again(clones: Path, tmp_path: Path) -> None:
    build(clones, tmp_path, "--workers", "1")
    before = contents(tmp_path)
    part = next((tmp_path / "parts").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    build(clones, tmp_path, "--workers", "1")
    assert contents(tmp_path) == before


def test_refuses_by_licence_and_exclusion(clones: Path, tmp_path: Path) -> None:
    excluded = tmp_path / "excluded.txt"
    excluded.write_text("# kept for measuring\nANN/Rows\n")
    build(clones, tmp_path / "out", "--licence", "MIT", "--excluded", str(excluded))
    counts = stats(tmp_path / "out")["counts"]
    assert counts["refused: excluded"] == 1
    assert counts["refused: licence"] == 1
    assert {row["repository"] for row in rows(tmp_path / "out")} == {
        f"ann/{topic}" for topic in ("cells", "lines", "names", "pages")
    }


def test_leaves_evaluation_rows_out(clones: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    source = (clones / "ann/cells/a.py").read_text().split("\n\n")[3]
    known.write_text(json.dumps({"source": source}) + "\n")
    build(clones, tmp_path / "out", "--against", str(known))
    assert stats(tmp_path / "out")["leaks"] == {"known": {"functions": 1, "exact": 1, "near": None}}
    assert "load_cells_3" not in {row["name"] for row in rows(tmp_path / "out")}


def test_a_large_repository_keeps_about_its_share(clones: Path, tmp_path: Path) -> None:
    def kept(most: str) -> set[tuple[str, str]]:
        out = tmp_path / most
        assert build(clones, out, "--repository-rows", most) == 0
        return {(row["repository"], row["name"]) for row in rows(out)}

    whole, many, few = kept("0"), kept("40"), kept("20")
    assert few < many < whole
    sizes = Counter(name for name, _ in few)
    assert len(sizes) == 6
    assert all(8 <= size <= 32 for size in sizes.values())
    counts = stats(tmp_path / "20")["counts"]
    assert counts["surplus of its repository"] == len(whole) - len(few)


def test_splits_hold_whole_repositories(clones: Path, tmp_path: Path) -> None:
    build(clones, tmp_path, "--validation", "0.3", "--test", "0.3")
    places: dict[str, set[str]] = {}
    for path in tmp_path.glob("*.parquet"):
        for name in pq.read_table(path, columns=["repository"]).column(0).to_pylist():
            places.setdefault(name, set()).add(path.name.split("-")[0])
    assert all(len(splits) == 1 for splits in places.values())
    assert len(set.union(*places.values())) > 1


def test_one_bad_repository_does_not_stop_the_others(clones: Path, tmp_path: Path) -> None:
    text = (clones / "manifest.tsv").read_text()
    first = text.split("\n")[1].split("\t")[1]
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text(text.replace(first, "0" * 40))
    out = tmp_path / "out"
    arguments = ["build", "--manifest", str(manifest), "--repositories", str(clones)]
    assert main([*arguments, "--out", str(out)]) == 0
    (problem,) = stats(out)["problems"]
    assert "ann/rows" in problem
    assert "fetch it" in problem


def test_own_repository_in_one_command(clones: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = clones / "ann/cells"
    assert main(["build", "--source", "git", "--path", str(path), "--out", str(out)]) == 0
    assert [p.name for p in out.glob("*.parquet")] == ["train-00000.parquet"]
    assert {row["repository"] for row in rows(out)} == {"local/cells"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--path", "NOWHERE"], "not a git repository"),
        (["--manifest", "NOWHERE/m.tsv", "--repositories", "."], "m.tsv: cannot be read"),
        (["--manifest", "m.tsv"], "--repositories is missing"),
        ([], "nothing to read"),
        (["--config", "NOWHERE/c.yaml"], "c.yaml: cannot be read"),
        (["--source", "folder", "--path", "NOWHERE"], "no such folder"),
        (["--source", "packages", "--path", "no-such-thing"], "pip install no-such-thing"),
        (["--source", "table", "--path", "NOWHERE"], "no .parquet"),
        (["--source", "hub"], "--dataset is missing"),
        (["--path", ".", "--against", "NOWHERE/e.jsonl"], "e.jsonl: cannot be read"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    nowhere = str(tmp_path / "nowhere")
    given = [argument.replace("NOWHERE", nowhere) for argument in arguments]
    assert main(["build", "--out", str(tmp_path / "out"), *given]) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("dataset: ")
    assert words in line


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("out: [", "not YAML"),
        ("- out", "a recipe is a mapping"),
        ("out: o\nworker: 3", "worker is not a field"),
        ("out: o\nworkers: many", "workers must be a int"),
        ("source: git", "nothing to read"),
        ("out: o\nsource: svn", "source 'svn' is unknown"),
        ("out: o\npath: .\nengine: cloud", "engine 'cloud' is unknown"),
    ],
)
def test_bad_recipe_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str, words: str
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe)
    assert main(["build", "--config", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_leaves_nothing(
    clones: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("dataset.storage.os.fsync", full)
    assert build(clones, tmp_path, "--workers", "1") == 2
    assert "the disk is full" in capsys.readouterr().err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_settled_leaves_the_old_file_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with settled(path) as partial:
            partial.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_commit_is_read_anew(clones: Path, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    commit(repository, {"a.py": functions("rows", 2)})
    arguments = ["build", "--path", str(repository), "--out", str(tmp_path / "out")]
    main(arguments)
    commit(repository, {"b.py": functions("names", 3)})
    main(arguments)
    assert len(list(rows(tmp_path / "out"))) == 5
    assert git(repository, "rev-list", "--count", "HEAD") == "2"
