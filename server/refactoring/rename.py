"""Plan the rename of the function at a position: every edit across the workspace, every doubt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jedi

from dataset.functions import function_at
from server.refactoring.edits import Finding, RenameError, RenamePlan, TextEdit, digest
from server.refactoring.names import check_new_name
from server.refactoring.source_text import to_utf8


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders a rename may touch; `overlays` are unsaved buffers, which are the truth."""

    roots: tuple[Path, ...]
    overlays: Mapping[Path, bytes] = field(default_factory=dict[Path, bytes])

    def read(self, path: Path) -> bytes:
        """Return a file's bytes as the user sees them; raises RenameError when unreadable."""
        if path in self.overlays:
            return self.overlays[path]
        try:
            return path.read_bytes()
        except OSError as error:
            raise RenameError(f"{path} cannot be read ({error.strerror})") from error


def plan_rename(workspace: Workspace, path: Path, offset: int, new_name: str) -> RenamePlan:
    """Return the plan that renames the function around `offset` (UTF-8 bytes) of `path`.

    Raises RenameError when there is no function there or the new name is no name.
    """
    raw = workspace.read(path)
    source = to_utf8(raw)
    function = function_at(source, offset)
    if function is None:
        raise RenameError(f"{path} has no function at this place; put the cursor on a definition")
    name = check_new_name(function.name, new_name)
    places = _references(workspace, path, source, function.name_span.start)
    places.setdefault(path, set()).add(function.name_span.start)
    edits: dict[Path, tuple[TextEdit, ...]] = {}
    digests: dict[Path, str] = {}
    findings: list[Finding] = []
    old = function.name.encode()
    for file, starts in places.items():
        text = to_utf8(workspace.read(file))
        if any(word == name.encode() for word in _words(text)):
            reason = f"the name {name} is already used in {file.name}"
            findings.append(Finding("refuse" if file == path else "confirm", reason, file, 1))
        edits[file] = tuple(
            TextEdit(start, start + len(old), name, certain=True)
            for start in sorted(starts)
            if text[start : start + len(old)] == old
        )
        digests[file] = digest(workspace.read(file))
    return RenamePlan(edits, tuple(findings), digests)


def _references(
    workspace: Workspace, path: Path, source: bytes, offset: int
) -> dict[Path, set[int]]:
    lines = source.splitlines(keepends=True)
    before = source[:offset].splitlines(keepends=True)
    row = max(len(before) - 1, 0)
    column = len(before[-1].decode()) if before else 0
    places: dict[Path, set[int]] = {}
    try:
        root = next((one for one in workspace.roots if path.is_relative_to(one)), None)
        project = jedi.Project(str(root)) if root is not None else None
        script = jedi.Script(source.decode(), path=str(path), project=project)
        scope = "project" if root is not None else "file"
        found = script.get_references(row + 1, column, scope=scope)
    except Exception:
        return places
    for one in found:
        file = one.module_path
        if file is None or one.line is None or one.column is None:
            continue
        if file != path and not any(file.is_relative_to(base) for base in workspace.roots):
            continue
        text = source if file == path else to_utf8(workspace.read(file))
        lines = text.splitlines(keepends=True)
        start = sum(map(len, lines[: one.line - 1]))
        start += len(lines[one.line - 1].decode()[: one.column].encode())
        places.setdefault(file, set()).add(start)
    return places


def _words(text: bytes) -> set[bytes]:
    import re

    return set(re.findall(rb"\w+", text))
