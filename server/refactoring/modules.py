"""Dotted module names to files: of the project, and of its environment, which is only read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_VENV_NAMES = (".venv", "venv", "env", ".env")


def module_names(path: Path, root: Path, packages: frozenset[Path]) -> list[str]:
    """Return every dotted name under which the project may import `path`, likeliest first.

    `packages` are the folders that hold an `__init__` file. A file can be named from the folder
    above its outermost package (`src/pkg/m.py` is `pkg.m`), from its root, and from any folder
    between, for packages without `__init__`.
    """
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    outermost = len(parts) - 1
    folder = path.parent
    while folder != root and folder in packages:
        outermost -= 1
        folder = folder.parent
    if path.stem == "__init__":
        outermost += 1
    first = max(outermost, 0)
    starts = [first, *range(first - 1, -1, -1)]
    return [".".join(parts[start:]) for start in starts if parts[start:]]


def module_map(paths: Iterable[Path], roots: tuple[Path, ...]) -> dict[str, tuple[Path, ...]]:
    """Return the files behind each dotted name; a source comes before its stub."""
    listed = sorted(paths, key=lambda path: (path.suffix == ".pyi", path))
    packages = frozenset(path.parent for path in listed if path.stem == "__init__")
    found: dict[str, list[Path]] = {}
    for path in listed:
        root = _root_of(path, roots)
        if root is not None:
            for name in module_names(path, root, packages):
                found.setdefault(name, []).append(path)
    return {name: tuple(files) for name, files in found.items()}


def _root_of(path: Path, roots: tuple[Path, ...]) -> Path | None:
    around = [root for root in roots if path.is_relative_to(root)]
    return max(around, key=lambda root: len(root.parts), default=None)


def nearest(files: tuple[Path, ...], importer: Path) -> Path:
    """Return the file that `importer` most likely means: the one with the longest common path."""
    if len(files) == 1:
        return files[0]

    def common(path: Path) -> int:
        same = 0
        for mine, theirs in zip(path.parent.parts, importer.parent.parts, strict=False):
            if mine != theirs:
                break
            same += 1
        return same

    return max(files, key=lambda path: (common(path), path.suffix == ".py"))


class Environment:
    """The installed modules and the standard library's stubs and sources, found by path alone."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._folders = _search_folders(roots)
        self._found: dict[tuple[str, bool], Path | None] = {}

    def find(self, dotted: str, *, stub: bool = True) -> Path | None:
        """Return the file of an outside module, a stub if wanted and there is one, or None."""
        key = (dotted, stub)
        if key not in self._found:
            self._found[key] = self._search(dotted, stub)
        return self._found[key]

    def has_top(self, dotted: str) -> bool:
        """Whether the package that holds the module is installed."""
        return self.find(dotted.partition(".")[0]) is not None

    def _search(self, dotted: str, stub: bool) -> Path | None:
        parts = dotted.split(".")
        suffixes = (".pyi", ".py") if stub else (".py",)
        for folder in self._folders:
            if not stub and folder in _typeshed_folders():
                continue
            base = folder.joinpath(*parts)
            for suffix in suffixes:
                for candidate in (base / f"__init__{suffix}", base.with_name(base.name + suffix)):
                    if candidate.is_file():
                        return candidate
        return None


@cache
def _typeshed_folders() -> tuple[Path, ...]:
    found = find_spec("jedi")  # its stubs of the standard library are read as text
    if found is None or found.origin is None:
        return ()
    base = Path(found.origin).parent / "third_party" / "typeshed"
    names = ("stdlib/3", "stdlib/2and3", "stdlib", "third_party/3", "third_party/2and3")
    return tuple(base / name for name in names if (base / name).is_dir())


def _search_folders(roots: tuple[Path, ...]) -> tuple[Path, ...]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [*_typeshed_folders()]
    for root in roots:
        for name in _VENV_NAMES:
            folders += sorted((root / name).glob("lib/python*/site-packages"))
            folders += sorted((root / name).glob("Lib/site-packages"))
    folders.append(Path(sys.prefix) / "lib" / version / "site-packages")
    folders.append(Path(sys.prefix) / "Lib" / "site-packages")
    folders.append(Path(sys.base_prefix) / "lib" / version)
    folders.append(Path(sys.base_prefix) / "Lib")
    folders += [Path(entry) for entry in sys.path if entry]
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def is_ambiguous(files: Mapping[str, tuple[Path, ...]], path: Path, roots: tuple[Path, ...]) -> str:
    """Return the module name that two roots both define, with `path` one of them; else ""."""
    for name, found in files.items():
        if path in found and "." in name:
            owners = {_root_of(one, roots) for one in found if one.suffix == path.suffix}
            if len(owners) > 1:
                return name
    return ""
