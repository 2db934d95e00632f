"""What calls, subscripts and displays give, and what iterating over them yields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from server.refactoring.values import (
    CALLABLE,
    NOTHING,
    ClassValue,
    FunctionValue,
    InstanceValue,
    OutsideValue,
    Place,
    SuperValue,
    Value,
    Values,
)

if TYPE_CHECKING:
    from server.refactoring.inference import Inference

_KEEP_ELEMENTS = {"list": "list", "sorted": "list", "set": "set", "tuple": "list",
                  "reversed": "list", "iter": "list", "frozenset": "set"}  # fmt: skip
_TAKE_ELEMENT = {"next", "min", "max"}
_SAME_VALUE = {"copy", "deepcopy", "cast", "wraps"}
_MAPPING_VALUES = {b"get", b"pop", b"setdefault"}
_RETURNS = {"return_statement", "yield"}


class Calls:
    """Reads calls and containers for one `Inference`."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._returned: dict[FunctionValue, Values] = {}
        self._pending: set[Place] = set()

    def call(self, at: Place) -> Values:
        """Return what a call expression gives."""
        function, arguments = at.field("function"), at.field("arguments")
        if function is None or arguments is None:
            return NOTHING
        given = list(arguments.children()) if arguments.kind == "argument_list" else []
        special = self._special(at, function, given)
        if special is not None:
            return special
        found: set[Value] = set()
        for value in self._inference.evaluate(function):
            found |= self._called(value, given)
        return frozenset(found)

    def returned(self, function: FunctionValue) -> Values:
        """Return what calling the function gives, by annotation or by its return statements."""
        known = self._returned.get(function)
        if known is not None:
            return known
        if function.definition in self._pending:
            return NOTHING
        self._pending.add(function.definition)
        try:
            values = self._compute_returned(function)
        finally:
            self._pending.discard(function.definition)
        self._returned[function] = values
        return values

    def elements(self, values: Values) -> Values:
        """Return what iterating over the values yields."""
        found: set[Value] = set()
        for value in values:
            if isinstance(value, ClassValue) and self._inference.classes.is_enum(value):
                found.add(InstanceValue(value))
            if not isinstance(value, InstanceValue):
                continue
            if value.items:
                wanted = value.items if value.of.name == "tuple" else value.items[:1]
                for one in wanted:
                    found |= one
            elif not value.of.outside:
                iterators = self._given_by(value, b"__iter__")
                own = {one for one in iterators if _is_of_project(one)}  # often the value itself
                found |= self.elements(iterators - own)
                for one in own:
                    found |= self._given_by(one, b"__next__")
        return frozenset(found)

    def _given_by(self, value: Value, method: bytes) -> Values:
        """Return what calling a method of the value gives."""
        found: set[Value] = set()
        for one in self._inference.attribute(frozenset({value}), method):
            if isinstance(one, FunctionValue):
                found |= self.returned(one)
        return frozenset(found)

    def subscript(self, at: Place) -> Values:
        """Return what `value[…]` gives."""
        value = at.field("value")
        if value is None:
            return NOTHING
        index = at.field("subscript")
        found: set[Value] = set()
        for one in self._inference.evaluate(value):
            if isinstance(one, ClassValue):
                found.add(one)
            elif isinstance(one, InstanceValue) and one.items:
                if index is not None and index.kind == "slice":
                    found.add(one)
                elif one.of.name == "tuple" and index is not None and index.text.isdigit():
                    found |= one.items[min(int(index.text), len(one.items) - 1)]
                else:
                    found |= one.items[-1]
            elif isinstance(one, InstanceValue) and not one.of.outside:
                found |= self._given_by(one, b"__getitem__")
        return frozenset(found)

    def display(self, at: Place) -> Values:
        """Return a list, dict, set or tuple display, or a comprehension."""
        infer = self._inference
        match at.kind:
            case "list" | "set":
                return infer.builtin(at.kind, self._union(list(at.children())[:8]))
            case "tuple" | "expression_list":
                items = [infer.evaluate(one) for one in list(at.children())[:8]]
                return infer.builtin("tuple", *items)
            case "dictionary":
                pairs = [one for one in at.children() if one.kind == "pair"][:8]
                keys = [key for one in pairs if (key := one.field("key"))]
                values = [value for one in pairs if (value := one.field("value"))]
                return infer.builtin("dict", self._union(keys), self._union(values))
            case "list_comprehension" | "set_comprehension" | "generator_expression":
                body = at.field("body")
                return NOTHING if body is None else infer.builtin("list", infer.evaluate(body))
            case _:
                return NOTHING

    def _special(self, at: Place, function: Place, given: list[Place]) -> Values | None:
        infer = self._inference
        text = function.text
        name = text.rpartition(b".")[2].decode("utf-8", "replace")
        if text == b"super":
            return self._super(at, given)
        if text == b"type" and len(given) == 1:
            values = infer.evaluate(given[0])
            return frozenset(one.of for one in values if isinstance(one, InstanceValue))
        if name in {"Mock", "MagicMock", "create_autospec", "NonCallableMock"}:
            for one in given:
                spec = one.field("value") if one.kind == "keyword_argument" else one
                if spec is not None and (one is spec) == (name == "create_autospec"):
                    return instances_of(infer.evaluate(spec))
            return NOTHING
        if not given:
            return self._mapping_view(function, name)
        if name in _KEEP_ELEMENTS and text == name.encode():
            return infer.builtin(_KEEP_ELEMENTS[name], infer.elements(infer.evaluate(given[0])))
        if name in _TAKE_ELEMENT and text == name.encode():
            return infer.elements(infer.evaluate(given[0])) or self._union(given[:2])
        if text == b"enumerate":
            pair = (infer.builtin("int"), infer.elements(infer.evaluate(given[0])))
            return infer.builtin("list", infer.builtin("tuple", *pair))
        if text == b"zip":
            items = [infer.elements(infer.evaluate(one)) for one in given]
            return infer.builtin("list", infer.builtin("tuple", *items))
        if name in _SAME_VALUE and function.kind in {"identifier", "attribute"}:
            known = infer.evaluate(function)
            if all(_is_outside(one) for one in known):
                return infer.evaluate(given[-1 if name == "cast" else 0]) if known else None
        if name == "import_module" and given[0].kind == "string":
            dotted = given[0].text.strip(b"\"'").decode("utf-8", "replace")
            module = infer.lookup.module(dotted, at.file)
            return None if module is None else frozenset({module})
        if text == b"importlib.reload":
            return infer.evaluate(given[0])
        if name == "__new__":
            return instances_of(infer.evaluate(given[0]))
        receiver = function.field("object")
        if receiver is not None and text.rpartition(b".")[2] in _MAPPING_VALUES:
            values = {
                value
                for one in infer.evaluate(receiver)
                if isinstance(one, InstanceValue) and one.items
                for value in one.items[-1]
            }
            return frozenset(values) or None
        return None

    def _mapping_view(self, function: Place, name: str) -> Values | None:
        receiver = function.field("object")
        if receiver is None or name not in {"values", "items", "keys", "pop", "copy"}:
            return None
        infer = self._inference
        for one in infer.evaluate(receiver):
            if isinstance(one, InstanceValue) and one.items:
                if name == "copy":
                    return frozenset({one})
                if name == "pop":
                    return one.items[-1]
                if name == "items" and len(one.items) == 2:
                    return infer.builtin("list", infer.builtin("tuple", *one.items))
                return infer.builtin("list", one.items[-1 if name == "values" else 0])
        return None

    def _super(self, at: Place, given: list[Place]) -> Values:
        if len(given) == 2:
            named = self._inference.evaluate(given[0])
            return frozenset(SuperValue(one) for one in named if isinstance(one, ClassValue))
        around = at.nearest("class_definition")
        return NOTHING if around is None else frozenset({SuperValue(ClassValue(around))})

    def wrapped(self, decorator: Place) -> Values:
        """Return the instances of the project's classes that a decorator puts in place."""
        found: set[Value] = set()
        for value in self._inference.evaluate(decorator):
            found |= self._called(value, [])
        return frozenset(
            one for one in found if isinstance(one, InstanceValue) and not one.of.outside
        )

    def _called(self, value: Value, given: list[Place]) -> Values:
        if isinstance(value, ClassValue):
            return frozenset({InstanceValue(value)})
        if isinstance(value, FunctionValue):
            return self.returned(value) or self._identity(value, given)
        if isinstance(value, OutsideValue):
            # A class of a missing module gives its instances; of a function nothing is known.
            last = value.dotted.rpartition(".")[2]
            return frozenset({value}) if last[:1].isupper() else NOTHING
        if isinstance(value, InstanceValue) and value.of.name == CALLABLE and value.items:
            return value.items[0]
        if isinstance(value, InstanceValue) and not value.of.outside:
            found: set[Value] = set()
            for method in self._inference.attribute(frozenset({value}), b"__call__"):
                if isinstance(method, FunctionValue):
                    found |= self.returned(method)
            return frozenset(found)
        return NOTHING

    def _identity(self, function: FunctionValue, given: list[Place]) -> Values:
        """Return the argument that a function annotated `(x: T) -> T` hands back."""
        result = function.definition.field("return_type")
        if result is None:
            return NOTHING
        parameters = function.parameters()
        if function.owner is not None:
            parameters = parameters[1:]
        for parameter, argument in zip(parameters, given, strict=False):
            annotation = parameter.field("type")
            if annotation is not None and annotation.text == result.text:
                return self._inference.evaluate(argument)
        return NOTHING

    def _compute_returned(self, function: FunctionValue) -> Values:
        infer = self._inference
        annotation = function.definition.field("return_type")
        if annotation is not None:
            values = infer.annotated(annotation)
        else:
            body = function.definition.field("body")
            found = [] if body is None or function.definition.file.outside else results(body)
            values = self._union(one for one, _ in found)
            if any(is_yield for _, is_yield in found):
                values = infer.builtin("list", values)
        return self._rebound(values, function)

    def _rebound(self, values: Values, function: FunctionValue) -> Values:
        """Turn "an instance of the defining class" into one of the class it was called on."""
        owner = function.owner
        mine = function.enclosing_class()
        if owner is None or mine is None:
            return values
        actual = owner.of if isinstance(owner, InstanceValue) else owner
        return frozenset(
            InstanceValue(actual) if one == InstanceValue(mine) else one for one in values
        )

    def _union(self, places: Iterable[Place]) -> Values:
        found: set[Value] = set()
        for one in places:
            found |= self._inference.evaluate(one)
        return frozenset(found)


def _is_outside(value: Value) -> bool:
    return isinstance(value, FunctionValue) and value.definition.file.outside


def instances_of(values: Values) -> Values:
    """Return the instances of the classes among the values, those in a tuple too."""
    found: set[Value] = set()
    for one in values:
        if isinstance(one, ClassValue):
            found.add(InstanceValue(one))
        elif isinstance(one, InstanceValue) and one.items:
            found |= {
                InstanceValue(inner)
                for item in one.items
                for inner in item
                if isinstance(inner, ClassValue)
            }
    return frozenset(found)


def results(body: Place) -> list[tuple[Place, bool]]:
    """Return the expressions a function returns or yields (True), inner functions left out."""
    found: list[tuple[Place, bool]] = []
    waiting = [body]
    while waiting:
        at = waiting.pop()
        if at.kind in {"function_definition", "class_definition", "lambda"}:
            continue
        if at.kind in _RETURNS:
            value = next(at.children(), None)
            if value is not None:
                found.append((value, at.kind == "yield"))
        elif at.kind in _STATEMENTS or at.kind.endswith(("_statement", "_clause", "block")):
            waiting += list(at.children())
    return found


_STATEMENTS = {"block", "decorated_definition", "assignment", "expression_statement"}


def _is_of_project(value: Value) -> bool:
    return isinstance(value, InstanceValue) and not value.items and not value.of.outside
