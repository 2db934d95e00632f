"""Git repositories at a commit: which files come out, and what is said when they cannot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from dataset.errors import DatasetError
from dataset.sources.git import Repository, first_date, head_commit, remotes
from tests.dataset.git_repository import commit, git, make_repository


def documents(git_dir: Path, sha: str) -> tuple[dict[str, bytes], Counter[str]]:
    counts: Counter[str] = Counter()
    repository = Repository("ann/alpha", sha, "MIT", git_dir)
    return {d.path: d.data for d in repository.documents(counts)}, counts


def test_reads_the_commit_not_the_work_tree(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    first = commit(repository, {"a.py": "a = 1\n", "notes.txt": "x", "sub/é.py": "b = 2\n"})
    commit(repository, {"a.py": "a = 2\n"})
    found, _ = documents(repository, first)
    assert found == {"a.py": b"a = 1\n", "sub/é.py": b"b = 2\n"}


def test_reads_bare_repositories(tmp_path: Path) -> None:
    sha = commit(make_repository(tmp_path / "work"), {"a.py": "a = 1\n"})
    git(tmp_path, "clone", "--quiet", "--bare", "work", "bare.git")
    assert documents(tmp_path / "bare.git", sha)[0] == {"a.py": b"a = 1\n"}


def test_leaves_out_links_and_large_and_vendored_files(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    (repository / "loop.py").symlink_to("loop.py")
    big = b"# " + b"a" * 1_000_001
    sha = commit(repository, {"a.py": "a = 1\n", "big.py": big, "vendor/six.py": "b = 2\n"})
    found, counts = documents(repository, sha)
    assert list(found) == ["a.py"]
    assert counts == {"file: too large": 1, "file: vendored folder": 1}


def test_counts_a_blob_that_is_missing(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    sha = commit(repository, {"a.py": "a = 1\n", "b.py": "b = 2\n"})
    blob = git(repository, "rev-parse", "HEAD:a.py")
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    found, _ = documents(repository, sha)
    assert list(found) == ["b.py"]


@pytest.mark.parametrize("sha", ["0" * 40, "--upload-pack=x", "main"])
def test_says_that_a_commit_is_not_there(tmp_path: Path, sha: str) -> None:
    repository = make_repository(tmp_path)
    commit(repository, {"a.py": "a = 1\n"})
    with pytest.raises(DatasetError, match=r"no commit|not a commit id"):
        documents(repository, sha)


def test_says_that_a_clone_is_shallow(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    first = commit(repository, {"a.py": "a = 1\n"})
    commit(repository, {"a.py": "a = 2\n"})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    with pytest.raises(DatasetError, match="git fetch --unshallow"):
        documents(tmp_path / "shallow", first)


def test_says_that_a_folder_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a git repository"):
        head_commit(tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        documents(tmp_path / "gone", "0" * 40)


def test_repositories_begun_after_a_date_are_the_test_split(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    sha = commit(repository, {"a.py": "a = 1\n"}, date="2024-06-01T00:00:00Z")
    assert first_date(repository, sha) == "2024-06-01"
    for date, split in (("2024-01-01", "test"), ("2025-01-01", "")):
        unit = Repository("ann/alpha", sha, "MIT", repository, newer_than=date)
        assert [document.split for document in unit.documents(Counter())] == [split]


def test_the_first_date_of_a_shallow_clone_is_not_known(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "work")
    commit(repository, {"a.py": "a = 1\n"}, date="2019-01-01T00:00:00Z")
    sha = commit(repository, {"a.py": "a = 2\n"}, date="2024-01-01T00:00:00Z")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    with pytest.raises(DatasetError, match=r"first commit is not known; .*--unshallow"):
        first_date(tmp_path / "shallow", sha)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://github.com/Ann/Alpha.git", "Ann/Alpha"),
        ("https://github.com/Ann/Alpha/", "Ann/Alpha"),
        ("git@github.com:Ann/Alpha.git", "Ann/Alpha"),
        ("ssh://git@example.org:22/Ann/Alpha", "Ann/Alpha"),
        ("/srv/clones/Ann/Alpha.git", "Ann/Alpha"),
    ],
)
def test_remotes_tell_owner_and_name(tmp_path: Path, address: str, name: str) -> None:
    repository = make_repository(tmp_path)
    git(repository, "remote", "add", "upstream", address)
    git(repository, "remote", "add", "other", "https://example.org/bob/beta")
    assert sorted(remotes(repository)) == sorted([name, "bob/beta"])
