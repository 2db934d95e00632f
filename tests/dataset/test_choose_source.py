"""Which repositories and rows a build takes: exclusions and licences in every source, and names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset.__main__ import main
from dataset.local import local_names
from tests.dataset.git_repository import commit, functions, git, make_repository

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def excluded(tmp_path: Path) -> str:
    path = tmp_path / "excluded.txt"
    path.write_text("Ann/Alpha\n")
    return str(path)


def stats(out: Path) -> dict[str, Any]:
    return json.loads((out / "stats.json").read_text())


def rows(out: Path) -> list[dict[str, Any]]:
    return [
        row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def clone_of(address: str, folder: Path, topic: str = "rows") -> Path:
    repository = make_repository(folder)
    commit(repository, {"a.py": functions(topic, 3), "LICENSE": MIT})
    if address:
        git(repository, "remote", "add", "origin", address)
    return repository


@pytest.mark.parametrize("source", ["git", "folder"])
@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("git@example.org:ann/alpha.git", "mine"),
        ("https://example.org/ANN/Alpha", "mine"),
        ("", "ann/alpha"),
        ("", "ann+alpha/repo"),
    ],
)
def test_a_clone_of_an_excluded_repository_is_refused(
    tmp_path: Path, capsys: Captured, excluded: str, source: str, address: str, place: str
) -> None:
    bad = clone_of(address, tmp_path / place)
    good = clone_of("https://example.org/bob/beta", tmp_path / "good", "names")
    out = tmp_path / "out"
    given = ["build", "--source", source, "--excluded", excluded, "--out", str(out)]
    assert main([*given, "--path", str(bad), "--path", str(good)]) == 0
    assert "ann/alpha is excluded from training data" in capsys.readouterr().err
    assert {row["repository"] for row in rows(out)} == {"local/good"}
    assert stats(out)["counts"]["refused: excluded"] == 1
    assert main([*given, "--path", str(bad)]) == 2
    told = capsys.readouterr().err.strip().split("\n")[-1]
    assert told.startswith(f"dataset: nothing to read; refused: 1, first: {bad}")


def test_an_own_repository_obeys_the_licences(tmp_path: Path, capsys: Captured) -> None:
    path = clone_of("", tmp_path / "mine")
    given = ["build", "--path", str(path), "--out", str(tmp_path / "out"), "--licence"]
    assert main([*given, "MIT"]) == 0
    assert main([*given, "ISC"]) == 2
    assert "has the licence MIT, which is not allowed" in capsys.readouterr().err


def test_pairs_refuse_a_clone_of_an_excluded_repository(
    tmp_path: Path, capsys: Captured, excluded: str
) -> None:
    bad = clone_of("https://example.org/ann/alpha.git", tmp_path / "mine")
    given = ["pairs", "--excluded", excluded, "--out", str(tmp_path / "pairs.jsonl")]
    assert main([*given, "--repo", str(bad)]) == 2
    assert "ann/alpha is excluded from training data" in capsys.readouterr().err


def test_rows_of_a_table_obey_exclusions_and_licences(tmp_path: Path, excluded: str) -> None:
    table = [
        {"code": functions(topic, 1), "repo": repository, "licence": licence}
        for topic, repository, licence in (
            ("rows", "ann/alpha", ["MIT"]),
            ("names", "bob/beta", ["MIT", "BSD-3-Clause"]),
            ("lines", "bob/gamma", ["MIT", "GPL-3.0"]),
        )
    ]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "data.parquet")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"source: table\npath: {tmp_path}/data.parquet\nout: {tmp_path}/out\n"
        f"excluded: {excluded}\nlicences: [MIT, BSD]\n"
        "columns: {code: code, repository: repo, licence: licence}\n"
    )
    assert main(["build", "--config", str(recipe)]) == 0
    assert [row["name"] for row in rows(tmp_path / "out")] == ["load_names_0"]
    counts = stats(tmp_path / "out")["counts"]
    assert counts["excluded repository"] == 1
    assert counts["licence not allowed"] == 1


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/app"], ["local/app"]),
        (["/a/app/.git"], ["local/app"]),
        (["/a/app", "/b/lib"], ["local/app", "local/lib"]),
        (["/a/app", "/b/app", "/b/lib"], ["local/a+app", "local/b+app", "local/lib"]),
        (["/a/x/app", "/b/x/app"], ["local/a+x+app", "local/b+x+app"]),
        (["/a/app", "/a/app"], ["local/app", "local/app"]),
        (["/app", "/b/app"], ["local/app", "local/b+app"]),
    ],
)
def test_folders_of_one_name_are_told_apart(paths: list[str], names: list[str]) -> None:
    assert local_names(list(map(Path, paths))) == names


@pytest.mark.parametrize("source", ["git", "folder"])
def test_two_paths_of_one_name_are_two_repositories(tmp_path: Path, source: str) -> None:
    paths = [clone_of("", tmp_path / side / "app", side) for side in ("rows", "names")]
    out = tmp_path / "out"
    given = [word for path in paths for word in ("--path", str(path))]
    assert main(["build", "--source", source, *given, "--out", str(out)]) == 0
    assert {row["repository"] for row in rows(out)} == {"local/rows+app", "local/names+app"}
    assert len(rows(out)) == 6
