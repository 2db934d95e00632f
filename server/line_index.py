"""Positions of an editor to UTF-8 byte offsets and back, for UTF-8, UTF-16 and UTF-32 clients.

A line ends at `\\n`, `\\r\\n` or `\\r` only: form feeds and Unicode separators are text.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Literal, NamedTuple

Encoding = Literal["utf-8", "utf-16", "utf-32"]
_LINE_ENDS = b"\r\n"


class Place(NamedTuple):
    """A zero-based line and a column in the units of the client's position encoding."""

    line: int
    column: int


class LineIndex:
    """Where the lines of one text begin; conversions clamp to the text instead of failing."""

    __slots__ = ("_source", "_starts")

    def __init__(self, source: bytes) -> None:
        # bytes.splitlines, unlike str.splitlines, knows exactly the line ends of the protocol.
        lines = source.splitlines(keepends=True)
        self._source = source
        self._starts = list(accumulate(map(len, lines), initial=0))
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            self._starts.pop()

    @property
    def count(self) -> int:
        """How many lines there are; an empty text has one."""
        return len(self._starts)

    def line_start(self, line: int) -> int:
        """Byte offset at which a zero-based line begins; the end of the text beyond the last."""
        return self._starts[line] if line < len(self._starts) else len(self._source)

    def line_text(self, line: int) -> bytes:
        """The bytes of a line without its end; empty outside the text."""
        if not 0 <= line < len(self._starts):
            return b""
        return self._source[self._starts[line] : self.line_start(line + 1)].rstrip(_LINE_ENDS)

    def offset(self, place: Place, encoding: Encoding) -> int:
        """The byte offset of a place; beyond a line's end means its end, as the protocol says."""
        if place.line < 0:
            return 0
        if place.line >= len(self._starts):
            return len(self._source)
        text = self.line_text(place.line)
        return self._starts[place.line] + _bytes_before(text, max(place.column, 0), encoding)

    def place(self, offset: int, encoding: Encoding) -> Place:
        """The place of a byte offset; one inside a character counts as that character's start."""
        offset = min(max(offset, 0), len(self._source))
        line = bisect_right(self._starts, offset) - 1
        before = self._source[self._starts[line] : offset]
        return Place(line, _units(before, encoding))


def _bytes_before(text: bytes, units: int, encoding: Encoding) -> int:
    if encoding == "utf-8":
        units = min(units, len(text))
        while 0 < units < len(text) and text[units] & 0xC0 == 0x80:
            units -= 1
        return units
    if text.isascii():
        return min(units, len(text))
    characters = text.decode("utf-8", "replace")
    if encoding == "utf-32":
        return len(characters[:units].encode())
    wide = characters.encode("utf-16-le")[: 2 * units]
    # Half of a surrogate pair is dropped: a place inside a character is its start.
    return len(wide.decode("utf-16-le", "ignore").encode())


def _units(before: bytes, encoding: Encoding) -> int:
    if encoding == "utf-8" or before.isascii():
        return len(before)
    characters = before.decode("utf-8", "ignore")
    if encoding == "utf-32":
        return len(characters)
    return len(characters.encode("utf-16-le")) // 2
