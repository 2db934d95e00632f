"""Names listed as strings for a loop that looks them up: `for name in NAMES: getattr(self, name)`.

The string in the list is then the attribute's name, and has to change with it; where the same
strings serve as keys, options or parts of other names, nothing can change them for one use alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.refactoring.values import Place

_HOLDERS = {"list", "tuple", "set", "expression_list", "parenthesized_expression"}
_WINDOW = 600


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where a listed name is looked up: on what, and whether that is all the list is for."""

    receiver: bytes
    is_plain: bool


def lookup_of(literal: Place) -> Lookup | None:
    """Return the loop that looks the names of a string's list up, or None."""
    holder = literal.above()
    while holder.kind in _HOLDERS and len(holder.chain) > 1:
        holder = holder.above()
    while holder.kind in {"argument_list", "call"}:
        holder = holder.above()  # `frozenset([…])`
    if holder.kind in {"for_statement", "for_in_clause"}:
        target = holder.field("left")
        body = holder.field("body") or holder.above()
        return None if target is None else _in_loop(body.text, target.text)
    left = holder.field("left") if holder.kind == "assignment" else None
    if left is None:
        return None
    name = re.escape(left.text.rpartition(b".")[2])
    uses = re.findall(rb"\b" + name + rb"\b", literal.file.data)
    loop = re.compile(rb"\bfor[ \t]+(\w+)[ \t]+in[ \t]+(?:\w+\.)*" + name + rb"[ \t]*[:\])]")
    loops = list(loop.finditer(literal.file.data))
    found: list[Lookup | None] = [
        _in_loop(_around(literal.file.data, one.start(), one.end()), one.group(1)) for one in loops
    ]
    lookups = [one for one in found if one is not None]
    if not lookups:
        return None
    plain = len(lookups) == len(loops) == len(uses) - 1 and all(one.is_plain for one in lookups)
    return Lookup(lookups[0].receiver, plain)


def _around(data: bytes, start: int, end: int) -> bytes:
    """Return the body of the loop at `start:end`, or the comprehension that it belongs to."""
    first = data.rfind(b"\n", 0, start) + 1
    if not data[first:start].strip():
        margin = start - first
        lines = data[end : end + _WINDOW].split(b"\n")
        body = [lines[0]]
        for line in lines[1:]:
            if line.strip() and len(line) - len(line.lstrip()) <= margin:
                break
            body.append(line)
        return b"\n".join(body)
    return data[first:start]


def _in_loop(body: bytes, variable: bytes) -> Lookup | None:
    word = rb"\b" + re.escape(variable) + rb"\b"
    pattern = re.compile(rb"(?:get|set|has|del)attr\(\s*([\w.]+)\s*,\s*" + word + rb"\s*[,)]")
    found = pattern.findall(body)
    if not found:
        return None
    return Lookup(found[0], len(found) == len(re.findall(word, body)))
