"""Which files of a workspace belong to the project: no git-ignored ones, no environments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PYTHON_SUFFIXES = (".py", ".pyi", ".pyw")
TEXT_SUFFIXES = (
    ".rst", ".md", ".txt", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".json", ".html", ".jinja",
    ".j2", ".tmpl", ".mako", ".in", ".xml",
)  # fmt: skip
_NEVER = {"__pycache__", "node_modules", "site-packages", "__pypackages__"}
_MAX_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    keeps: bool
    folders_only: bool


def project_files(root: Path) -> Iterator[tuple[Path, int, int]]:
    """Yield (path, modification time in ns, size) of the project's Python and text files."""
    yield from _walk(str(root), "", _rules(root / ".git/info/exclude", ""))


def _walk(folder: str, base: str, rules: list[_Rule]) -> Iterator[tuple[Path, int, int]]:
    """Walk a folder; `base` is its path below the root, with a slash at its end."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if "pyvenv.cfg" in names:
        return
    if ".gitignore" in names:
        rules = rules + _rules(Path(folder, ".gitignore"), base)
    for entry in entries:
        relative = base + entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                hidden = entry.name.startswith(".") or entry.name in _NEVER
                if not hidden and not _ignored(relative, rules, is_folder=True):
                    yield from _walk(entry.path, relative + "/", rules)
            elif entry.name.startswith("."):
                continue
            elif entry.name.endswith(PYTHON_SUFFIXES + TEXT_SUFFIXES) and entry.is_file():
                status = entry.stat()
                if status.st_size <= _MAX_BYTES and not _ignored(relative, rules, is_folder=False):
                    yield Path(entry.path), status.st_mtime_ns, status.st_size
        except OSError:
            continue


def _ignored(relative: str, rules: list[_Rule], *, is_folder: bool) -> bool:
    for rule in reversed(rules):
        if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(relative):
            return not rule.keeps
    return False


def _rules(path: Path, base: str) -> list[_Rule]:
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    prefix = re.escape(base)
    return [_rule(line.rstrip(), prefix) for line in lines if line.strip() and line[0] != "#"]


def _rule(line: str, prefix: str) -> _Rule:
    keeps = line.startswith("!")
    line = line.removeprefix("!")
    folders_only = line.endswith("/")
    line = line.rstrip("/")
    anchored = "/" in line
    line = line.lstrip("/")
    expression = _glob(line)
    anywhere = "" if anchored else "(?:.*/)?"
    return _Rule(re.compile(prefix + anywhere + expression, re.DOTALL), keeps, folders_only)


def _glob(pattern: str) -> str:
    pieces: list[str] = []
    position = 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            pieces.append("(?:.*/)?")
            position += 3
        elif rest.startswith("**"):
            pieces.append(".*")
            position += 2
        elif rest[0] == "*":
            pieces.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            pieces.append("[^/]")
            position += 1
        elif rest[0] == "[" and "]" in rest[1:]:
            end = rest.index("]", 1)
            body = rest[1:end].replace("\\", "\\\\").replace("!", "^", 1)
            pieces.append(f"[{body}]")
            position += end + 1
        else:
            escaped = rest[0] == "\\" and len(rest) > 1
            pieces.append(re.escape(rest[1] if escaped else rest[0]))
            position += 2 if escaped else 1
    return "".join(pieces)
