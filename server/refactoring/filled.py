"""What a container holds that begins empty: what the project appends, adds or assigns to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from server.refactoring.classes import method_of_self
from server.refactoring.index import SourceFile
from server.refactoring.syntax import Mention
from server.refactoring.values import (
    NOTHING,
    Binding,
    ClassValue,
    InstanceValue,
    Place,
    Value,
    Values,
    place,
)

if TYPE_CHECKING:
    from server.refactoring.inference import Inference

_CONTAINERS = {"list", "set", "dict", "deque", "defaultdict", "OrderedDict"}
_FILLERS = {b"append", b"add", b"appendleft", b"insert"}
_MAX_SITES = 8


def with_contents(inference: Inference, one: Binding, values: Values) -> Values:
    """Return the values of a binding, its empty containers with what is put into them elsewhere."""
    if one.file.outside or not any(_is_empty(value) for value in values):
        return values
    found: set[Value] = set()
    for _, given in zip(range(_MAX_SITES), _given(inference, one), strict=False):
        found |= inference.evaluate(given)
    if not found:
        return values
    items = frozenset(found)
    return frozenset(
        InstanceValue(value.of, (NOTHING, items) if "dict" in value.of.name.lower() else (items,))
        if isinstance(value, InstanceValue) and _is_empty(value)
        else value
        for value in values
    )


def _is_empty(value: Value) -> bool:
    return (
        isinstance(value, InstanceValue)
        and value.of.outside
        and value.of.name in _CONTAINERS
        and not any(value.items)
    )


def _given(inference: Inference, one: Binding) -> Iterator[Place]:
    """Yield what is put into the container: for an attribute by its class, else in its scope."""
    name = one.mention.chain[-1].text or b""
    if one.mention.role == "store" and one.mention.scopes[-1].kind != "class":
        table = one.file.table(name)
        scope = table.scope_of(one.mention.scopes, one.mention.chain)
        for mention in table.mentions:
            if mention.role == "load" and table.scope_of(mention.scopes, mention.chain) == scope:
                yield from _put(place(one.file, mention.chain))
        return
    owner = _owner(one)
    for file in inference.index.files_with(name) if owner is not None else ():
        for mention in file.table(name).mentions if file.is_python else ():
            if mention.role == "attribute" and owner is not None:
                holder = place(file, mention.chain[:-1])
                given = list(_put(holder))
                if given and _belongs(inference, file, mention, owner):
                    yield from given


def _owner(one: Binding) -> ClassValue | None:
    around = one.place.nearest("class_definition")
    return None if around is None else ClassValue(around)


def _belongs(inference: Inference, file: SourceFile, mention: Mention, owner: ClassValue) -> bool:
    """Whether the object whose container is filled may be of the class."""
    receiver = place(file, mention.chain[:-1]).field("object")
    if receiver is None:
        return False
    method = method_of_self(receiver, receiver.text)
    around = None if method is None else method.enclosing_class()
    if around is not None:
        return owner in inference.classes.lineage(around).order
    classes = [one.of for one in inference.evaluate(receiver) if isinstance(one, InstanceValue)]
    return any(owner in inference.classes.lineage(one).order for one in classes)


def _put(container: Place) -> Iterator[Place]:
    """Yield what `container.append(…)` or `container[…] = …` puts in."""
    above = container.above()
    if above.kind == "attribute" and len(container.chain) > 2:
        call, called = above.above(), above.field("attribute")
        arguments = call.field("arguments") if call.kind == "call" else None
        if called is not None and called.text in _FILLERS and arguments is not None:
            yield from list(arguments.children())[-1:]
    elif above.kind == "subscript" and above.field("value") == container:
        statement = above.above()
        value = statement.field("right") if statement.kind == "assignment" else None
        if value is not None and statement.field("left") == above:
            yield value
