"""What an annotation promises: the instances a parameter, variable or return may hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from server.refactoring.values import (
    CALLABLE,
    NOTHING,
    ClassValue,
    InstanceValue,
    ModuleValue,
    Place,
    Value,
    Values,
    binding,
)

if TYPE_CHECKING:
    from server.refactoring.inference import Inference

_WRAPPERS = {
    b"Optional", b"Union", b"Annotated", b"ClassVar", b"Final", b"Required", b"NotRequired",
    b"Awaitable", b"Coroutine", b"InitVar",
}  # fmt: skip
_CONTAINERS = {
    b"List": "list", b"Set": "set", b"FrozenSet": "frozenset", b"Dict": "dict", b"Tuple": "tuple",
    b"Sequence": "list", b"MutableSequence": "list", b"Iterable": "list", b"Iterator": "list",
    b"Collection": "list", b"Generator": "list", b"AsyncIterator": "list",
    b"AsyncIterable": "list", b"Mapping": "dict", b"MutableMapping": "dict",
    b"DefaultDict": "dict", b"defaultdict": "dict", b"OrderedDict": "dict", b"Deque": "list",
    b"deque": "list", b"KeysView": "list", b"ValuesView": "list", b"AsyncGenerator": "list",
}  # fmt: skip
_BUILTIN_CONTAINERS = {b"list", b"set", b"frozenset", b"dict", b"tuple"}
_OPENING = re.compile(rb"^[rRbBuUfF]*(?=['\"])")
_TYPE_FORMS = {"subscript", "generic_type", "binary_operator", "union_type", "type", "string"}
_MAX_IMPORTS = 5
_DOTTED = re.compile(rb"[A-Za-z_][\w.]*")


class Annotations:
    """Reads annotations for one `Inference`."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._reading: set[Place] = set()

    def instances(self, at: Place) -> Values:
        """Return the instances that the annotation at this place promises."""
        match at.kind:
            case "type" | "parenthesized_expression":
                return self._all(list(at.children()))
            case "string":
                return self._quoted(at)
            case "none":
                return NOTHING
            case "binary_operator" | "union_type":
                return self._all(list(at.children()))
            case "subscript" | "generic_type":
                return self._generic(at)
            case "identifier" | "attribute" | "member_type":
                return self._plain(at)
            case _:
                return NOTHING

    def _all(self, places: list[Place]) -> Values:
        found: set[Value] = set()
        for one in places:
            found |= self.instances(one)
        return frozenset(found)

    def _plain(self, at: Place) -> Values:
        word = at.text.rpartition(b".")[2]
        if word == b"Self":
            owner = at.nearest("class_definition")
            return NOTHING if owner is None else frozenset({InstanceValue(ClassValue(owner))})
        if word == b"Any":
            return NOTHING
        found = self._aliased(at)
        return self._instances_of(self._inference.evaluate(at)) if found is None else found

    def _aliased(self, at: Place) -> Values | None:
        """Read `Tree = Union[A, B]`, `type Tree = …`, a type variable; None when it is none."""
        meaning = self._meaning(at)
        if meaning is None or meaning in self._reading:
            return None
        self._reading.add(meaning)
        try:
            if meaning.kind in _TYPE_FORMS:
                return self.instances(meaning)
            return self._made_by_call(meaning)
        finally:
            self._reading.discard(meaning)

    def _made_by_call(self, call: Place) -> Values | None:
        """Read the bound of `TypeVar(…)`, or what `NewType(…)` is made of."""
        function, arguments = call.field("function"), call.field("arguments")
        if call.kind != "call" or function is None or arguments is None:
            return None
        maker = function.text.rpartition(b".")[2]
        if maker not in {b"TypeVar", b"NewType"}:
            return None
        found: list[Place] = []
        for one in list(arguments.children())[1:]:
            name = one.field("name") if one.kind == "keyword_argument" else None
            value = one.field("value") if name is not None and name.text == b"bound" else None
            if name is None:
                found.append(one)
            elif value is not None:
                found.append(value)
        return self._all(found)

    def _meaning(self, at: Place) -> Place | None:
        """Return the right side of the one assignment that a type's name comes from."""
        if at.kind == "identifier":
            table = at.file.table(at.text)
            scope = table.scope_of(at.scopes(), at.chain)
            bindings = [binding(at.file, one) for one in table.bindings.get(scope, ())]
        else:
            receiver, name = at.field("object"), at.field("attribute")
            values = NOTHING if receiver is None else self._inference.evaluate(receiver)
            modules = [one for one in values if isinstance(one, ModuleValue) and one.file]
            if name is None or len(modules) != 1 or modules[0].file is None:
                return None
            bindings = list(self._inference.lookup.members(modules[0].file, name.text))
        for _ in range(_MAX_IMPORTS):
            if len(bindings) != 1 or bindings[0].mention.role != "import":
                break
            target = self._inference.lookup.imported(bindings[0])
            if target is None or target[1] is None or not isinstance(target[0], ModuleValue):
                return None
            file = target[0].file
            bindings = [] if file is None else list(self._inference.lookup.members(file, target[1]))
        if len(bindings) != 1 or bindings[0].mention.role != "store":
            return None
        statement = bindings[0].place.nearest("assignment", "type_alias_statement", "block")
        return None if statement is None else statement.field("right")

    def _instances_of(self, values: Values) -> Values:
        found: set[Value] = set()
        for value in values:
            if isinstance(value, ClassValue) and not _is_special(value):
                found.add(InstanceValue(value))
            elif not isinstance(value, ClassValue | InstanceValue):
                # A module-level alias or a class of a module that is not installed.
                found.add(value)
        return frozenset(found)

    def _generic(self, at: Place) -> Values:
        pieces = [
            inner
            for one in at.children()
            for inner in (one.children() if one.kind == "type_parameter" else (one,))
        ]
        if not pieces:
            return NOTHING
        word = pieces[0].text.rpartition(b".")[2]
        arguments = pieces[1:]
        if len(arguments) == 1 and arguments[0].kind == "tuple":
            arguments = list(arguments[0].children())
        if word in _WRAPPERS:
            wanted = arguments[:1] if word in {b"Annotated", b"Awaitable"} else arguments
            return self._all(wanted[-1:] if word == b"Coroutine" else wanted)
        if word in {b"Type", b"type"}:
            return frozenset(
                value.of
                for one in arguments
                for value in self.instances(one)
                if isinstance(value, InstanceValue)
            )
        if word == b"Callable":
            return self._inference.builtin(CALLABLE, self.instances(arguments[-1]))
        items = tuple(self.instances(one) for one in arguments)
        container = _CONTAINERS.get(word)
        if container is None and word in _BUILTIN_CONTAINERS:
            container = word.decode()
        if container is not None:
            return self._inference.builtin(container, *items)
        return frozenset(
            InstanceValue(value.of, items)
            for value in self._plain(pieces[0])
            if isinstance(value, InstanceValue)
        )

    def _quoted(self, at: Place) -> Values:
        """Read a forward reference by its dotted names alone; brackets only group them."""
        found: set[Value] = set()
        content = _OPENING.sub(b"", at.text)
        for dotted in _DOTTED.findall(content):
            first, *rest = dotted.split(b".")
            if (rest or [first])[-1] == b"Self":
                owner = at.nearest("class_definition")
                found |= set() if owner is None else {InstanceValue(ClassValue(owner))}
                continue
            values = self._inference.name(at.file, first, at)
            for part in rest:
                values = self._inference.attribute(values, part)
            found |= self._instances_of(values)
        return frozenset(found)


def _is_special(value: ClassValue) -> bool:
    """Whether a class of the stubs stands for a typing construct and not for real instances."""
    return value.outside and value.name in {"TypeVar", "object", "Any", "_SpecialForm"}
