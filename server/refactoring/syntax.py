"""One Python file as the rename sees it: where a word is mentioned, as what, and in which scope.

Nothing is computed for names nobody asks about: a word's places are found in the bytes, and the
syntax tree is asked about those places alone.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from tree_sitter import Node, Tree

Role = Literal[
    "def", "class", "store", "load", "parameter", "import", "imported", "module",
    "global", "nonlocal", "attribute", "keyword", "string", "comment", "broken",
]  # fmt: skip
_BINDING: frozenset[Role] = frozenset({"def", "class", "store", "parameter", "import"})
_TARGET_WRAPPERS = {
    "pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "as_pattern_target",
    "tuple", "list", "list_splat", "expression_list",
}  # fmt: skip
_TARGET_FIELDS = {
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "for_in_clause": "left",
    "named_expression": "name",
    "type_alias_statement": "left",
}
_COMPREHENSIONS = {
    "list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression",
}  # fmt: skip
_TYPE_ALIAS = "type_alias_statement"
_PARAMETER_LISTS = {"parameters", "lambda_parameters"}
_BOUND_AT_THE_END = {
    "assignment", "augmented_assignment", "function_definition", "class_definition",
}  # fmt: skip


class Scope(NamedTuple):
    """A scope of a file, known by its kind and where its node starts."""

    kind: Literal["builtins", "module", "class", "function", "comprehension"]
    start: int


BUILTINS = Scope("builtins", 0)  # around every module
MODULE = Scope("module", 0)
Chain = tuple[Node, ...]  # from the file's root down to a node


@dataclass(frozen=True, slots=True)
class Mention:
    """One whole-word occurrence; `scopes` runs from the module to where it is looked up."""

    start: int
    end: int
    role: Role
    chain: Chain
    scopes: tuple[Scope, ...]

    @property
    def binds(self) -> bool:
        """Whether the mention gives the name a meaning in its scope."""
        return self.role in _BINDING


@dataclass(frozen=True, slots=True)
class NameTable:
    """All mentions of one name in one file, and which scopes bind it."""

    mentions: tuple[Mention, ...]
    bindings: dict[Scope, tuple[Mention, ...]]
    declared_global: frozenset[Scope]
    declared_nonlocal: frozenset[Scope]

    def scope_of(self, scopes: tuple[Scope, ...], use: Chain | None = None) -> Scope:
        """Return the scope in which the name has its meaning for code inside `scopes`.

        With the chain of a use, code that runs before its scope binds the name reads an outer one
        (`name = staticmethod(name)`, `def list(self, rows=list())`), and a type that is built in is
        not the function of its name: `-> list` means the class, also below a method `list`.
        """
        innermost = scopes[-1]
        for scope in reversed(scopes):
            if scope in self.declared_global:
                return MODULE
            if scope.kind == "class" and scope != innermost:
                continue
            if scope in self.bindings and scope not in self.declared_nonlocal:
                if use is None or not self._is_passed_over(scope, innermost, use):
                    return scope
                if scope == MODULE:
                    return BUILTINS
        return MODULE

    def _is_passed_over(self, scope: Scope, innermost: Scope, use: Chain) -> bool:
        found, start = self.bindings[scope], use[-1].start_byte
        if any(one.start == start for one in found):
            return False
        is_builtin = hasattr(builtins, (found[0].chain[-1].text or b"").decode("utf-8", "replace"))
        if is_builtin and _is_type(use) and all(one.role == "def" for one in found):
            return True
        # A module's code that runs too early fails, unless the name is built in.
        is_ordered = scope == innermost and (scope.kind == "class" or is_builtin)
        return is_ordered and start < min(_bound_from(one) for one in found)


def _is_type(use: Chain) -> bool:
    """Whether a use stands in an annotation, and in no call there: `Annotated[int, Field(…)]`."""
    for node in reversed(use):
        if node.type in {"call", "block", "function_definition", "class_definition"}:
            return False
        if node.type == "type":
            return True
    return False


def _bound_from(mention: Mention) -> int:
    """Return the offset from which a binding holds: the end of its assignment or definition."""
    for node in reversed(mention.chain):
        if node.type in _BOUND_AT_THE_END:
            return node.end_byte
        if node.type == "block":
            break
    return mention.start


def word_places(data: bytes, word: bytes) -> Iterator[int]:
    """Yield the offsets where `word` stands as a whole identifier in UTF-8 `data`."""
    start = data.find(word)
    while start >= 0:
        end = start + len(word)
        before = data[start - 1] if start else 32
        after = data[end] if end < len(data) else 32
        if not _in_word(before) and not _in_word(after):
            yield start
        start = data.find(word, end)


def all_words(data: bytes) -> frozenset[bytes]:
    """Return every identifier-like word of UTF-8 `data`."""
    return frozenset(_WORD.findall(data))


_WORD = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*")


def _in_word(byte: int) -> bool:
    return byte == 95 or byte >= 128 or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


def chain_at(tree: Tree, start: int, end: int) -> Chain:
    """Return the nodes that hold `start:end`, from the root to the smallest."""
    cursor = tree.walk()
    chain: list[Node] = []
    node = tree.root_node
    while True:
        chain.append(node)
        if cursor.goto_first_child_for_byte(start) is None:
            break
        child = cursor.node
        if child is None or child.start_byte > start or child.end_byte < end:
            break
        node = child
    return tuple(chain)


def name_table(data: bytes, tree: Tree, name: bytes) -> NameTable:
    """Return every mention of `name` in the file, classified."""
    mentions = [
        classify(chain_at(tree, start, start + len(name)), start, start + len(name))
        for start in word_places(data, name)
    ]
    return collect(mentions)


def collect(mentions: list[Mention]) -> NameTable:
    """Group mentions by the scope they bind in; walrus and `global` bind further out."""
    declared: dict[str, set[Scope]] = {"global": set(), "nonlocal": set()}
    for mention in mentions:
        if mention.role in declared:
            declared[mention.role].add(mention.scopes[-1])
    bindings: dict[Scope, list[Mention]] = {}
    for mention in mentions:
        if mention.binds:
            scope = _binding_scope(mention)
            if scope in declared["global"]:
                scope = MODULE
            elif scope in declared["nonlocal"]:
                scope = _outer_binding(mention, declared["nonlocal"], mentions)
            bindings.setdefault(scope, []).append(mention)
    return NameTable(
        tuple(mentions),
        {scope: tuple(found) for scope, found in bindings.items()},
        frozenset(declared["global"]),
        frozenset(declared["nonlocal"]),
    )


def _binding_scope(mention: Mention) -> Scope:
    if len(mention.chain) > 1 and mention.chain[-2].type == "named_expression":
        for scope in reversed(mention.scopes):
            if scope.kind != "comprehension":
                return scope
    return mention.scopes[-1]


def _outer_binding(mention: Mention, nonlocals: set[Scope], mentions: list[Mention]) -> Scope:
    bound = {one.scopes[-1] for one in mentions if one.binds}
    for scope in reversed(mention.scopes[:-1]):
        if scope.kind == "function" and scope in bound and scope not in nonlocals:
            return scope
    return MODULE


def scopes_of(chain: Chain) -> tuple[Scope, ...]:
    """Return the scopes around the last node of `chain`, outermost first."""
    scopes = [MODULE]
    for depth, (node, child) in enumerate(pairwise(chain)):
        kind = node.type
        if kind in {"function_definition", "lambda"}:
            inside = _is_field(node, child, "body") or (
                child.type in _PARAMETER_LISTS and _names_parameter(chain[depth + 2 :])
            )
            if inside:
                scopes.append(Scope("function", node.start_byte))
        elif kind == "class_definition":
            if _is_field(node, child, "body"):
                scopes.append(Scope("class", node.start_byte))
        elif kind in _COMPREHENSIONS and not _is_first_iterable(node, chain[depth + 1 :]):
            scopes.append(Scope("comprehension", node.start_byte))
    return tuple(scopes)


def _names_parameter(rest: Chain) -> bool:
    """Whether the chain below a parameter list ends in a parameter's name."""
    for node, child in pairwise(rest):
        if node.type in {"default_parameter", "typed_default_parameter"}:
            if not _is_field(node, child, "name"):
                return False
        elif node.type == "typed_parameter" and child.type == "type":
            return False
    return True


def _is_first_iterable(comprehension: Node, rest: Chain) -> bool:
    clause = next((n for n in comprehension.named_children if n.type == "for_in_clause"), None)
    return (
        clause is not None
        and len(rest) > 1
        and rest[0] == clause
        and _is_field(clause, rest[1], "right")
    )


def _is_field(node: Node, child: Node, field: str) -> bool:
    found = node.child_by_field_name(field)
    return found is not None and found.id == child.id


def classify(chain: Chain, start: int, end: int) -> Mention:
    """Say what the word at `start:end`, the last node of `chain`, is there for."""
    return Mention(start, end, _role(chain, start, end), chain, scopes_of(chain))


def _role(chain: Chain, start: int, end: int) -> Role:
    node = chain[-1]
    if node.type == "comment":
        return "comment"
    if node.type != "identifier" or (node.start_byte, node.end_byte) != (start, end):
        for above in reversed(chain):
            if above.type == "interpolation":
                break
            if above.type == "string":
                return "string"
        return "broken"
    if len(chain) < 2:
        return "broken"
    parent = chain[-2]
    match parent.type:
        case "attribute":
            return "attribute" if _is_field(parent, node, "attribute") else "load"
        case "member_type":
            return "attribute"
        case "keyword_argument":
            return "keyword" if _is_field(parent, node, "name") else "load"
        case "function_definition":
            return "def"
        case "class_definition":
            return "class" if _is_field(parent, node, "name") else "load"
        case "global_statement":
            return "global"
        case "nonlocal_statement":
            return "nonlocal"
        case "keyword_pattern":
            return "keyword" if parent.named_children[0] == node else "load"
        case "dotted_name" | "aliased_import" | "relative_import":
            return _import_role(chain)
        case _:
            return _plain_role(chain)


def _import_role(chain: Chain) -> Role:
    node, parent = chain[-1], chain[-2]
    if parent.type == "aliased_import":
        return "import"  # the alias itself
    above = chain[-3]
    first = parent.named_children[0] == node
    if above.type == "import_statement":
        return "import" if first else "module"
    if above.type == "aliased_import":
        top = chain[-4].type if len(chain) > 3 else ""
        return "imported" if top == "import_from_statement" else "module"
    if above.type == "import_from_statement":
        return "module" if _is_field(above, parent, "module_name") else "import"
    if above.type in {"relative_import", "future_import_statement"}:
        return "module"
    if not first:
        return "attribute"
    captures = above.type == "case_pattern" and parent.named_child_count == 1
    return "store" if captures else "load"


def is_target(chain: Chain) -> bool:
    """Whether the last node of `chain` is assigned to (or deleted), alone or in a pattern."""
    return _plain_role(chain) == "store"


def _plain_role(chain: Chain) -> Role:
    depth = len(chain) - 1
    while depth > 1 and chain[depth - 1].type in _TARGET_WRAPPERS:
        depth -= 1
    if depth > 1 and chain[depth - 1].type == "type" and chain[depth - 2].type == _TYPE_ALIAS:
        depth -= 1
    child, parent = chain[depth], chain[depth - 1]
    kind = parent.type
    if kind in _PARAMETER_LISTS:
        return "parameter"
    if kind in {"default_parameter", "typed_default_parameter"}:
        return "parameter" if _is_field(parent, child, "name") else "load"
    if kind in {"typed_parameter", "dictionary_splat_pattern"}:
        return "parameter" if child.type != "type" else "load"
    if kind == "as_pattern":
        is_alias = child.type == "as_pattern_target" or child != parent.named_children[0]
        return "store" if is_alias else "load"
    if kind == "delete_statement":
        return "store"
    field = _TARGET_FIELDS.get(kind)
    if field is not None and _is_field(parent, child, field):
        return "store"
    return "load"
