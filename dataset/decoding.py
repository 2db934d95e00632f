"""Source bytes of any age to UTF-8, as Python itself would read them."""

from __future__ import annotations

import re

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_MARK = b"\xef\xbb\xbf"


def to_utf8(data: bytes) -> bytes:
    """Source bytes as UTF-8, by byte-order mark, declared encoding (PEP 263) or Latin-1."""
    data = data.removeprefix(_MARK)
    try:
        data.decode("utf-8")
        return data
    except UnicodeDecodeError:
        encoding = "latin-1"
    for line in data.split(b"\n", 2)[:2]:
        if match := _COOKIE.match(line):
            encoding = match.group(1).decode()
    try:
        return data.decode(encoding).encode()
    except (LookupError, UnicodeError, AttributeError):
        return data.decode("latin-1").encode()
