"""What an expression may stand for, as far as reading the source can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tree_sitter import Node

from server.refactoring.index import SourceFile
from server.refactoring.syntax import Chain, Mention, Scope, scopes_of


@dataclass(frozen=True, slots=True)
class Place:
    """A node of a file; equal to another by position, so it survives a new parse."""

    file: SourceFile = field(compare=False, repr=False)
    chain: Chain = field(compare=False, repr=False)
    path: Path
    start: int
    end: int
    kind: str

    @property
    def node(self) -> Node:
        """The node itself."""
        return self.chain[-1]

    @property
    def text(self) -> bytes:
        """The source of the node."""
        return self.file.data[self.start : self.end]

    def below(self, *nodes: Node) -> Place:
        """Return the place of a node that lies right below this one, through `nodes`."""
        return place(self.file, self.chain + nodes)

    def field(self, name: str) -> Place | None:
        """Return the place of the child in that field, or None."""
        child = self.node.child_by_field_name(name)
        return None if child is None else self.below(child)

    def children(self) -> Iterator[Place]:
        """Yield the places of the named children, comments left out."""
        for child in self.node.named_children:
            if child.type != "comment":
                yield self.below(child)

    def above(self, steps: int = 1) -> Place:
        """Return the place of an ancestor."""
        return place(self.file, self.chain[:-steps])

    def nearest(self, *kinds: str) -> Place | None:
        """Return the closest ancestor of one of the kinds, or None."""
        for depth in range(len(self.chain) - 2, -1, -1):
            if self.chain[depth].type in kinds:
                return place(self.file, self.chain[: depth + 1])
        return None

    def scopes(self) -> tuple[Scope, ...]:
        """Return the scopes around the node, outermost first."""
        return scopes_of(self.chain)


def place(file: SourceFile, chain: Chain) -> Place:
    """Return the place of the last node of `chain` in `file`."""
    node = chain[-1]
    return Place(file, chain, file.path, node.start_byte, node.end_byte, node.type)


@dataclass(frozen=True, slots=True)
class Binding:
    """A mention that gives a name its meaning, and the file it stands in."""

    file: SourceFile = field(compare=False, repr=False)
    mention: Mention = field(compare=False, repr=False)
    path: Path
    start: int

    @property
    def place(self) -> Place:
        """The place of the name itself."""
        return place(self.file, self.mention.chain)


def binding(file: SourceFile, mention: Mention) -> Binding:
    """Return the binding that `mention` makes in `file`."""
    return Binding(file, mention, file.path, mention.start)


@dataclass(frozen=True, slots=True)
class ModuleValue:
    """A module or package; `file` is None for a package without an `__init__`."""

    dotted: str
    file: SourceFile | None = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ClassValue:
    """A class object; `definition` is the place of its `class_definition`."""

    definition: Place

    @property
    def name(self) -> str:
        """The name in the class statement."""
        node = self.definition.node.child_by_field_name("name")
        return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")

    @property
    def scope(self) -> Scope:
        """The scope of the class body."""
        return Scope("class", self.definition.start)

    @property
    def outside(self) -> bool:
        """Whether the class belongs to the environment and not to the project."""
        return self.definition.file.outside


@dataclass(frozen=True, slots=True)
class InstanceValue:
    """An instance of a class; `items` are the types of its elements, keys and values for a dict."""

    of: ClassValue
    items: tuple[frozenset[Value], ...] = ()


@dataclass(frozen=True, slots=True)
class SuperValue:
    """`super()` inside a method of the class."""

    of: ClassValue


@dataclass(frozen=True, slots=True)
class FunctionValue:
    """A function, bound to `owner` when reached through an instance or a class."""

    definition: Place
    owner: InstanceValue | ClassValue | None = None

    @property
    def name(self) -> bytes:
        """The name in the def statement."""
        node = self.definition.node.child_by_field_name("name")
        return (node.text or b"") if node is not None else b""

    def decorators(self) -> tuple[Place, ...]:
        """Return the places of the decorators' expressions."""
        if len(self.definition.chain) < 2:
            return ()
        above = self.definition.above()
        if above.kind != "decorated_definition":
            return ()
        return tuple(next(one.children()) for one in above.children() if one.kind == "decorator")

    def decorator_names(self) -> frozenset[bytes]:
        """Return the last component of each decorator's name, calls stripped."""
        return frozenset(
            one.text.partition(b"(")[0].rpartition(b".")[2].strip() for one in self.decorators()
        )

    def parameters(self) -> list[Place]:
        """Return the places of the parameters, in order; separators left out."""
        found = self.definition.field("parameters")
        if found is None:
            return []
        separators = {"keyword_separator", "positional_separator"}
        return [one for one in found.children() if one.kind not in separators]

    def enclosing_class(self) -> ClassValue | None:
        """Return the class whose body holds the function directly, or None."""
        around = self.definition.nearest("class_definition", "function_definition", "lambda")
        if around is None or around.kind != "class_definition":
            return None
        return ClassValue(around)


@dataclass(frozen=True, slots=True)
class OutsideValue:
    """Something of a module that is not installed, known by its dotted name alone."""

    dotted: str


# A builtin class of the stubs that stands for any callable; its one item is what a call gives.
CALLABLE = "staticmethod"

Value = ModuleValue | ClassValue | InstanceValue | SuperValue | FunctionValue | OutsideValue
Values = frozenset[Value]
NOTHING: Values = frozenset()


def parameter_name(parameter: Place) -> bytes:
    """Return the name a parameter binds, without stars, default and annotation."""
    node = parameter.node
    while node.type != "identifier":
        inner = node.child_by_field_name("name") or next(iter(node.named_children), None)
        if inner is None:
            return b""
        node = inner
    return node.text or b""
