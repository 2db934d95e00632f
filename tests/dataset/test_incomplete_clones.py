"""Clones that lack commits or files, and folders that only look like clones."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from dataset.errors import DatasetError
from dataset.manifest import Rules, locate, read_excluded, read_manifest
from dataset.sources.git import Repository, head_commit
from tests.dataset.git_repository import commit, git, make_repository

SMALL = "def read_rows(path):\n    return open(path).read().split()\n"
LARGE = SMALL + "# " + "a" * 5_000 + "\n"


def documents(git_dir: Path, sha: str) -> tuple[list[str], Counter[str]]:
    counts: Counter[str] = Counter()
    repository = Repository("ann/alpha", sha, "MIT", git_dir)
    return [document.path for document in repository.documents(counts)], counts


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = make_repository(tmp_path / "origin")
    git(folder, "config", "uploadpack.allowFilter", "true")
    return folder


@pytest.mark.parametrize(
    ("kept", "left", "lacks"), [("none", [], 2), ("limit=1k", ["small.py"], 1)]
)
def test_reads_what_a_partial_clone_holds(
    origin: Path, tmp_path: Path, kept: str, left: list[str], lacks: int
) -> None:
    sha = commit(origin, {"large.py": LARGE, "small.py": SMALL})
    address = f"file://{origin}"
    git(tmp_path, "clone", "-q", "--bare", f"--filter=blob:{kept}", address, "part")
    found, counts = documents(tmp_path / "part", sha)
    assert found == left
    assert counts == {"file: missing in the repository": lacks}


def test_a_large_file_of_a_partial_clone_is_left_out(origin: Path, tmp_path: Path) -> None:
    huge = SMALL + "# " + "a" * 1_000_000
    sha = commit(origin, {"a.py": huge, "b.py": huge + "b" * 1_500_000})
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:limit=2m", f"file://{origin}", "part")
    found, counts = documents(tmp_path / "part", sha)
    assert found == []
    assert counts == {"file: too large": 1, "file: missing in the repository": 1}


def test_counts_blobs_that_were_lost_or_damaged(origin: Path) -> None:
    sha = commit(origin, {"a.py": SMALL, "b.py": LARGE, "c.py": SMALL + "\n"})
    for name in ("a.py", "b.py"):
        blob = git(origin, "rev-parse", f"HEAD:{name}")
        path = origin / ".git/objects" / blob[:2] / blob[2:]
        path.unlink()
        if name == "b.py":
            path.write_bytes(b"no longer zlib")
    found, counts = documents(origin, sha)
    assert found == ["c.py"]
    assert counts == {"file: missing in the repository": 2}


def test_a_repository_without_a_commit_says_so(origin: Path) -> None:
    with pytest.raises(DatasetError, match="not a git repository with a commit"):
        head_commit(origin)
    with pytest.raises(DatasetError, match="no commit"):
        documents(origin, "0" * 40)


def test_a_repository_without_python_has_no_documents(origin: Path) -> None:
    sha = commit(origin, {"notes.txt": "nothing"})
    assert documents(origin, sha) == ([], Counter())


def test_git_is_not_installed(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = commit(origin, {"a.py": SMALL})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DatasetError, match="git is not installed"):
        head_commit(origin)
    with pytest.raises(DatasetError, match="git is not installed"):
        documents(origin, sha)


def test_a_folder_inside_another_repository_is_no_clone(origin: Path) -> None:
    commit(origin, {"a.py": SMALL})
    inside = origin / "ann/alpha"
    (inside / ".git").mkdir(parents=True)
    (inside / "HEAD").write_text("ref: refs/heads/main\n")
    assert locate(origin, "ann/alpha") is None


def test_a_work_tree_is_a_clone(origin: Path, tmp_path: Path) -> None:
    sha = commit(origin, {"a.py": SMALL})
    git(origin, "worktree", "add", "-q", "--detach", str(tmp_path / "ann/alpha"))
    found = locate(tmp_path, "ann/alpha")
    assert found is not None
    assert documents(found, sha)[0] == ["a.py"]


def manifest(folder: Path, *lines: str) -> Path:
    path = folder / "manifest.tsv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_what_cannot_be_cloned_is_refused_alone(origin: Path, tmp_path: Path) -> None:
    sha = commit(origin, {"a.py": SMALL})
    rules = Rules(tmp_path / "clones", clone_from=f"{tmp_path}/{{name}}")
    # What a killed clone left behind is in nobody's way.
    (tmp_path / "clones/ann/origin.partial").mkdir(parents=True)
    (tmp_path / "clones/ann/origin.partial/old").touch()
    path = manifest(tmp_path, f"ann/gone\t{sha}\tMIT", f"ann/origin\t{sha}\tMIT")
    found, refused = read_manifest(path, rules)
    assert [repository.name for repository in found] == ["ann/origin"]
    ((reason, message),) = refused
    assert reason == "unreadable"
    assert f"{path}:1: ann/gone" in message
    assert "cannot be cloned" in message


@pytest.mark.parametrize(
    "line",
    [
        "ann/origin\tmain\tMIT",
        "ann/origin\t--output=x\tMIT",
        "ann/origin\t\tMIT",
        "../origin\tHEAD\tMIT",
        "ann/beta/gamma\tHEAD\tMIT",
        "ann/\tHEAD\tMIT",
    ],
)
def test_a_name_or_commit_of_another_form_stops(tmp_path: Path, line: str) -> None:
    path = manifest(tmp_path, "# comment", "", line)
    with pytest.raises(DatasetError, match=r"manifest\.tsv:3: expected"):
        read_manifest(path, Rules(tmp_path))


def test_a_manifest_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "manifest.tsv"
    path.write_bytes(b"ann/\xe9\tHEAD\tMIT\n")
    with pytest.raises(DatasetError, match="is not UTF-8"):
        read_manifest(path, Rules(tmp_path))


def test_exclusions_ignore_case_space_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "excluded.txt"
    path.write_text("# for measuring\n\n  Ann/Alpha \nbob/BETA\r\n")
    assert read_excluded(path) == {"ann/alpha", "bob/beta"}


def test_a_lost_clone_is_refused_alone(origin: Path, tmp_path: Path) -> None:
    sha = commit(origin, {"a.py": SMALL})
    for name in ("alpha", "beta"):
        git(tmp_path, "clone", "-q", str(origin), f"ann/{name}")
    shutil.rmtree(tmp_path / "ann/alpha/.git/objects")
    path = manifest(tmp_path, f"ann/alpha\t{sha}\tMIT", f"ann/beta\t{sha}\t")
    found, refused = read_manifest(path, Rules(tmp_path))
    assert [(repository.name, repository.licence) for repository in found] == [
        ("ann/beta", "unknown")
    ]
    assert refused == [
        ("not there", f"{path}:1: ann/alpha is not under {tmp_path}; clone it there")
    ]
