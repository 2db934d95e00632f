"""The classes: their bases as far as they can be resolved, their order of lookup, their members."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from server.refactoring.index import ProjectIndex, SourceFile
from server.refactoring.syntax import Chain, Mention, is_target
from server.refactoring.values import (
    Binding,
    ClassValue,
    FunctionValue,
    Place,
    Values,
    binding,
    parameter_name,
    place,
)

_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Lineage:
    """A class and its ancestors in the order of lookup; bases that nothing is known of apart."""

    order: tuple[ClassValue, ...]
    unknown: tuple[Place, ...]

    def __contains__(self, wanted: ClassValue) -> bool:
        return wanted in self.order


class Classes:
    """Answers about classes for one plan; `evaluate` says what a base expression stands for."""

    def __init__(self, index: ProjectIndex, evaluate: Callable[[Place], Values]) -> None:
        self._index = index
        self._evaluate = evaluate
        self._lineages: dict[ClassValue, Lineage] = {}
        self._children: dict[ClassValue, tuple[ClassValue, ...]] = {}
        self._active: set[ClassValue] = set()
        self._stores: dict[tuple[SourceFile, bytes], tuple[Mention, ...]] = {}

    def lineage(self, of: ClassValue) -> Lineage:
        """Return the class, its ancestors, and the bases that could not be resolved."""
        known = self._lineages.get(of)
        if known is not None:
            return known
        if of in self._active or len(self._active) > _MAX_DEPTH:
            return Lineage((of,), ())
        self._active.add(of)
        try:
            lineage = self._compute(of)
        finally:
            self._active.discard(of)
        self._lineages[of] = lineage
        return lineage

    def bases(self, of: ClassValue) -> list[Place]:
        """Return the places of the base expressions, `metaclass=` left out."""
        arguments = of.definition.field("superclasses")
        if arguments is None:
            return []
        return [one for one in arguments.children() if one.kind != "keyword_argument"]

    def metaclass(self, of: ClassValue) -> Place | None:
        """Return the expression given as `metaclass=`, or None."""
        arguments = of.definition.field("superclasses")
        for one in arguments.children() if arguments is not None else ():
            name = one.field("name") if one.kind == "keyword_argument" else None
            if name is not None and name.text == b"metaclass":
                return one.field("value")
        return None

    def is_enum(self, of: ClassValue) -> bool:
        """Whether the class is an enumeration: its attributes are its instances."""
        order = self.lineage(of).order
        return any(one.outside and one.name in {"Enum", "Flag"} for one in order)

    def own(self, of: ClassValue, name: bytes) -> tuple[Binding, ...]:
        """Return what binds `name` in the class itself: its body, slots, or `self.name = …`."""
        file = of.definition.file
        table = file.table(name)
        found = [binding(file, one) for one in table.bindings.get(of.scope, ())]
        for mention in self.stores(file, name):
            if mention.role == "string":
                is_own = is_slot(file, mention.chain, of)
            else:
                is_own = _stores_on_self(mention.chain, of)
            if is_own:
                found.append(binding(file, mention))
        return tuple(found)

    def stores(self, file: SourceFile, name: bytes) -> tuple[Mention, ...]:
        """Return the mentions in a file that may make `name` an attribute of some class."""
        known = self._stores.get((file, name))
        if known is None:
            slots = b"__slots__" in file.words or b"__match_args__" in file.words
            known = tuple(
                one
                for one in file.table(name).mentions
                if (one.role == "attribute" and is_target(one.chain[:-1]))
                or (slots and one.role == "string")
            )
            self._stores[file, name] = known
        return known

    def member(
        self, of: ClassValue, name: bytes, *, after_first: bool = False
    ) -> tuple[ClassValue, tuple[Binding, ...]] | None:
        """Return the first class in lookup order that defines `name`, and its bindings."""
        for owner in self.lineage(of).order[1 if after_first else 0 :]:
            found = self.own(owner, name)
            if found:
                return owner, found
        return None

    def children(self, of: ClassValue) -> tuple[ClassValue, ...]:
        """Return the project's classes that name `of` among their bases."""
        known = self._children.get(of)
        if known is None:
            known = tuple(self._find_children(of))
            self._children[of] = known
        return known

    def descendants(self, of: ClassValue) -> tuple[ClassValue, ...]:
        """Return every project class below `of`, itself excluded."""
        found: dict[ClassValue, None] = {}
        waiting = [of]
        while waiting:
            for child in self.children(waiting.pop()):
                if child not in found and child != of:
                    found[child] = None
                    waiting.append(child)
        return tuple(found)

    def _compute(self, of: ClassValue) -> Lineage:
        order: list[ClassValue] = [of]
        unknown: list[Place] = []
        for base in (*self.bases(of), *_registered_with(of)):
            values = [one for one in self._evaluate(base) if isinstance(one, ClassValue)]
            if not values and not _is_plain_base(base):
                unknown.append(base)
            for value in values:
                above = self.lineage(value)
                # A shared ancestor comes after all of its descendants.
                order = [one for one in order if one not in above.order] + list(above.order)
                unknown += above.unknown
        if order[0] != of:
            order = [of] + [one for one in order if one != of]
        return Lineage(tuple(order), tuple(dict.fromkeys(unknown)))

    def _find_children(self, of: ClassValue) -> Iterable[ClassValue]:
        if of.outside:
            return
        words = [of.name.encode()]
        seen: set[bytes] = set()
        while words:
            word = words.pop()
            if word in seen:
                continue
            seen.add(word)
            for file in self._index.files_with(word):
                if not file.is_python:
                    continue
                for mention in file.table(word).mentions:
                    alias = _alias_of(mention)
                    if alias is not None:
                        words.append(alias)
                    child = _class_with_base(file, mention)
                    if child is not None and child != of and self._has_base(child, of):
                        yield child

    def _has_base(self, child: ClassValue, base: ClassValue) -> bool:
        return any(base in self._evaluate(one) for one in self.bases(child))


def _is_plain_base(base: Place) -> bool:
    """Whether a base adds no members of its own: `object`, `Generic[T]`, `Protocol`."""
    name = base.text.partition(b"[")[0].rpartition(b".")[2].strip()
    return name in {b"object", b"Generic", b"Protocol", b"ABC", b"NamedTuple", b"TypedDict"}


def _registered_with(of: ClassValue) -> list[Place]:
    """Return the abstract classes that the class's own module registers it with."""
    file = of.definition.file
    found: list[Place] = []
    if file.outside or b"register" not in file.words:
        return found
    for mention in file.table(b"register").mentions:
        if mention.role != "attribute" or len(mention.chain) < 4:
            continue
        call = place(file, mention.chain[:-2])
        receiver = place(file, mention.chain[:-1]).field("object")
        if receiver is None:
            continue
        arguments = call.field("arguments") if call.kind == "call" else None
        given = [one.text for one in arguments.children()] if arguments is not None else []
        decorated = call.kind == "decorator" and call.above().field("definition")
        if given == [of.name.encode()] or decorated == of.definition:
            found.append(receiver)
    return found


def _alias_of(mention: Mention) -> bytes | None:
    """Return the other name that `import X as Y` or `Y = X` gives to the mentioned one."""
    chain = mention.chain
    if mention.role == "imported":
        alias = chain[-3].child_by_field_name("alias")
        return None if alias is None else alias.text
    if mention.role in {"load", "attribute"}:
        depth = len(chain) - 2 if mention.role == "load" else len(chain) - 3
        if depth > 0 and chain[depth].type == "assignment":
            left = chain[depth].child_by_field_name("left")
            right = chain[depth].child_by_field_name("right")
            if left is not None and right == chain[depth + 1] and left.type == "identifier":
                return left.text
    return None


def _class_with_base(file: SourceFile, mention: Mention) -> ClassValue | None:
    chain = mention.chain
    for depth in range(len(chain) - 2, 0, -1):
        if chain[depth].type == "argument_list" and chain[depth - 1].type == "class_definition":
            return ClassValue(place(file, chain[:depth]))
        if chain[depth].type in {"block", "call"}:
            return None
    return None


def is_slot(file: SourceFile, chain: Chain, of: ClassValue) -> bool:
    """Whether a string at the end of `chain` names an attribute in the class's `__slots__`."""
    statement = place(file, chain).nearest("assignment", "function_definition")
    left = None if statement is None else statement.field("left")
    if statement is None or left is None or left.text not in {b"__slots__", b"__match_args__"}:
        return False
    return statement.scopes()[-1] == of.scope


def _stores_on_self(chain: Chain, of: ClassValue) -> bool:
    """Whether the attribute at the end of `chain` is `self.name = …` in a method of the class."""
    receiver = chain[-2].child_by_field_name("object")
    if receiver is None or receiver.type != "identifier":
        return False
    method = method_of_self(place(of.definition.file, chain), receiver.text or b"")
    if method is None:
        return False
    return method.enclosing_class() == of


def method_of_self(inside: Place, name: bytes) -> FunctionValue | None:
    """Return the method around a place whose first parameter is `name`, or None."""
    around = inside
    while (function := around.nearest("function_definition")) is not None:
        value = FunctionValue(function)
        parameters = value.parameters()
        names = [parameter_name(one) for one in parameters]
        if value.enclosing_class() is not None and names and names[0] == name:
            return None if b"staticmethod" in value.decorator_names() else value
        if name in names:
            return None
        around = function
    return None
