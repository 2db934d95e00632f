"""Finds the function blocks that a syntax error swallowed, by their indentation alone.

While a person types, an unclosed bracket makes the grammar lose every definition below it; the
layout of the lines still tells where each one begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_DEFINITION = re.compile(rb"^([ \t\f]*)((?:async[ \t]+)?def[ \t]+)(\w+)", re.MULTILINE)
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r|$)")
_MAX_BLOCK = 200_000


def swallowed_blocks(source: bytes, found: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, text) of each block at a `def` whose name offset is not in `found`.

    A block runs to the first line that is indented no deeper, blank lines and comments aside.
    """
    for match in _DEFINITION.finditer(source):
        if match.start(3) in found:
            continue
        start = match.start(2)
        yield start, source[start : _block_end(source, match.end(3), len(match.group(1)))]


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
