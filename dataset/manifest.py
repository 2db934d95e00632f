"""Reads manifests: which repositories at which commits, and which ones never."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.errors import DatasetError
from dataset.licences import detect_licence, is_allowed
from dataset.sources.git import Repository, environment, git, head_commit

LAYOUTS = (
    "{owner}+{name}/repo",
    "{owner}+{name}/repo/.git",
    "{owner}/{name}",
    "{owner}/{name}.git",
)
HEAD = "HEAD"
_NAME = re.compile(r"\w[\w.-]*/[\w.-]+")
_COMMIT = re.compile(rf"{HEAD}|[0-9a-f]{{7,64}}")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a manifest's lines must obey, and where their git directories are.

    `clone_from` is a pattern of addresses such as `https://github.com/{owner}/{name}.git`; with
    it, what is missing under `repositories` is cloned there. `licences` of () allows all.
    """

    repositories: Path
    excluded: Collection[str] = frozenset()
    licences: Sequence[str] = ()
    layouts: Sequence[str] = LAYOUTS
    clone_from: str = ""
    newer_than: str = ""


def read_excluded(path: Path) -> frozenset[str]:
    """Lower-cased `owner/name` of each repository in an exclusion list."""
    lines = read_lines(path)
    names = (line.strip().lower() for line in lines)
    return frozenset(name for name in names if name and not name.startswith("#"))


def read_manifest(path: Path, rules: Rules) -> tuple[list[Repository], list[tuple[str, str]]]:
    """The repositories of a manifest (`repository commit licence [functions]`, tabs), sorted.

    Also (reason, message with the line) for each one refused. A commit of `HEAD` stands for the
    clone's own, an empty licence for the one its files tell. Raises DatasetError with the number
    of a malformed line.
    """
    found: list[Repository] = []
    refused: list[tuple[str, str]] = []
    for number, line in enumerate(read_lines(path), 1):
        if not line or line.startswith("#") or (number == 1 and line.startswith("repository\t")):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) < 3 or not (_NAME.fullmatch(cells[0]) and _COMMIT.fullmatch(cells[1])):
            raise DatasetError(
                f"{path}:{number}: expected `owner/name<TAB>commit<TAB>licence`, got {line!r}"
            )
        outcome = _resolve(cells, rules)
        if isinstance(outcome, Repository):
            found.append(outcome)
        else:
            refused.append((outcome[0], f"{path}:{number}: {cells[0]} {outcome[1]}"))
    return sorted(found, key=lambda repository: repository.name.lower()), refused


def _resolve(cells: Sequence[str], rules: Rules) -> Repository | tuple[str, str]:
    name, commit, licence = cells[:3]
    if name.lower() in rules.excluded:
        return "excluded", "is excluded from training data"
    if licence and rules.licences and not is_allowed(licence, rules.licences):
        return "licence", f"has the licence {licence}, which is not allowed"
    try:
        git_dir = locate(rules.repositories, name, rules.layouts)
        if git_dir is None and rules.clone_from:
            git_dir = clone(rules, name)
        if git_dir is None:
            return "not there", f"is not under {rules.repositories}; clone it there"
        commit = head_commit(git_dir) if commit == HEAD else commit
        licence = licence or licence_of(git_dir, commit)
    except (DatasetError, OSError) as error:
        return "unreadable", f"cannot be read ({error})"
    if rules.licences and not is_allowed(licence, rules.licences):
        return "licence", f"has the licence {licence}, which is not allowed"
    weight = int(cells[3]) if len(cells) > 3 and cells[3].isdigit() else 0
    return Repository(name, commit, licence, git_dir, weight, rules.newer_than)


def locate(repositories: Path, name: str, layouts: Sequence[str] = LAYOUTS) -> Path | None:
    """The git directory of `owner/name` in a folder of clones, in the first layout that fits."""
    owner, _, short = name.partition("/")
    for layout in layouts:
        path = repositories / layout.format(owner=owner, name=short)
        if (path / ".git").is_file() or any(map(_is_git_directory, (path, path / ".git"))):
            return path
    return None


def _is_git_directory(path: Path) -> bool:
    """Git itself would go on to the folders above and might read another repository."""
    return all((path / part).exists() for part in ("HEAD", "objects", "refs"))


def clone(rules: Rules, name: str) -> Path:
    """Clone a repository with its history, bare; raises DatasetError that names the address."""
    owner, _, short = name.partition("/")
    address = rules.clone_from.format(owner=owner, name=short)
    target = rules.repositories / owner / f"{short}.git"
    partial = target.with_suffix(".partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial, ignore_errors=True)
    command = ["git", "clone", "--quiet", "--bare", "--", address, str(partial)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment())
    if result.returncode:
        last = result.stderr.strip().split("\n")[-1]
        raise DatasetError(f"{address} cannot be cloned ({last}); check the address and network")
    partial.rename(target)
    return target


def licence_of(git_dir: Path, commit: str) -> str:
    """The licence that a repository's own licence file tells, or `unknown`."""
    entries = git(git_dir, "ls-tree", "-z", commit).decode(errors="replace")
    for entry in entries.split("\0"):
        head, _, name = entry.partition("\t")
        # Some projects keep their licences in a folder, beside or instead of the file.
        if " blob " in head and name.lower().startswith(("licen", "copying")):
            text = git(git_dir, "cat-file", "blob", f"{commit}:{name}").decode(errors="replace")
            return detect_licence(text)
    return "unknown"


def read_lines(path: Path) -> list[str]:
    """The lines of a small text file; raises DatasetError."""
    try:
        return [line.rstrip("\r\n") for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text") from error
