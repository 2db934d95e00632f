"""Renames in real histories: which count as a person's choice between two names, and which not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dataset.__main__ import main
from tests.dataset.git_repository import commit, git, make_repository

BODY = """def {name}(path, separator, limit=10):
    '''Read rows.'''
    with open(path) as stream:
        rows = [line.strip().split(separator) for line in stream]
    if len(rows) > limit:
        raise ValueError('too many rows')
    return rows
"""
OTHER = """def {name}(words, start):
    found = {{}}
    for place, word in enumerate(words, start):
        found.setdefault(word.lower(), []).append(place)
    return sorted(found.items(), key=lambda item: len(item[1]))
"""
Files = Mapping[str, "str | bytes | None"]


def body(name: str, text: str = BODY) -> str:
    return text.format(name=name)


def pairs(folder: Path, history: Sequence[Files]) -> list[dict[str, Any]]:
    """The pairs of a repository with these commits."""
    repository = make_repository(folder / "work")
    for number, files in enumerate(history):
        commit(repository, files, f"commit {number}", date=f"2021-01-0{number + 1}T00:00:00Z")
    out = folder / "pairs.jsonl"
    assert main(["pairs", "--repo", str(repository), "--out", str(out), "--workers", "1"]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


def names(folder: Path, *history: Files) -> list[tuple[str, str]]:
    return [(pair["rejected"], pair["chosen"]) for pair in pairs(folder, history)]


def test_a_rename_is_a_pair_with_all_that_training_needs(tmp_path: Path) -> None:
    history: list[Files] = [{"a.py": body("load")}, {"a.py": body("read_rows")}]
    (pair,) = pairs(tmp_path, history)
    assert pair["question"].startswith("def x(path, separator, limit=10):\n    with open(path)")
    assert (pair["rejected"], pair["chosen"]) == ("load", "read_rows")
    assert (pair["similarity"], pair["date"], pair["path"]) == (1.0, "2021-01-02", "a.py")
    assert pair["commit"] == git(tmp_path / "work", "rev-parse", "HEAD")
    assert pair["source"].startswith("def read_rows(")
    assert not pair["moved"]


def test_the_body_may_change_a_little(tmp_path: Path) -> None:
    after = body("read_rows").replace("'too many rows'", "'more rows than the limit'")
    assert names(tmp_path, {"a.py": body("load")}, {"a.py": after}) == [("load", "read_rows")]


def test_a_method_that_became_a_function_may_keep_its_task(tmp_path: Path) -> None:
    before = body("load").replace("(path", "(self, path")
    assert names(tmp_path, {"a.py": before}, {"a.py": body("read_rows")}) == [("load", "read_rows")]


def test_methods_and_renamed_files(tmp_path: Path) -> None:
    def method(name: str) -> str:
        lines = body(name).replace("(path", "(self, path").splitlines()
        return "class Reader:\n" + "".join(f"    {line}\n" for line in lines) + "\nX = 1\n" * 20

    history = ({"a.py": method("load")}, {"a.py": None, "b.py": method("read_rows")})
    (pair,) = pairs(tmp_path, history)
    assert (pair["rejected"], pair["chosen"]) == ("load", "read_rows")
    assert pair["class_name"] == "Reader"


def test_a_move_between_files_needs_the_same_text(tmp_path: Path) -> None:
    other = body("count", OTHER)
    history = (
        {"a.py": body("load") + other, "b.py": "X = 1\n"},
        {"a.py": other, "b.py": "X = 1\n\n\n" + body("read_rows")},
    )
    (pair,) = pairs(tmp_path, history)
    assert pair["moved"]
    assert pair["chosen"] == "read_rows"


@pytest.mark.parametrize(
    ("why", "before", "after"),
    [
        ("style", body("load_rows"), body("loadRows")),
        ("visibility", body("load_rows"), body("_load_rows")),
        ("a test", body("test_load"), body("test_read_rows")),
        ("says nothing", body("load"), body("func1")),
        ("another function", body("load"), body("count", OTHER)),
        ("a copy", body("load"), body("load") + body("read_rows")),
        ("too small", "def load(a):\n    return a + 1\n", "def read(a):\n    return a + 1\n"),
        (
            "a wrapper of the old one",
            body("load"),
            body("read_rows").replace("return rows", "return load(rows)"),
        ),
        (
            "another signature",
            body("load"),
            body("read_rows")
            .replace("limit=10", "limit=10, strict=True")
            .replace("> limit:", "> limit and strict:"),
        ),
        ("another result", body("load"), body("read_rows").replace("return rows", "emit(rows)")),
        ("two alike", body("load"), body("read_rows") + "\n\n" + body("read_lines")),
    ],
)
def test_is_no_preference(tmp_path: Path, why: str, before: str, after: str) -> None:
    assert names(tmp_path, {"a.py": before}, {"a.py": after}) == [], why


def test_what_is_changed_back_says_nothing(tmp_path: Path) -> None:
    history = ({"a.py": body(name)} for name in ("load", "read_rows", "load"))
    assert names(tmp_path, *history) == []


def test_a_chain_of_names_gives_each_step(tmp_path: Path) -> None:
    history = ({"a.py": body(name)} for name in ("load", "fetch", "read_rows"))
    assert names(tmp_path, *history) == [("load", "fetch"), ("fetch", "read_rows")]


def test_one_word_replaced_everywhere_counts_three_times(tmp_path: Path) -> None:
    def module(verb: str) -> str:
        return "\n\n".join(
            body(f"{verb}_{noun}").replace("rows", noun)
            for noun in ("rows", "cats", "dogs", "owls")
        )

    assert len(names(tmp_path, {"a.py": module("load")}, {"a.py": module("read")})) == 3


def test_a_mass_rename_says_nothing(tmp_path: Path) -> None:
    def module(verbs: Sequence[str]) -> str:
        return "\n\n".join(
            body(f"{verb}_rows").replace("rows", f"rows{number}")
            for number, verb in enumerate(verbs)
        )

    before = [f"old{chr(97 + i // 6)}{chr(97 + i % 6)}" for i in range(36)]
    after = [f"new{chr(97 + i // 6)}{chr(97 + i % 6)}" for i in range(36)]
    assert names(tmp_path, {"a.py": module(before)}, {"a.py": module(after)}) == []


def test_merges_are_not_read_twice(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    commit(repository, {"a.py": body("load"), "b.py": "X = 1\n"})
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, {"a.py": body("read_rows")})
    git(repository, "checkout", "--quiet", "main")
    commit(repository, {"b.py": "X = 2\n"})
    git(repository, "merge", "--quiet", "--no-ff", "-m", "merge", "side")
    out = tmp_path / "pairs.jsonl"
    main(["pairs", "--repo", str(repository), "--out", str(out), "--workers", "1"])
    assert len(out.read_text().splitlines()) == 1


def test_a_manifest_gives_the_histories_and_the_bytes_do_not_depend_on_workers(
    tmp_path: Path,
) -> None:
    lines: list[str] = []
    for name in ("alpha", "beta", "gamma"):
        repository = make_repository(tmp_path / "clones/ann" / name)
        commit(repository, {"a.py": body(f"load_{name}")})
        sha = commit(repository, {"a.py": body("read_rows")})
        lines.append(f"ann/{name}\t{sha}\tMIT")
    lines.append(f"ann/delta\t{'0' * 40}\tMIT")
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text("\n".join(lines) + "\n")
    excluded = tmp_path / "excluded.txt"
    excluded.write_text("ann/gamma\n")
    found: list[bytes] = []
    for workers in ("1", "2"):
        out = tmp_path / workers / "pairs.jsonl"
        out.parent.mkdir()
        arguments = ["pairs", "--manifest", str(manifest), "--excluded", str(excluded)]
        arguments += ["--repositories", str(tmp_path / "clones"), "--workers", workers]
        assert main([*arguments, "--out", str(out)]) == 0
        found.append(out.read_bytes())
    assert found[0] == found[1]
    assert [json.loads(line)["repository"] for line in found[0].splitlines()] == [
        "ann/alpha",
        "ann/beta",
    ]


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "pairs.jsonl")
    assert main(["pairs", "--repo", str(tmp_path), "--out", out]) == 2
    assert "not a git repository" in capsys.readouterr().err
    assert main(["pairs", "--out", out]) == 2
    assert "nothing to read" in capsys.readouterr().err


def test_goes_on_after_a_file_that_a_partial_copy_lacks(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    commit(repository, {"a.py": body("load")})
    commit(repository, {"a.py": body("fetch")})
    commit(repository, {"b.py": body("count", OTHER)})
    blob = git(repository, "rev-parse", "HEAD:b.py")
    commit(repository, {"b.py": "X = 1\n"})
    commit(repository, {"a.py": body("read_rows")})
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    out = tmp_path / "pairs.jsonl"
    assert main(["pairs", "--repo", str(repository), "--out", str(out), "--workers", "1"]) == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [pair["chosen"] for pair in found] == ["fetch", "read_rows"]
