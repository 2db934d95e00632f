"""Small projects whose expected rename is marked in the text: `«old»` changes, `old` stays."""

from __future__ import annotations

from pathlib import Path

from server.refactoring.edits import RenamePlan, apply_edits, chosen_edits
from server.refactoring.rename import Workspace, plan_rename

Project = dict[str, str]


def write_project(folder: Path, project: Project) -> Path:
    """Write the files without the marks and return the one that holds the marked definition."""
    target: Path | None = None
    for name, text in project.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(unmarked(text).encode())
        if target is None:
            target = path
    assert target is not None
    return target


def unmarked(text: str) -> str:
    return text.replace("«", "").replace("»", "")


def plan_project(folder: Path, project: Project, new: str = "new") -> RenamePlan:
    """Plan the rename of the first marked name of the first file."""
    target = write_project(folder, project)
    first = next(iter(project.values()))
    offset = len(first[: first.index("«")].replace("»", "").encode())
    return plan_rename(Workspace((folder,)), target, offset, new)


def renamed(folder: Path, project: Project, plan: RenamePlan, *, doubtful: bool) -> Project:
    """Return every file's text after the plan."""
    result: Project = {}
    for name in project:
        path = folder / name
        edits = chosen_edits(plan.edits.get(path, ()), include_doubtful=doubtful)
        result[name] = apply_edits(path.read_bytes(), edits).decode()
    return result


def expected(project: Project, old: str, new: str = "new") -> Project:
    """Return every file's text with the marked names replaced."""
    return {name: text.replace(f"«{old}»", new) for name, text in project.items()}
