"""Reads what an expression stands for: modules, classes, instances, functions, by source alone.

Flow-insensitive and modest: an empty answer means "cannot tell", and every question has a budget.
"""

from __future__ import annotations

from collections.abc import Iterable

from server.refactoring.annotations import Annotations
from server.refactoring.calls import Calls
from server.refactoring.classes import Classes, method_of_self
from server.refactoring.filled import with_contents
from server.refactoring.index import ProjectIndex, SourceFile
from server.refactoring.lookup import Lookup, definition_of
from server.refactoring.narrowing import Narrowing
from server.refactoring.syntax import BUILTINS, MODULE, Scope
from server.refactoring.targets import RAISED, Targets
from server.refactoring.values import (
    NOTHING,
    Binding,
    ClassValue,
    FunctionValue,
    InstanceValue,
    ModuleValue,
    OutsideValue,
    Place,
    SuperValue,
    Value,
    Values,
    binding,
    parameter_name,
)

_MAX_DEPTH = 24
_MAX_BINDINGS = 12
_LITERALS = {
    "string": "str",
    "concatenated_string": "str",
    "integer": "int",
    "float": "float",
    "true": "bool",
    "false": "bool",
    "comparison_operator": "bool",
    "not_operator": "bool",
}


class Inference:
    """One plan's reader; remembers its answers, gives up when `steps` run out."""

    def __init__(self, index: ProjectIndex, steps: int = 60_000) -> None:
        self.index = index
        self.lookup = Lookup(index)
        self.classes = Classes(index, self.evaluate)
        self._annotations = Annotations(self)
        self._calls = Calls(self)
        self._targets = Targets(self)
        self._narrowing = Narrowing(self)
        self._memo: dict[Place, Values] = {}
        self._active: set[Place] = set()
        self._steps = steps
        self.definers: dict[bytes, dict[ClassValue, None]] = {}  # kept here by `family`

    def evaluate(self, at: Place) -> Values:
        """Return what the expression may stand for; empty when nothing can be told."""
        known = self._memo.get(at)
        if known is not None:
            return known
        self._steps -= 1
        if at in self._active or len(self._active) > _MAX_DEPTH or self._steps < 0:
            return NOTHING
        self._active.add(at)
        try:
            values = self._evaluate(at)
        finally:
            self._active.discard(at)
        self._memo[at] = values
        return values

    def builtin(self, name: str, *items: Values) -> Values:
        """Return an instance of a builtin class with the given element types."""
        classes = self.outside("builtins", name.encode())
        return frozenset(
            InstanceValue(one, items) for one in classes if isinstance(one, ClassValue)
        )

    def outside(self, module: str, name: bytes) -> Values:
        """Return what `name` stands for in a module of the environment."""
        path = self.index.environment.find(module)
        file = None if path is None else self.index.outside(path)
        return NOTHING if file is None else self.module_member(ModuleValue(module, file), name)

    def annotated(self, at: Place) -> Values:
        """Return the instances that an annotation promises."""
        return self._annotations.instances(at)

    def elements(self, values: Values) -> Values:
        """Return what iterating over the values yields."""
        return self._calls.elements(values)

    def returned(self, function: FunctionValue) -> Values:
        """Return what calling the function gives."""
        return self._calls.returned(function)

    def _evaluate(self, at: Place) -> Values:
        literal = _LITERALS.get(at.kind)
        if literal is not None:
            return self.builtin("bytes" if at.text[:1] in b"bB" and literal == "str" else literal)
        match at.kind:
            case "identifier":
                return self.name(at.file, at.text, at)
            case "attribute" | "member_type":
                receiver, name = at.field("object"), at.field("attribute")
                if receiver is None or name is None:
                    pieces = list(at.children())
                    if len(pieces) != 2:
                        return NOTHING
                    receiver, name = pieces
                narrowed = self._narrowing.at(at.text, at)
                return narrowed or self.attribute(self.evaluate(receiver), name.text)
            case "call":
                return self._calls.call(at)
            case "parenthesized_expression" | "await" | "type":
                return self._union(list(at.children())[:1])
            case "conditional_expression":
                pieces = list(at.children())
                return self._union([pieces[0], *pieces[2:]]) if pieces else NOTHING
            case "boolean_operator":
                return self._union(at.children())
            case "named_expression":
                value = at.field("value")
                return NOTHING if value is None else self.evaluate(value)
            case "assignment":  # the rest of `a = b = value`
                value = at.field("right")
                return NOTHING if value is None else self.evaluate(value)
            case "binary_operator":
                left = at.field("left")
                return NOTHING if left is None else self.evaluate(left)
            case "subscript" | "generic_type":
                return self._calls.subscript(at)
            case _:
                return self._calls.display(at)

    def _union(self, places: Iterable[Place]) -> Values:
        found: set[Value] = set()
        for one in places:
            found |= self.evaluate(one)
        return frozenset(found)

    def name(self, file: SourceFile, name: bytes, at: Place) -> Values:
        """Return what a name stands for at a place of `file`."""
        narrowed = self._narrowing.at(name, at)
        if narrowed:
            return narrowed
        table = file.table(name)
        scope = table.scope_of(at.scopes(), at.chain)
        found = table.bindings.get(scope, ())
        if not found and scope in {MODULE, BUILTINS}:
            return self._unbound(file, name)
        return self.bound([binding(file, one) for one in found])

    def module_member(self, module: ModuleValue, name: bytes) -> Values:
        """Return what `name` stands for as an attribute of the module."""
        if module.file is not None:
            found = self.lookup.members(module.file, name)
            values = self.bound(found)
            if values:
                return values
            for star in self.lookup.star_imports(module.file):
                if star.file is not module.file:
                    values = self.module_member(star, name)
                    if values:
                        return values
        inner = self.lookup.submodule(module, name.decode("utf-8", "replace"))
        return NOTHING if inner is None else frozenset({inner})

    def attribute(self, values: Values, name: bytes) -> Values:
        """Return what `.name` gives on any of the values."""
        found: set[Value] = set()
        for value in values:
            found |= self._attribute(value, name)
        return frozenset(found)

    def bound(self, bindings: list[Binding] | tuple[Binding, ...]) -> Values:
        """Return what the bindings of one name stand for together."""
        found: set[Value] = set()
        for one in bindings[:_MAX_BINDINGS]:
            found |= self.binding(one)
        return frozenset(found)

    def binding(self, one: Binding) -> Values:
        """Return what one binding gives its name."""
        at = one.place
        if at in self._active or len(self._active) > _MAX_DEPTH:
            return NOTHING
        self._active.add(at)
        try:
            return self._binding(one, at)
        finally:
            self._active.discard(at)

    def _binding(self, one: Binding, at: Place) -> Values:
        match one.mention.role:
            case "def":
                return self._decorated(FunctionValue(definition_of(one)))
            case "class":
                return frozenset({ClassValue(definition_of(one))})
            case "import":
                return self._imported(one)
            case "parameter":
                return self._targets.parameter(one)
            case "attribute":
                return with_contents(self, one, self._targets.assigned(at.above()))
            case _:
                return with_contents(self, one, self._targets.assigned(at))

    def _decorated(self, function: FunctionValue) -> Values:
        """Return the function, and the instances of the project's classes that wrap it."""
        found: set[Value] = {function}
        for decorator in function.decorators():
            found |= self._calls.wrapped(decorator)
        return frozenset(found)

    def _imported(self, one: Binding) -> Values:
        target = self.lookup.imported(one)
        if target is None:
            return NOTHING
        module, name = target
        if name is None or isinstance(module, OutsideValue):
            return frozenset({module})
        values = self.module_member(module, name)
        if not values and module.file is not None and module.file.outside:
            return frozenset({OutsideValue(f"{module.dotted}.{name.decode('utf-8', 'replace')}")})
        return values

    def _unbound(self, file: SourceFile, name: bytes) -> Values:
        for star in self.lookup.star_imports(file):
            values = self.module_member(star, name)
            if values:
                return values
        if file.context is not None:
            members = self.lookup.members(file.context, name)
            found = self.bound(members) if members else self._unbound(file.context, name)
        else:
            found = self._imported_part(file, name) or self.outside("builtins", name)
        return found or (self._presumed(file, name) if file.is_example else NOTHING)

    def _imported_part(self, file: SourceFile, name: bytes) -> Values:
        """Return the module that importing it made a name of its package: `from .part import x`."""
        if file.path.stem != "__init__" or file.outside:
            return NOTHING
        inner = self.lookup.submodule(ModuleValue("", file), name.decode("utf-8", "replace"))
        return NOTHING if inner is None else frozenset({inner})

    def _presumed(self, file: SourceFile, name: bytes) -> Values:
        """Return what an example means that did not bother to import: a package or its member."""
        word = name.decode("utf-8", "replace")
        for dotted, paths in self.index.modules.items():
            if "." in dotted or paths[0].stem != "__init__":
                continue
            module = ModuleValue(dotted, self.index.get(paths[0]))
            if dotted == word:
                return frozenset({module})
            if module.file is not None and name in module.file.words:
                values = self.module_member(module, name)
                if values:
                    return values
        return NOTHING

    def _attribute(self, value: Value, name: bytes) -> Values:
        if isinstance(value, ModuleValue):
            return self.module_member(value, name)
        if isinstance(value, OutsideValue):
            return frozenset({OutsideValue(f"{value.dotted}.{name.decode('utf-8', 'replace')}")})
        if isinstance(value, FunctionValue):
            return NOTHING
        if name in {b"value", b"exception"} and isinstance(value, InstanceValue):
            if value.items and value.of.name == RAISED:
                return value.items[0]
        if name == b"__class__" and isinstance(value, InstanceValue):
            return frozenset({value.of})
        owner = value if isinstance(value, ClassValue) else value.of
        found = self.classes.member(owner, name, after_first=isinstance(value, SuperValue))
        if found is None:
            return NOTHING
        is_member = any(one.mention.role == "store" for one in found[1])
        if isinstance(value, ClassValue) and is_member and self.classes.is_enum(found[0]):
            return frozenset({InstanceValue(value)})
        receiver = InstanceValue(value.of) if isinstance(value, SuperValue) else value
        results: set[Value] = set()
        for one in self.bound(found[1]):
            if isinstance(one, FunctionValue) and one.owner is None:
                results |= self._bind(one, receiver)
            else:
                results.add(one)
        return frozenset(results)

    def _bind(self, function: FunctionValue, receiver: InstanceValue | ClassValue) -> Values:
        decorators = function.decorator_names()
        if b"staticmethod" in decorators:
            return frozenset({function})
        bound = FunctionValue(function.definition, receiver)
        is_property = any(b"property" in name for name in decorators) or b"setter" in decorators
        if is_property and isinstance(receiver, InstanceValue):
            return self.returned(bound)
        if isinstance(receiver, ClassValue) and b"classmethod" not in decorators:
            return frozenset({function})
        return frozenset({bound})

    def self_value(self, at: Place, name: bytes) -> Values:
        """Return the instance or class that a method's first parameter stands for."""
        method = method_of_self(at, name)
        owner = None if method is None else method.enclosing_class()
        if method is None or owner is None:
            return NOTHING
        if b"classmethod" in method.decorator_names() or method.name in _CLASS_METHODS:
            return frozenset({owner})
        return frozenset({InstanceValue(owner)})

    def class_scope(self, at: Place) -> Scope | None:
        """Return the innermost class scope around a place, or None."""
        return next((one for one in reversed(at.scopes()) if one.kind == "class"), None)


_CLASS_METHODS = {b"__new__", b"__init_subclass__", b"__class_getitem__"}


def first_parameter_of(function: FunctionValue) -> bytes:
    """Return the name of the first parameter, or nothing."""
    parameters = function.parameters()
    return parameter_name(parameters[0]) if parameters else b""
