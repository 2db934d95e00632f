"""Manifests: what is taken, what is refused, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset.errors import DatasetError
from dataset.manifest import Rules, clone, locate, read_manifest
from dataset.sources.git import python_entries
from tests.dataset.git_repository import commit, functions, git, make_repository

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy"


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    for name in ("ann/alpha", "bob/beta"):
        repository = make_repository(tmp_path / "clones" / name)
        commit(repository, {"a.py": functions("rows", 2), "LICENSE": MIT})
    return tmp_path / "clones"


def manifest(folder: Path, *lines: str) -> Path:
    path = folder / "manifest.tsv"
    path.write_text("repository\tcommit\tlicence\tfunctions\n" + "\n".join(lines) + "\n")
    return path


def test_reads_head_licence_and_weight(clones: Path, tmp_path: Path) -> None:
    path = manifest(tmp_path, "# a comment", "bob/beta\tHEAD\t\t12", "ann/alpha\tHEAD\tISC")
    found, refused = read_manifest(path, Rules(clones))
    assert refused == []
    assert [(r.name, r.licence, r.weight) for r in found] == [
        ("ann/alpha", "ISC", 0),
        ("bob/beta", "MIT", 12),
    ]
    assert found[0].commit == git(clones / "ann/alpha", "rev-parse", "HEAD")


def test_a_folder_of_licences_is_no_licence_file(clones: Path, tmp_path: Path) -> None:
    commit(clones / "ann/alpha", {"LICENCES/Apache-2.0.txt": "a licence", "LICENSE": MIT})
    found, refused = read_manifest(manifest(tmp_path, "ann/alpha\tHEAD\t"), Rules(clones))
    assert refused == []
    assert [r.licence for r in found] == ["MIT"]


@pytest.mark.parametrize(
    ("line", "rules", "reason", "words"),
    [
        ("Ann/Alpha\tHEAD\tMIT", {"excluded": {"ann/alpha"}}, "excluded", ":2: Ann/Alpha"),
        ("ann/alpha\tHEAD\tGPL-3.0", {"licences": ["MIT"]}, "licence", "GPL-3.0"),
        ("ann/alpha\tHEAD\t", {"licences": ["BSD"]}, "licence", "MIT, which is not allowed"),
        ("eve/gone\tHEAD\tMIT", {}, "not there", "clone it there"),
    ],
)
def test_refuses(
    clones: Path, tmp_path: Path, line: str, rules: dict[str, object], reason: str, words: str
) -> None:
    found, refused = read_manifest(manifest(tmp_path, line), Rules(clones, **rules))
    assert found == []
    ((told, message),) = refused
    assert told == reason
    assert words in message


def test_a_family_of_licences_allows_its_members(clones: Path, tmp_path: Path) -> None:
    path = manifest(tmp_path, "ann/alpha\tHEAD\tBSD-3-Clause")
    found, _ = read_manifest(path, Rules(clones, licences=["BSD"]))
    assert len(found) == 1


@pytest.mark.parametrize("line", ["ann/alpha HEAD MIT", "alpha\tHEAD\tMIT", "ann/alpha\tHEAD"])
def test_malformed_line_stops_with_its_number(clones: Path, tmp_path: Path, line: str) -> None:
    path = manifest(tmp_path, "bob/beta\tHEAD\tMIT", line)
    with pytest.raises(DatasetError, match=r"manifest\.tsv:3: expected"):
        read_manifest(path, Rules(clones))


def test_locates_other_layouts(tmp_path: Path) -> None:
    make_repository(tmp_path / "mirror-ann-alpha.git")
    found = locate(tmp_path, "ann/alpha", ["mirror-{owner}-{name}.git"])
    assert found == tmp_path / "mirror-ann-alpha.git"
    assert locate(tmp_path, "ann/alpha") is None


def test_clones_what_is_missing(clones: Path, tmp_path: Path) -> None:
    rules = Rules(tmp_path / "new", clone_from=f"{clones}/{{owner}}/{{name}}")
    git_dir = clone(rules, "ann/alpha")
    head = git(clones / "ann/alpha", "rev-parse", "HEAD")
    assert [entry.path for entry in python_entries(git_dir, head)] == ["a.py"]
    with pytest.raises(DatasetError, match="no/such cannot be cloned"):
        clone(rules, "no/such")
