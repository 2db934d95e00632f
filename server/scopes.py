"""Which names a function cannot take: what its scope binds, and what a new name would capture.

Reads the syntax tree only, and only the parts that matter for one function, so that it answers
in milliseconds on long files and still answers on files that do not parse cleanly.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Iterator, Sequence

from tree_sitter import Node, Tree

from dataset.functions import Function, decode, parse

BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_BARE_WORD = re.compile(rb"(?<![\w.])[^\W\d]\w*")
_GLOBALS = re.compile(rb"^[ \t]*global[ \t]+([\w, \t]+)", re.MULTILINE)
_BINDING_LINE = re.compile(
    rb"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*[:=](?!=)", re.MULTILINE
)
_STAR_IMPORT = re.compile(rb"^[ \t]*from[ \t]+[\w.]+[ \t]+import[ \t]+\*", re.MULTILINE)
_SELF_ATTRIBUTE = re.compile(rb"\bself\.(\w+)")
_OTHER_SCOPES = frozenset(
    {
        "lambda",
        "list_comprehension",
        "set_comprehension",
        "dictionary_comprehension",
        "generator_expression",
    }
)
_DEFINITIONS = frozenset({"function_definition", "class_definition"})
_TARGET_FIELDS = {
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "named_expression": "name",
    "type_alias_statement": "left",
}
_TARGETS = frozenset(
    {
        "pattern_list",
        "tuple_pattern",
        "list_pattern",
        "list_splat_pattern",
        "as_pattern_target",
        "tuple",
        "list",
        "type",
        "generic_type",
        "parenthesized_expression",
    }
)


def names_taken(
    function: Function, functions: Sequence[Function], tree: Tree | None = None
) -> frozenset[str]:
    """Names that `function` cannot be renamed to without a clash in its own file.

    `functions` are all functions of the same source, as `find_functions` gives them. The present
    name is never among the answer.
    """
    root = (tree or parse(function.source)).root_node
    own = _definition(root, function)
    scope = _enclosing(own) if own is not None else None
    taken: set[str] = {
        other.name
        for other in functions
        if other.class_chain == function.class_chain and other.is_nested == function.is_nested
    }
    if scope is None:
        lines = _BINDING_LINE.finditer(function.source)
        taken.update(_words(match.group(1) or match.group(2) for match in lines))
    elif scope.type == "class_definition":
        taken.update(_class_members(scope, root))
        taken.update(_types_in_headers(function, functions))
    else:
        taken.update(_bindings(scope))
        taken.update(_captured_by(scope, function.source))
    if not function.is_method:
        taken.update(_shadows_at_mentions(function, functions, root))
    taken.discard(function.name)
    return frozenset(taken)


def _definition(root: Node, function: Function) -> Node | None:
    node = root.descendant_for_byte_range(function.name_span.start, function.name_span.end)
    parent = node.parent if node is not None else None
    if parent is None or parent.type != "function_definition":
        return None
    return parent


def _enclosing(definition: Node) -> Node | None:
    """The class, function or module that the definition's name lives in."""
    node = definition.parent
    while node is not None and node.type not in (*_DEFINITIONS, "module"):
        node = node.parent
    return node


def _bindings(scope: Node) -> Iterator[str]:
    """Names bound directly in a module, class or function; not those of scopes inside it."""
    if scope.type == "function_definition":
        parameters = scope.child_by_field_name("parameters")
        for parameter in parameters.named_children if parameters is not None else ():
            yield from _targets(parameter.child_by_field_name("name") or parameter)
    body = scope if scope.type == "module" else scope.child_by_field_name("body")
    pending = list(body.named_children) if body is not None else []
    while pending:
        node = pending.pop()
        if node.type in _DEFINITIONS:
            yield from _targets(node.child_by_field_name("name"))
            continue
        if node.type in _OTHER_SCOPES:
            continue
        if node.type in ("import_statement", "import_from_statement"):
            yield from _imported(node)
            continue
        if node.type in _TARGET_FIELDS:
            yield from _targets(node.child_by_field_name(_TARGET_FIELDS[node.type]))
        elif node.type == "as_pattern":
            yield from _targets(node.child_by_field_name("alias"))
        elif node.type == "case_clause":
            yield from (_text(word) for word in _captures(node))
        elif node.type == "global_statement":
            yield from (_text(word) for word in node.named_children)
        pending.extend(node.named_children)


def _targets(node: Node | None) -> Iterator[str]:
    if node is None:
        return
    if node.type == "identifier":
        yield _text(node)
    elif node.type in _TARGETS or node.type in ("typed_parameter", "dictionary_splat_pattern"):
        for child in node.named_children:
            yield from _targets(child)


def _imported(statement: Node) -> Iterator[str]:
    for name in statement.children_by_field_name("name"):
        alias = name.child_by_field_name("alias")
        bound = alias if alias is not None else name
        yield _text(bound).split(".")[0]


def _captures(clause: Node) -> Iterator[Node]:
    """Lone names in a `case` pattern: they bind."""
    pending = [child for child in clause.named_children if child.type == "case_pattern"]
    while pending:
        node = pending.pop()
        if node.type == "identifier":
            yield node
        pending.extend(node.named_children)


def _class_members(scope: Node, root: Node) -> Iterator[str]:
    """Members of a class, `self.…` attributes included, and of its bases in the same file."""
    classes = {
        _text(name): node
        for node in _classes(root)
        if (name := node.child_by_field_name("name")) is not None
    }
    pending, seen = [scope], set[int]()
    while pending:
        node = pending.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        yield from _bindings(node)
        yield from _words(_SELF_ATTRIBUTE.findall(node.text or b""))
        bases = node.child_by_field_name("superclasses")
        for base in bases.named_children if bases is not None else ():
            known = classes.get(_text(base))
            if known is not None:
                pending.append(known)


def _classes(root: Node) -> Iterator[Node]:
    pending = list(root.named_children)
    while pending:
        node = pending.pop()
        if node.type == "class_definition":
            yield node
        if node.type != "function_definition" and node.type != "expression_statement":
            pending.extend(node.named_children)


def _types_in_headers(function: Function, functions: Sequence[Function]) -> Iterator[str]:
    """Built-in names in signatures of the class: a method called `list` would capture them."""
    for other in functions:
        if other.class_chain == function.class_chain and other.is_method:
            header = other.source[other.outer_span.start : other.header_span.end]
            yield from BUILTINS.intersection(_words(_BARE_WORD.findall(header)))


def _captured_by(scope: Node, source: bytes) -> Iterator[str]:
    """Names that the scope uses but does not bind, and that a new definition would capture."""
    if scope.type == "function_definition":
        # Nested: the enclosing function may use a global of that name anywhere inside.
        yield from _words(_BARE_WORD.findall(source[scope.start_byte : scope.end_byte]))
        return
    for match in _GLOBALS.finditer(source):
        yield from _words(part.strip() for part in match.group(1).split(b","))
    if _STAR_IMPORT.search(source):
        yield from _words(_BARE_WORD.findall(source))


def _shadows_at_mentions(
    function: Function, functions: Sequence[Function], root: Node
) -> Iterator[str]:
    """Locals of each function that mentions the name: there the new name would mean the local."""
    mention = re.compile(rb"(?<![\w.])" + re.escape(function.name.encode()) + rb"(?!\w)")
    definitions = {each.name_span.start for each in functions}
    mentions = [match.start() for match in mention.finditer(function.source)]
    for user in _around([each for each in mentions if each not in definitions], functions):
        yield from user.parameters
        node = _definition(root, user)
        if node is not None:
            yield from _bindings(node)


def _around(offsets: Sequence[int], functions: Sequence[Function]) -> Iterator[Function]:
    """The innermost function of each ascending offset, each once; one sweep over both."""
    stack: list[Function] = []
    position = 0
    told: set[int] = set()
    for offset in offsets:
        while position < len(functions) and functions[position].outer_span.start <= offset:
            while stack and stack[-1].outer_span.end < functions[position].outer_span.start:
                stack.pop()
            stack.append(functions[position])
            position += 1
        while stack and stack[-1].outer_span.end < offset:
            stack.pop()
        if stack and stack[-1].name_span.start not in told:
            told.add(stack[-1].name_span.start)
            yield stack[-1]


def _words(words: Iterable[bytes]) -> Iterator[str]:
    return (decode(word) for word in words)


def _text(node: Node) -> str:
    return decode(node.text or b"")
