"""What binds a name: assignments, loops, `with`, `except`, parameters and pytest fixtures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from server.refactoring.callers import parametrized, passed_values
from server.refactoring.calls import instances_of, results
from server.refactoring.fixtures import is_fixture
from server.refactoring.values import (
    NOTHING,
    Binding,
    FunctionValue,
    InstanceValue,
    Place,
    Value,
    Values,
    place,
)

if TYPE_CHECKING:
    from server.refactoring.inference import Inference

_MAX_SITES = 12
_MAX_FILES = 40
RAISED = "BaseException"  # with the error itself as its only item: what `raises` binds


class Targets:
    """Reads what names are bound to for one `Inference`."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    def assigned(self, at: Place) -> Values:
        """Return what the assignment, loop or `with` around a target gives it."""
        infer = self._inference
        path: list[int] = []
        child = at
        while len(child.chain) > 1:
            parent = child.above()
            match parent.kind:
                case "assignment" | "named_expression":
                    annotation = parent.field("type")
                    if annotation is not None:
                        return infer.annotated(annotation)
                    value = parent.field("right") or parent.field("value")
                    return NOTHING if value is None else self._unpack(infer.evaluate(value), path)
                case "for_statement" | "for_in_clause":
                    iterable = parent.field("right")
                    if iterable is None:
                        return NOTHING
                    return self._unpack(infer.elements(infer.evaluate(iterable)), path)
                case "as_pattern":
                    return self._as_pattern(parent)
                case "pattern_list" | "tuple_pattern" | "list_pattern":
                    index = [one.id for one in parent.node.named_children].index(child.node.id)
                    path.insert(0, index)
                case "as_pattern_target" | "list_splat_pattern":
                    pass
                case _:
                    return NOTHING
            child = parent
        return NOTHING

    def parameter(self, one: Binding) -> Values:
        """Return what a parameter may hold: `self`, its annotation, default, or callers' values."""
        infer = self._inference
        at = one.place
        own = infer.self_value(at, at.text)
        if own:
            return own
        holder = at.above()
        if holder.kind.endswith("splat_pattern"):
            return infer.builtin("dict" if holder.kind.startswith("dictionary") else "tuple")
        annotation = holder.field("type")
        if annotation is not None:
            return infer.annotated(annotation)
        around = at.nearest("function_definition", "lambda")
        if around is None or around.kind == "lambda":
            return NOTHING
        function = FunctionValue(around)
        default = holder.field("value")
        values = NOTHING if default is None else infer.evaluate(default)
        fixture = self._union(parametrized(function, at.text)) or self._fixture(function, at)
        return values or fixture or self._from_callers(function, at.text)

    def _as_pattern(self, pattern: Place) -> Values:
        infer = self._inference
        value = next(pattern.children(), None)
        if value is None:
            return NOTHING
        values = infer.evaluate(value)
        around = pattern.nearest("except_clause", "with_statement", "case_clause")
        if around is not None and around.kind == "except_clause":
            return instances_of(values)
        raised = self._expected_error(value)
        if raised:
            return infer.builtin(RAISED, raised)
        entered: set[Value] = set()
        for one in values:
            if isinstance(one, InstanceValue) and one.items:
                entered |= one.items[0]  # a generator under @contextmanager
                continue
            methods = infer.attribute(frozenset({one}), b"__enter__")
            given: set[Value] = set()
            for method in methods:
                if isinstance(method, FunctionValue):
                    given |= infer.returned(method)
            entered |= given or {one}
        return frozenset(entered)

    def _expected_error(self, call: Place) -> Values:
        """Return the errors that `pytest.raises(…)` or `self.assertRaises(…)` waits for."""
        callee, arguments = call.field("function"), call.field("arguments")
        if callee is None or arguments is None:
            return NOTHING
        if callee.text.rpartition(b".")[2] not in {b"raises", b"assertRaises"}:
            return NOTHING
        expected = next(arguments.children(), None)
        return NOTHING if expected is None else instances_of(self._inference.evaluate(expected))

    def _unpack(self, values: Values, path: list[int]) -> Values:
        for index in path:
            found: set[Value] = set()
            for one in values:
                if isinstance(one, InstanceValue) and one.items:
                    is_tuple = one.of.name == "tuple" and index < len(one.items)
                    found |= one.items[index if is_tuple else 0]
            values = frozenset(found)
        return values

    def _fixture(self, function: FunctionValue, at: Place) -> Values:
        """Return what the pytest fixture of the parameter's name gives, if there is one."""
        is_test = function.name.startswith(b"test") or is_fixture(function)
        if not is_test or function.definition.file.outside:
            return NOTHING
        infer = self._inference
        found: set[Value] = set()
        for file in infer.index.files_with(at.text):
            near = file.path == at.path or file.path.name == "conftest.py"
            if not near or not file.is_python:
                continue
            for mention in file.table(at.text).mentions:
                if mention.role == "def":
                    fixture = FunctionValue(place(file, mention.chain[:-1]))
                    if is_fixture(fixture):
                        values = infer.returned(fixture)
                        body = fixture.definition.field("body")
                        yields = body is not None and any(y for _, y in results(body))
                        found |= infer.elements(values) if yields else values
        return frozenset(found)

    def _from_callers(self, function: FunctionValue, name: bytes) -> Values:
        """Return what the project's own calls pass for the parameter."""
        if function.definition.file.outside:
            return NOTHING
        return self._union(passed_values(self._inference, function, name, _MAX_SITES, _MAX_FILES))

    def _union(self, places: Iterable[Place]) -> Values:
        found: set[Value] = set()
        for one in places:
            found |= self._inference.evaluate(one)
        return frozenset(found)
