"""Where files are: URIs to paths and back, and the project around a file.

File names that are not UTF-8 survive the way there and back.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

_PROJECT_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg")
_DRIVE = re.compile(r"^/[A-Za-z]:")


def path_of(uri: str) -> Path | None:
    """The path of a `file:` URI, or None for any other scheme or a malformed URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or not parts.path:
        return None
    text = os.fsdecode(unquote_to_bytes(parts.path))
    if "\x00" in text:
        return None
    if parts.netloc and parts.netloc != "localhost":
        return Path(f"//{parts.netloc}{text}")
    return Path(text[1:] if os.name == "nt" and _DRIVE.match(text) else text)


def project_around(path: Path) -> Path | None:
    """The nearest folder above a file that is marked as a project; None where there is none."""
    too_wide = wide_folders(path)
    for folder in path.parents:
        if folder in too_wide:
            return None
        if any((folder / mark).exists() for mark in _PROJECT_MARKS):
            return folder
    return None


def wide_folders(path: Path) -> tuple[Path, ...]:
    """Folders that hold more than one project: the home, the temporary one, the path's root."""
    folders = (Path(tempfile.gettempdir()), Path(path.anchor))
    try:
        return (Path.home(), *folders)
    except RuntimeError:  # a container's user without a name has no home
        return folders


def uri_of(path: Path) -> str:
    """The `file:` URI of an absolute path."""
    return path.as_uri()
