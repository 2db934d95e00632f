"""The engines that `benchmarks/rename.py` compares: each turns a rename into new contents."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jedi
from rename_sites import CACHE, PYTHON, Site
from rope.base.project import Project
from rope.refactor.rename import Rename

import server.refactoring
from server.refactoring.edits import TextEdit, apply_edits
from server.refactoring.pyright import Pyright
from server.refactoring.rename import Workspace, plan_rename

_ANSWER_SECONDS = 30.0
_LANGUAGE_SERVER = CACHE / "venv" / "bin" / "basedpyright-langserver"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an engine proposes: new bytes by file, and what it said about them."""

    contents: Mapping[Path, bytes]
    refused: bool = False
    doubtful: bool = False
    findings: tuple[str, ...] = ()
    certain: Mapping[Path, bytes] = field(default_factory=dict[Path, bytes])
    edits: Mapping[Path, tuple[int, ...]] | None = None
    certain_edits: Mapping[Path, tuple[int, ...]] | None = None


Engine = Callable[[Path, Site], Outcome]


@cache
def fingerprint() -> str:
    """Return what tells one state of our engine's source from another."""
    digest = hashlib.sha256()
    for path in sorted(Path(server.refactoring.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


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
    sure = {
        path: tuple(one.start for one in found if one.certain) for path, found in plan.edits.items()
    }
    return Outcome(contents, plan.refused, plan.doubtful, findings, certain, edits, sure)


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


_PYRIGHT: dict[Path, Pyright] = {}


def with_basedpyright(root: Path, site: Site) -> Outcome:
    """Basedpyright over LSP: all files open, asked until two answers agree."""
    session = _PYRIGHT.get(root)
    deadline = time.monotonic() + _ANSWER_SECONDS
    if session is None:
        for other in _PYRIGHT.values():
            other.close()
        _PYRIGHT.clear()
        session = _PYRIGHT[root] = Pyright([str(_LANGUAGE_SERVER)], [root], PYTHON)
        session.start(deadline)
        files = [*root.rglob("*.py"), *root.rglob("*.pyi")]
        session.show({path: path.read_bytes() for path in files})
    found = session.uses(site.path, site.offset, deadline)
    old = len(site.name.encode())
    contents: dict[Path, bytes] = {}
    for path, offsets in found.items():
        data = path.read_bytes()
        named = [at for at in offsets if data[at : at + old] == site.name.encode()]
        edits = [TextEdit(at, at + old, site.new_name, certain=True) for at in named]
        contents[path] = apply_edits(data, edits)
    return Outcome(contents)


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
    "basedpyright": with_basedpyright,
    "words": whole_words,
}


def edited_offsets(site: Site, contents: Mapping[Path, bytes]) -> dict[Path, tuple[int, ...]]:
    """Return where contents differ from the files by the new name in place of the old."""
    old, new = site.name.encode(), site.new_name.encode()
    found: dict[Path, tuple[int, ...]] = {}
    for path, after in contents.items():
        before = path.read_bytes()
        offsets: list[int] = []
        here = there = 0
        while (at := before.find(old, here)) >= 0:
            there += at - here
            changed = after.startswith(new, there)
            if changed:
                offsets.append(at)
            here, there = at + len(old), there + len(new if changed else old)
        found[path] = tuple(offsets)
    return found


def _line_and_column(code: str, offset: int) -> tuple[int, int]:
    before = code.encode()[:offset].decode()
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)
