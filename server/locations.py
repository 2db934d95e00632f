"""File URIs to paths and back; bytes that are not UTF-8 survive the way there and back."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

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


def uri_of(path: Path) -> str:
    """The `file:` URI of an absolute path."""
    return path.as_uri()
