"""The engines that `benchmarks/rename.py` compares: each turns a rename into new contents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jedi
from rope.base.project import Project
from rope.refactor.rename import Rename

from server.refactoring.edits import apply_edits
from server.refactoring.rename import Workspace, plan_rename


@dataclass(frozen=True, slots=True)
class Site:
    """One function to rename; offsets count UTF-8 bytes, `line` from 1."""

    package: str
    path: Path
    offset: int
    line: int
    name: str
    kind: str
    new_name: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an engine proposes: new bytes by file, and what it said about them."""

    contents: Mapping[Path, bytes]
    certain_contents: Mapping[Path, bytes] = field(default_factory=dict[Path, bytes])
    refused: bool = False
    doubtful: bool = False
    findings: tuple[str, ...] = ()
    edits: Mapping[Path, tuple[int, ...]] = field(default_factory=dict[Path, tuple[int, ...]])


Engine = Callable[[Path, Site], Outcome]


def ours(root: Path, site: Site) -> Outcome:
    """Namewright's plan, doubtful edits confirmed."""
    plan = plan_rename(Workspace((root,)), site.path, site.offset, site.new_name)
    contents = {path: apply_edits(path.read_bytes(), found) for path, found in plan.edits.items()}
    certain = {
        path: apply_edits(path.read_bytes(), [one for one in found if one.certain])
        for path, found in plan.edits.items()
    }
    findings = tuple(f"{one.severity}: {one.reason} @{one.path.name}:{one.line}"
                     for one in plan.findings)  # fmt: skip
    edits = {path: tuple(one.start for one in found) for path, found in plan.edits.items()}
    return Outcome(contents, certain, plan.refused, plan.doubtful, findings, edits)


def with_jedi(root: Path, site: Site) -> Outcome:
    """Jedi's own rename over its project."""
    code = site.path.read_text("utf-8")
    script = jedi.Script(code, path=site.path, project=jedi.Project(root, smart_sys_path=True))
    line, column = _line_and_column(code, site.offset)
    changes = script.rename(line, column, new_name=site.new_name).get_changed_files()
    return Outcome({path: one.get_new_code().encode() for path, one in changes.items()})


_ROPE: dict[Path, Project] = {}


def with_rope(root: Path, site: Site) -> Outcome:
    """Rope's rename over its project, strings and comments left out as by default."""
    project = _ROPE.get(root)
    if project is None:
        project = _ROPE[root] = Project(str(root), ropefolder=None)
    project.validate()
    code = site.path.read_text("utf-8")
    resource = project.get_resource(str(site.path.relative_to(root)))
    offset = len(code.encode()[: site.offset].decode())
    changes = Rename(project, resource, offset).get_changes(site.new_name)
    return Outcome({
        Path(one.resource.real_path): one.new_contents.encode() for one in changes.changes
    })  # fmt: skip


def whole_words(root: Path, site: Site) -> Outcome:
    """Replace the word in every Python, text and stub file."""
    pattern = re.compile(rb"\b" + site.name.encode() + rb"\b")
    contents: dict[Path, bytes] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".pyi", ".rst", ".txt", ".md"} and path.is_file():
            data = path.read_bytes()
            after = pattern.sub(site.new_name.encode(), data)
            if after != data:
                contents[path] = after
    return Outcome(contents)


ENGINES: dict[str, Engine] = {
    "namewright": ours,
    "jedi": with_jedi,
    "rope": with_rope,
    "words": whole_words,
}


def _line_and_column(code: str, offset: int) -> tuple[int, int]:
    before = code.encode()[:offset].decode()
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)
