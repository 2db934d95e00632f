"""Finds the functions of a Python file, by position or all of them, and says what each one is.

Works on bytes and tree-sitter nodes: one parse answers for files that do not parse cleanly and for
Python 2. Every offset is a UTF-8 byte offset into the source that was given.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

from dataset.recovery import Layout, Scope, swallowed_blocks

LANGUAGE = Language(tree_sitter_python.language())
_SCOPES = Query(
    LANGUAGE,
    "(class_definition) @class (function_definition) @function (decorated_definition) @decorated",
)
_BYTES_OR_FORMATTED = re.compile(rb"^[A-Za-z]*[bBfFtT][A-Za-z]*['\"]")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_PARAMETER_NAMES = {
    "identifier": None,
    "default_parameter": "name",
    "typed_default_parameter": "name",
    "typed_parameter": 0,
    "list_splat_pattern": 0,
    "dictionary_splat_pattern": 0,
}


class Span(NamedTuple):
    """A half-open range of UTF-8 byte offsets."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Function:
    """One function definition; all spans slice `source`, `line` counts from 1."""

    source: bytes = field(repr=False)
    name: str
    parameters: tuple[str, ...]
    decorators: tuple[str, ...]
    docstring: str | None
    class_chain: tuple[str, ...]
    span: Span
    outer_span: Span
    name_span: Span
    header_span: Span
    body_span: Span
    docstring_span: Span | None
    line: int
    is_method: bool
    is_property: bool
    is_async: bool
    is_overload: bool
    is_nested: bool

    @property
    def text(self) -> str:
        """The definition as written, decorators excluded."""
        return decode(self.source[self.span.start : self.span.end])


def decode(data: bytes) -> str:
    """Text of a UTF-8 slice; a stray byte becomes U+FFFD instead of an error."""
    return data.decode("utf-8", errors="replace")


def parse(source: bytes, old_tree: Tree | None = None) -> Tree:
    """Parse UTF-8 source; `old_tree`, already edited to match, makes it incremental."""
    parser = Parser(LANGUAGE)
    if b"\r" in source:
        # The grammar does not end a line at a lone carriage return; offsets stay the same.
        source = _LONE_RETURN.sub(b"\n", source)
    return parser.parse(source, old_tree) if old_tree is not None else parser.parse(source)


def find_functions(source: bytes, tree: Tree | None = None) -> list[Function]:
    """All functions of a file in source order, nested ones included.

    Blocks that a syntax error swallowed (an open bracket above them) are parsed by themselves;
    the layout of the lines tells what they stand in.
    """
    root = (tree or parse(source)).root_node
    lines = _LineCounter(source)
    functions = list(_functions_below(root, source, 0, lines))
    if not root.has_error:
        return functions
    layout = Layout(source)
    functions = [_placed(function, layout) for function in functions]
    found = {function.name_span.start for function in functions}
    for block in swallowed_blocks(source, layout, found):
        tree = parse(block.text)
        for function in _functions_below(tree.root_node, source, block.start, lines, block.scopes):
            if function.name_span.start not in found:
                found.add(function.name_span.start)
                functions.append(function)
    return sorted(functions, key=lambda function: function.span)


def function_at(source: bytes, offset: int, tree: Tree | None = None) -> Function | None:
    """The innermost function around a byte offset: on its decorators, signature or body."""
    return innermost(find_functions(source, tree), offset)


def innermost(functions: Iterable[Function], offset: int) -> Function | None:
    """The last of `functions` (in source order) whose outer span holds the offset, or None."""
    around = [f for f in functions if f.outer_span.start <= offset <= f.outer_span.end]
    return max(around, key=lambda f: f.outer_span.start, default=None)


@dataclass(slots=True)
class _Scope:
    end: int
    class_name: str | None


def _placed(function: Function, layout: Layout) -> Function:
    """A function that the grammar found outside a class whose first line it could not read."""
    if function.class_chain or function.is_nested:
        return function
    scopes = layout.scopes_at(function.span.start)
    if not scopes:
        return function
    stack = _outer_scopes(scopes)
    is_method = stack[-1].class_name is not None
    return replace(
        function,
        class_chain=_class_names(stack),
        is_method=is_method,
        is_nested=not is_method,
    )


def _outer_scopes(scopes: Iterable[Scope]) -> list[_Scope]:
    return [_Scope(sys.maxsize, decode(s.name) if s.is_class else None) for s in scopes]


def _class_names(stack: Iterable[_Scope]) -> tuple[str, ...]:
    return tuple(scope.class_name for scope in stack if scope.class_name is not None)


def _functions_below(
    root: Node, source: bytes, base: int, lines: _LineCounter, outer: Iterable[Scope] = ()
) -> Iterator[Function]:
    """Walk definitions in source order with a stack of scopes; `base` shifts block offsets."""
    captures = QueryCursor(_SCOPES).captures(root)
    decorated = {
        definition.start_byte: node
        for node in captures.get("decorated", ())
        if (definition := node.child_by_field_name("definition")) is not None
    }
    definitions = [(node, True) for node in captures.get("class", ())]
    definitions += [(node, False) for node in captures.get("function", ())]
    definitions.sort(key=lambda entry: (entry[0].start_byte, -entry[0].end_byte))
    stack = _outer_scopes(outer)
    for node, is_class in definitions:
        while stack and stack[-1].end <= node.start_byte:
            stack.pop()
        name = node.child_by_field_name("name")
        if name is None or name.is_missing:
            continue
        if is_class:
            stack.append(_Scope(node.end_byte, decode(name.text or b"")))
            continue
        function = _function(node, name, decorated.get(node.start_byte), source, base, stack, lines)
        stack.append(_Scope(node.end_byte, None))
        if function is not None:
            yield function


class _LineCounter:
    """Line numbers of offsets; only the part since the last one is counted, either way."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._offset = 0
        self._line = 1

    def at(self, offset: int) -> int:
        start, end = sorted((self._offset, offset))
        part = self._source[start:end]
        ends = part.count(b"\n") + part.count(b"\r") - part.count(b"\r\n")
        self._line += ends if offset > self._offset else -ends
        self._offset = offset
        return self._line


def _function(
    node: Node,
    name: Node,
    decorated: Node | None,
    source: bytes,
    base: int,
    stack: Sequence[_Scope],
    lines: _LineCounter,
) -> Function | None:
    parameters = node.child_by_field_name("parameters")
    body = node.child_by_field_name("body")
    if parameters is None:
        return None
    start, end = node.start_byte + base, node.end_byte + base
    body_start = body.start_byte + base if body is not None else end
    docstring = _docstring_node(body) if body is not None else None
    decorators = tuple(
        decode(child.text or b"").lstrip("@").strip()
        for child in (decorated.named_children if decorated is not None else ())
        if child.type == "decorator"
    )
    kinds = {decorator.split("(")[0].rsplit(".", 1)[-1] for decorator in decorators}
    is_method = bool(stack) and stack[-1].class_name is not None
    return Function(
        source=source,
        name=decode(name.text or b""),
        parameters=tuple(_parameter_names(parameters)),
        decorators=decorators,
        docstring=_docstring_text(docstring) if docstring is not None else None,
        class_chain=_class_names(stack),
        span=Span(start, end),
        outer_span=Span(decorated.start_byte + base if decorated is not None else start, end),
        name_span=Span(name.start_byte + base, name.end_byte + base),
        header_span=Span(start, _header_end(node, body) + base),
        body_span=Span(body_start, end),
        docstring_span=(
            Span(docstring.start_byte + base, docstring.end_byte + base)
            if docstring is not None
            else None
        ),
        line=lines.at(start),
        is_method=is_method,
        is_property=any(
            kind in ("property", "cached_property", "setter", "deleter", "getter")
            or kind.endswith("property")
            for kind in kinds
        ),
        is_async=node.children[0].type == "async",
        is_overload="overload" in kinds,
        is_nested=bool(stack) and not is_method,
    )


def _header_end(node: Node, body: Node | None) -> int:
    """End of the colon that opens the body; comments may stand between the two."""
    for child in reversed(node.children):
        if child.type == ":":
            return child.end_byte
    return body.start_byte if body is not None else node.end_byte


def _parameter_names(parameters: Node) -> Iterator[str]:
    for child in parameters.named_children:
        where = _PARAMETER_NAMES.get(child.type, "")
        if where == "":
            continue
        named: Node | None = child
        if isinstance(where, str):
            named = child.child_by_field_name(where)
        elif where is not None:
            named = child.named_children[where] if child.named_children else None
        if named is not None:
            yield decode(named.text or b"").lstrip("*")


def _docstring_node(body: Node) -> Node | None:
    """The statement that Python takes as the docstring (reference, section 8.7), or None."""
    for statement in body.named_children:
        if statement.type == "comment":
            continue
        if statement.type != "expression_statement" or statement.named_child_count != 1:
            return None
        return statement if all(map(_is_plain, _string_parts(statement))) else None
    return None


def _string_parts(statement: Node) -> list[Node]:
    expression = statement.named_children[0]
    if expression.type == "concatenated_string":
        return [part for part in expression.named_children if part.type == "string"]
    return [expression]


def _is_plain(part: Node) -> bool:
    return part.type == "string" and not _BYTES_OR_FORMATTED.match(part.text or b"")


def _docstring_text(statement: Node) -> str:
    pieces: list[str] = []
    for part in _string_parts(statement):
        text = decode(part.text or b"")
        text = text.lstrip("rRuU")
        quote = 3 if text[:3] in ('"""', "'''") else 1
        pieces.append(text[quote : len(text) - quote])
    return inspect.cleandoc("".join(pieces).replace("\r\n", "\n").replace("\r", "\n"))
