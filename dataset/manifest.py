"""Reads manifests: which repositories at which commits, and which ones never."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from pathlib import Path

from dataset.errors import DatasetError
from dataset.extract import Repository

_LAYOUTS = (
    "{owner}+{name}/repo",
    "{owner}+{name}/repo/.git",
    "{owner}/{name}",
    "{owner}/{name}.git",
)


def read_excluded(path: Path) -> frozenset[str]:
    """Lower-cased `owner/name` of each repository in an exclusion list."""
    lines = _lines(path)
    return frozenset(line.lower() for line in lines if line and not line.startswith("#"))


def read_manifest(
    path: Path, repositories: Path, excluded: Collection[str]
) -> tuple[list[Repository], list[str]]:
    """The repositories of a tab-separated manifest (`repository commit licence …`), sorted.

    Also the reasons, one line each, for those left out. Raises DatasetError on a malformed line.
    """
    found: list[Repository] = []
    problems: list[str] = []
    for number, line in enumerate(_lines(path), 1):
        if not line or line.startswith("#") or (number == 1 and line.startswith("repository\t")):
            continue
        cells = line.split("\t")
        if len(cells) < 3 or cells[0].count("/") != 1:
            raise DatasetError(
                f"{path}:{number}: expected `owner/name<TAB>commit<TAB>licence`, got {line!r}"
            )
        name, commit, licence = cells[:3]
        if name.lower() in excluded:
            problems.append(f"{path}:{number}: {name} is excluded from training data")
            continue
        git_dir = locate(repositories, name)
        if git_dir is None:
            problems.append(f"{path}:{number}: {name} is not under {repositories}; clone it there")
            continue
        found.append(Repository(name, commit, licence, git_dir))
    return sorted(found, key=lambda repository: repository.name.lower()), problems


def locate(repositories: Path, name: str) -> Path | None:
    """The git directory of `owner/name` in a folder of clones, in any of the known layouts."""
    owner, _, short = name.partition("/")
    for layout in _LAYOUTS:
        path = repositories / layout.format(owner=owner, name=short)
        if (path / "HEAD").exists() or (path / ".git").exists():
            return path
    return None


def head_commit(git_dir: Path) -> str:
    """The commit a repository's HEAD stands at; raises DatasetError."""
    command = ["git", "-C", str(git_dir), "rev-parse", "--verify", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise DatasetError(f"{git_dir}: not a git repository with a commit; run `git init` there")
    return result.stdout.strip()


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
