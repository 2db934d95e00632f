"""String literals that are code: `__all__`, `getattr`, patches, dotted paths, fixture names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from server.refactoring.classes import is_slot
from server.refactoring.family import Family
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.references import OTHER, OURS, UNKNOWN, Verdict, receiver_verdict
from server.refactoring.syntax import MODULE, Mention
from server.refactoring.values import Place, Values, place

_WITH_RECEIVER = {b"getattr", b"setattr", b"hasattr", b"delattr", b"object", b"getattr_static"}
_WITHOUT_RECEIVER = {b"attrgetter", b"methodcaller"}
_FIXTURE_USES = {
    b"usefixtures", b"getfixturevalue", b"lazy_fixture", b"fixture_ref", b"parametrize", b"lf",
}  # fmt: skip
_DOTTED = re.compile(rb"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+$")

StringKind = Literal["name", "path", "text", "docstring"]


@dataclass(frozen=True, slots=True)
class StringMention:
    """A mention inside a literal: the whole of it, a part of a dotted path, or within text."""

    kind: StringKind
    literal: Place
    verdict: Verdict
    receiver: Place | None = None
    reason: str = ""
    callee: bytes = b""  # the function that is given the name


def string_mention(
    inference: Inference, family: Family, file: SourceFile, mention: Mention, *, is_fixture: bool
) -> StringMention:
    """Say what a mention inside a string literal is there for."""
    depth = max(i for i, node in enumerate(mention.chain) if node.type == "string")
    literal = place(file, mention.chain[: depth + 1])
    start, end = content_span(literal)
    content = file.data[start:end]
    if (mention.start, mention.end) == (start, end):
        return _whole(inference, family, literal, is_fixture)
    if _is_docstring(literal):
        return StringMention("docstring", literal, UNKNOWN)
    if is_fixture and re.fullmatch(rb"[\w\s,]+", content) and _callee(literal)[0] in _FIXTURE_USES:
        return StringMention("name", literal, OURS, reason="a fixture is asked for by name")
    if _DOTTED.fullmatch(content):
        return _path(inference, family, literal, content[: mention.end - start])
    return StringMention("text", literal, UNKNOWN)


def content_span(literal: Place) -> tuple[int, int]:
    """Return the offsets of what stands between the quotes."""
    children = literal.node.children
    if len(children) < 2:
        return literal.start, literal.end
    return children[0].end_byte, children[-1].start_byte


def _is_docstring(literal: Place) -> bool:
    parent = literal.above()
    return parent.kind in {"expression_statement", "module", "block"}


def _whole(inference: Inference, family: Family, literal: Place, is_fixture: bool) -> StringMention:
    if _in_dunder_all(literal):
        ours = (literal.path, MODULE) in family.scopes
        return StringMention("name", literal, OURS if ours else OTHER, reason="listed in __all__")
    if any(is_slot(literal.file, literal.chain, one) for one in family.classes):
        return StringMention("name", literal, OURS, reason="listed in __slots__")
    callee, arguments, position = _callee(literal)
    if is_fixture and callee in _FIXTURE_USES:
        return StringMention("name", literal, OURS, reason="a fixture is asked for by name")
    if is_fixture and _names_fixture(literal):
        return StringMention("name", literal, OURS, reason="the fixture's own name")
    if position == 1 and arguments and callee in _WITH_RECEIVER:
        receiver = arguments[0]
        verdict = receiver_verdict(inference, family, inference.evaluate(receiver))
        reason = f"named for {callee.decode()}"
        return StringMention("name", literal, verdict, receiver, reason, callee)
    if position == 0 and callee in _WITHOUT_RECEIVER and family.is_member:
        return StringMention("name", literal, UNKNOWN, reason=f"named for {callee.decode()}")
    return StringMention("text", literal, UNKNOWN)


def _in_dunder_all(literal: Place) -> bool:
    statement = literal.nearest("assignment", "augmented_assignment", "call")
    if statement is None or len(statement.scopes()) > 1:
        return False
    if statement.kind == "call":
        function = statement.field("function")
        return function is not None and function.text.startswith(b"__all__.")
    left = statement.field("left")
    return left is not None and left.text == b"__all__"


def _callee(literal: Place) -> tuple[bytes, list[Place], int]:
    """Return the last name of the call around a literal, its arguments, the literal's index."""
    call = literal.nearest("call", "lambda", "block")
    if call is None or call.kind != "call":
        return b"", [], -1
    function, holder = call.field("function"), call.field("arguments")
    if function is None or holder is None:
        return b"", [], -1
    arguments = list(holder.children())
    index = next((i for i, one in enumerate(arguments) if one.start == literal.start), -1)
    name = function.text.rpartition(b".")[2]
    return name, arguments, index


def _names_fixture(literal: Place) -> bool:
    argument = literal.above()
    name = argument.field("name") if argument.kind == "keyword_argument" else None
    return name is not None and name.text == b"name" and _callee(argument)[0] == b"fixture"


def _path(inference: Inference, family: Family, literal: Place, upto: bytes) -> StringMention:
    values = path_values(inference, literal.file, re.split(rb"[.:]", upto)[:-1])
    if not values:
        return StringMention("text", literal, UNKNOWN)
    verdict = receiver_verdict(inference, family, values)
    return StringMention("path", literal, verdict, reason="part of a dotted path")


def path_values(inference: Inference, file: SourceFile, parts: list[bytes]) -> Values:
    """Return what a dotted path of module, class and attribute names leads to."""
    values: Values = frozenset()
    for count in range(len(parts), 0, -1):
        dotted = b".".join(parts[:count]).decode("utf-8", "replace")
        module = inference.lookup.module(dotted, file)
        if module is not None:
            values = frozenset({module})
            for part in parts[count:]:
                values = inference.attribute(values, part)
            return values
    return values
