"""The Python files below some paths; folders that nobody wrote by hand are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from server.errors import NamewrightError

_SUFFIXES = (".py", ".pyw")
_SKIPPED = frozenset(
    {"__pycache__", "build", "dist", "node_modules", "site-packages", "_vendor", "vendor"}
)


def python_files(paths: Sequence[Path]) -> list[Path]:
    """All Python files below the paths, each once; a file that is named is taken as it is.

    Hidden folders, virtual environments, build outputs and vendored code are left out. Raises
    NamewrightError when a path does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_below(path)))
        elif path.exists():
            found[path] = None
        else:
            raise NamewrightError(f"{path} does not exist")
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED
            and not name.startswith(".")
            and not Path(where, name, "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            if name.endswith(_SUFFIXES):
                yield Path(where, name)
