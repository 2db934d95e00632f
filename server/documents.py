"""The open files: immutable snapshots with line index, syntax tree and functions, made on demand.

A snapshot remembers the tree before it, so that an edit is parsed incrementally, and the last tree
without errors, which answers for a function that a half-typed line hides.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Point, Tree

from dataset.functions import Function, Span, decode, find_functions, innermost, parse
from server.line_index import Encoding, LineIndex, Place
from server.locations import path_of


class Edit(NamedTuple):
    """One replaced range: `old[start:old_end]` became `new[start:new_end]`, in bytes."""

    start: int
    old_end: int
    new_end: int


class Change(NamedTuple):
    """What an editor sends: a range and its new text; no range means the whole text."""

    begin: Place | None
    end: Place | None
    text: str


class Parsed(NamedTuple):
    """A tree and the text it belongs to."""

    source: bytes
    tree: Tree


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One version of one file; what derives from the text is computed once, when first asked for.

    `basis` is the nearest parsed version before it, `good` the nearest one without errors;
    `notes` is what others worked out about this version, kept as long as the version lives.
    """

    uri: str
    version: int
    source: bytes
    basis: Parsed | None = field(default=None, repr=False)
    good: Parsed | None = field(default=None, repr=False)
    notes: dict[Hashable, object] = field(default_factory=dict[Hashable, object], repr=False)

    @cached_property
    def lines(self) -> LineIndex:
        """The line index of this text."""
        return LineIndex(self.source)

    @cached_property
    def path(self) -> Path | None:
        """The file on disk, or None for an unsaved buffer or a notebook cell."""
        return path_of(self.uri)

    @property
    def is_parsed(self) -> bool:
        """Whether functions are known already, so that asking for them costs nothing."""
        return "functions" in self.__dict__

    @property
    def tree(self) -> Tree:
        """The syntax tree of this text."""
        return self._parsed.tree

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """All functions in source order."""
        return tuple(find_functions(self.source, self.tree))

    def function_at(self, offset: int) -> Function | None:
        """The innermost function around a byte offset, also while a half-typed line hides it."""
        found = innermost(self.functions, offset)
        if not self.tree.root_node.has_error:
            return found
        remembered = innermost(self._remembered, offset)
        if remembered is None or (found is not None and found.span.start >= remembered.span.start):
            return found
        return remembered

    def followed_by(self, version: int, source: bytes) -> Snapshot:
        """The next version of the file, which will be parsed from this one's tree."""
        parsed: Parsed | None = self.__dict__.get("_parsed")
        if parsed is None:
            return Snapshot(self.uri, version, source, self.basis, self.good)
        good = self.good if parsed.tree.root_node.has_error else parsed
        return Snapshot(self.uri, version, source, parsed, good)

    @cached_property
    def _parsed(self) -> Parsed:
        if self.basis is None:
            return Parsed(self.source, parse(self.source))
        return Parsed(self.source, _reparse(self.basis, self.source))

    @cached_property
    def _remembered(self) -> tuple[Function, ...]:
        """Functions of the last good tree that are still there, moved to their places here."""
        if self.good is None:
            return ()
        edit = difference(self.good.source, self.source)
        functions = find_functions(self.good.source, self.good.tree)
        here = (moved(function, edit, self.source) for function in functions)
        return tuple(function for function in here if function.name.isidentifier())


def difference(old: bytes, new: bytes) -> Edit:
    """The one edit that turns `old` into `new`: what lies between common prefix and suffix."""
    start = _common(old, new, min(len(old), len(new)), from_end=False)
    tail = _common(old, new, min(len(old), len(new)) - start, from_end=True)
    return Edit(start, len(old) - tail, len(new) - tail)


def moved(function: Function, edit: Edit, source: bytes) -> Function:
    """A function of the text before `edit`, with its spans where `source`, after it, has them."""

    def at(span: Span) -> Span:
        return Span(_shift_start(span.start, edit), _shift_end(span.end, edit))

    name_span = at(function.name_span)
    return replace(
        function,
        source=source,
        name=decode(source[name_span.start : name_span.end]),
        span=at(function.span),
        outer_span=at(function.outer_span),
        name_span=name_span,
        header_span=at(function.header_span),
        body_span=at(function.body_span),
        docstring_span=at(function.docstring_span) if function.docstring_span else None,
    )


def changed(source: bytes, changes: list[Change], encoding: Encoding) -> bytes:
    """The text after an editor's changes, each made on the result of the one before."""
    for change in changes:
        data = change.text.encode("utf-8", "replace")
        if change.begin is None or change.end is None:
            source = data
            continue
        lines = LineIndex(source)
        first, last = lines.offset(change.begin, encoding), lines.offset(change.end, encoding)
        start, end = min(first, last), max(first, last)
        source = source[:start] + data + source[end:]
    return source


class Documents:
    """The open files by URI: the server's only record of what the editor shows."""

    def __init__(self) -> None:
        self._snapshots: dict[str, Snapshot] = {}

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(tuple(self._snapshots.values()))

    def get(self, uri: str) -> Snapshot | None:
        """The newest snapshot of an open file."""
        return self._snapshots.get(uri)

    def open(self, uri: str, version: int, text: str) -> Snapshot:
        """Begin a file; opening it again starts afresh."""
        snapshot = Snapshot(uri, version, text.encode("utf-8", "replace"))
        self._snapshots[uri] = snapshot
        return snapshot

    def change(
        self, uri: str, version: int, changes: list[Change], encoding: Encoding
    ) -> Snapshot | None:
        """The snapshot after an editor's changes; None for a file that is not open or is newer."""
        before = self._snapshots.get(uri)
        if before is None or version < before.version:
            return None
        after = before.followed_by(version, changed(before.source, changes, encoding))
        self._snapshots[uri] = after
        return after

    def close(self, uri: str) -> None:
        """Forget a file; one that is not open is no matter."""
        self._snapshots.pop(uri, None)


def _reparse(basis: Parsed, source: bytes) -> Tree:
    edit = difference(basis.source, source)
    if edit.start == edit.old_end == edit.new_end:
        return basis.tree
    tree = copy.copy(basis.tree)
    tree.edit(
        edit.start,
        edit.old_end,
        edit.new_end,
        _point(source, edit.start),
        _point(basis.source, edit.old_end),
        _point(source, edit.new_end),
    )
    return parse(source, tree)


def _point(source: bytes, offset: int) -> Point:
    return Point(source.count(b"\n", 0, offset), offset - source.rfind(b"\n", 0, offset) - 1)


def _common(old: bytes, new: bytes, limit: int, *, from_end: bool) -> int:
    """Length of the common prefix, or suffix, of at most `limit` bytes; halves, so C compares."""
    known, ceiling = 0, limit
    while known < ceiling:
        middle = (known + ceiling + 1) // 2
        if from_end:
            same = (
                old[len(old) - middle : len(old) - known]
                == (new[len(new) - middle : len(new) - known])
            )
        else:
            same = old[known:middle] == new[known:middle]
        if same:
            known = middle
        else:
            ceiling = middle - 1
    return known


def _shift_start(offset: int, edit: Edit) -> int:
    if offset >= edit.old_end:
        return offset + edit.new_end - edit.old_end
    return min(offset, edit.start)


def _shift_end(offset: int, edit: Edit) -> int:
    if offset >= edit.old_end and offset > edit.start:
        return offset + edit.new_end - edit.old_end
    return offset if offset <= edit.start else edit.new_end
