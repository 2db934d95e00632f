"""Bytes on disk to UTF-8 and back, exactly: byte-order marks, line ends and coding cookies stay."""

import codecs
import re

from server.refactoring.plan import RenameError

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


def encoding_of(data: bytes) -> str:
    """Return the codec that Python would read `data` with; "utf-8" keeps a BOM as text."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8"
    for line in data.split(b"\n", 2)[:2]:
        match = _COOKIE.match(line)
        if match:
            return _known_codec(match.group(1).decode("ascii", "replace"))
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
    return "utf-8"


def to_utf8(data: bytes) -> bytes:
    """Return `data` as UTF-8; raises RenameError when it is not text in its own encoding."""
    encoding = encoding_of(data)
    try:
        if encoding == "utf-8":
            data.decode("utf-8")
            return data
        return data.decode(encoding).encode("utf-8")
    except (UnicodeDecodeError, LookupError) as error:
        raise RenameError(f"the file is not valid {encoding} text: save it as UTF-8") from error


def from_utf8(text: bytes, like: bytes) -> bytes:
    """Return UTF-8 `text` in the encoding of `like`; raises RenameError when it cannot hold it."""
    encoding = encoding_of(like)
    if encoding == "utf-8":
        return text
    try:
        return text.decode("utf-8").encode(encoding)
    except UnicodeEncodeError as error:
        raise RenameError(f"the new name cannot be written in the file's {encoding}") from error


def _known_codec(name: str) -> str:
    try:
        codec = codecs.lookup(name.replace("_", "-"))
    except LookupError:
        return "utf-8"
    return "utf-8" if codec.name in {"utf-8", "utf-8-sig"} else codec.name
