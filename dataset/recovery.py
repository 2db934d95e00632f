"""Finds the function blocks that a syntax error swallowed, by their indentation alone.

While a person types, an unclosed bracket makes the grammar lose every definition below it; the
layout of the lines still tells where each one begins and ends, and in which class it stands.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

# Lines that open a block; what stands deeper below one of them stands in it.
_OPENER = re.compile(
    rb"^([ \t\f]*)(?:((?:async[ \t]+)?def|class)[ \t]+(\w+)"
    rb"|(?:if|elif|else|for|while|with|try|except|finally|async|match|case)\b)",
    re.MULTILINE,
)
_DECORATORS = re.compile(rb"(?:^[ \t\f]*@[^\r\n]*(?:\r\n|\n|\r))+[ \t\f]*\Z", re.MULTILINE)
_LOOK_BACK = 1_000
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|$)")
_MAX_BLOCK = 200_000


@dataclass(frozen=True, slots=True)
class Scope:
    """A class or a function that a line stands in; `start` is the offset of its line."""

    start: int
    indent: int
    name: bytes
    is_class: bool


@dataclass(frozen=True, slots=True)
class Block:
    """The text of a function with its decorators, from `start` on, and what it stands in."""

    start: int
    text: bytes
    scopes: tuple[Scope, ...]


class Layout:
    """The scopes of a file as its indentation tells them, whatever is open above."""

    def __init__(self, source: bytes) -> None:
        self._starts: list[int] = []
        self._scopes: list[tuple[Scope, ...]] = []
        self.definitions: list[re.Match[bytes]] = []
        around: list[Scope] = []
        for match in _OPENER.finditer(source):
            indent, kind, name = match.groups()
            while around and around[-1].indent >= len(indent):
                around.pop()
            self._starts.append(match.start())
            self._scopes.append(tuple(scope for scope in around if scope.name))
            is_class = kind == b"class"
            around.append(Scope(match.start(), len(indent), name or b"", is_class))
            if kind and not is_class:
                self.definitions.append(match)

    def scopes_at(self, offset: int) -> Sequence[Scope]:
        """What the opener of a block at or before an offset stands in, outermost first."""
        place = bisect_right(self._starts, offset) - 1
        return self._scopes[place] if place >= 0 else ()


def swallowed_blocks(source: bytes, layout: Layout, found: Collection[int]) -> Iterator[Block]:
    """The block of each `def` whose name offset is not in `found`.

    A block runs to the first line that is indented no deeper, blank lines and comments aside.
    """
    for match in layout.definitions:
        if match.start(3) in found:
            continue
        start = match.start(2)
        end = _block_end(source, match.end(3), len(match.group(1)))
        above = _DECORATORS.search(source[max(0, start - _LOOK_BACK) : start])
        if above is not None:
            lines = above.group()
            start -= len(lines) - (len(lines) - len(lines.lstrip()))
        yield Block(start, source[start:end], tuple(layout.scopes_at(match.start())))


def _block_end(source: bytes, after_name: int, indent: int) -> int:
    header = _LINE.match(source, after_name)
    end = header.end() if header else len(source)
    limit = min(len(source), after_name + _MAX_BLOCK)
    depth = _bracket_depth(source[after_name:end])
    while end < limit:
        line = _LINE.match(source, end)
        if line is None or line.end() == end:
            break
        text = line.group()
        body = text.strip()
        shallow = len(text) - len(text.lstrip(b" \t\f")) <= indent
        if body and shallow and not body.startswith(b"#") and depth <= 0:
            break
        if body and shallow and depth > 0 and re.match(rb"(async\s|def\s|class\s|@)", body):
            break
        if depth > 0:
            depth += _bracket_depth(text)
        end = line.end()
    return end


def _bracket_depth(line: bytes) -> int:
    code = line.split(b"#", 1)[0]
    return sum(code.count(b) for b in (b"(", b"[", b"{")) - sum(
        code.count(b) for b in (b")", b"]", b"}")
    )
