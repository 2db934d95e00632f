"""How likely an attribute on a receiver that nobody can type means the renamed function.

Weighs who else defines such an attribute, what else the receiver is used for, what the file
imports, how the call looks, and what the receiver is called.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from server.refactoring.family import Family
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.syntax import MODULE, Mention
from server.refactoring.values import ClassValue, FunctionValue, Place, parameter_name, place

_BUILTIN_WEIGHT = 3.0
_IMPORTED_WEIGHT = 2.0
_ASKED = 0.75
_ANYTHING_WEIGHT = 0.1
_PACKAGE_FILES = 400
_MANY_KNOWN = 5
_IMPORTS: WeakKeyDictionary[SourceFile, frozenset[str]] = WeakKeyDictionary()
_OPTIONAL = ("default_parameter", "splat_pattern")
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+((?:[\w., \t]|\\\r?\n)+))", re.M
)


@dataclass(frozen=True, slots=True)
class Typed:
    """How many uses mean the family, its rivals, something outside, or nobody can say what."""

    ours: int = 0
    theirs: int = 0
    elsewhere: int = 0
    unknown: int = 0


class Evidence:
    """Gives probabilities for one family; what it learns of imports it keeps for the plan."""

    def __init__(
        self,
        inference: Inference,
        family: Family,
        rivals: dict[ClassValue, None],
        typed: Typed,
        typed_in_source: Typed,
    ) -> None:
        self._inference = inference
        self._family = family
        self._rivals = rivals
        self._typed = typed
        self._typed_in_source = typed_in_source
        self._outside: dict[str, bool] = {}
        self._builtin = self._defines("builtins")
        self._module_rivals = self._modules_with_name()

    def probability(self, file: SourceFile, mention: Mention, receiver: Place | None) -> float:
        """Return the probability, 0 to 0.97, that the mention means the family."""
        family = self._family
        ours, theirs = 1.0, float(len(self._rivals))
        if family.is_member:
            theirs += 0.2 * self._module_rivals
        else:
            theirs += 0.5 * self._module_rivals
            ours = 0.6
        elsewhere = _BUILTIN_WEIGHT if self._builtin else _ANYTHING_WEIGHT
        if not family.is_member and receiver is not None and not self._may_be_module(receiver):
            ours, elsewhere = 0.1, elsewhere + 1.0
        elsewhere += _IMPORTED_WEIGHT * self._imported(file)
        # What the typed uses of the project mostly mean, the others mostly mean too.
        typed = self._typed_for(file)
        ours *= math.sqrt(1 + typed.ours)
        theirs *= math.sqrt(1 + typed.theirs)
        elsewhere *= math.sqrt(1 + typed.elsewhere)
        ours *= self._fits_call(file, mention)
        if self._is_near(file):
            ours *= 2
        if receiver is not None:
            used = self._used_with(receiver)
            ours *= self._used_alike(used, family.classes)
            ours *= 4 if _sounds_like(receiver, family.classes) else 1
            theirs *= self._used_alike(used, self._rivals)
            theirs *= 4 if _sounds_like(receiver, self._rivals) else 1
        # What surely has the attribute need not be asked whether it has.
        most = _ASKED if receiver is not None and self._is_asked_first(receiver) else 0.97
        return min(ours / (ours + theirs + elsewhere), most)

    def _is_asked_first(self, receiver: Place) -> bool:
        """Whether the same function asks by `hasattr` or `getattr` for the name there."""
        scope = receiver.scopes()[-1]
        for mention in receiver.file.table(self._family.name).mentions:
            if mention.role != "string" or mention.scopes[-1] != scope:
                continue
            call = place(receiver.file, mention.chain).nearest("call", "block")
            callee = None if call is None else call.field("function")
            arguments = None if call is None else call.field("arguments")
            first = None if arguments is None else next(arguments.children(), None)
            if callee is not None and callee.text in {b"getattr", b"hasattr"} and first is not None:
                if first.text == receiver.text:
                    return True
        return False

    def is_shared(self, file: SourceFile, mention: Mention, receiver: Place) -> bool:
        """Whether a use may mean the family as well as rivals, and nobody outside the project."""
        outside = self._builtin or self._imported(file)
        probability = self.probability(file, mention, receiver)
        # Where most uses can be told apart, one that cannot says little.
        typed = self._typed_for(file)
        known = typed.ours + typed.theirs
        least = 0.08 if known >= _MANY_KNOWN * max(typed.unknown, 1) else 0.02
        return not outside and least < probability < 0.95 and self._fits_call(file, mention) > 0.5

    @property
    def is_builtin(self) -> bool:
        """Whether something of the builtins has the name too."""
        return self._builtin

    def _typed_for(self, file: SourceFile) -> Typed:
        """What tests do, which call what is public, says nothing of the inner workings."""
        return self._typed if is_test(file.path) else self._typed_in_source

    def resembling(self) -> list[ClassValue]:
        """Return the rivals that look like another kind of the same thing.

        They take as many arguments and share most public members, or the last word of the name.
        """
        mine = list(self._family.classes)[:20]
        shapes = {_shape(one) for one in self._functions()}
        found: list[ClassValue] = []
        for rival in list(self._rivals)[:100]:
            theirs = shapes_of(self._inference, rival, self._family.name)
            if theirs & shapes and any(self._alike(one, rival) for one in mine):
                found.append(rival)
        return found

    def _alike(self, mine: ClassValue, rival: ClassValue) -> bool:
        if _last_word(mine.name) == _last_word(rival.name):
            return True
        graph = self._inference.classes
        shared = set(graph.lineage(mine).order) & set(graph.lineage(rival).order)
        if any(not one.outside for one in shared):
            return True
        ours, theirs = public_members(mine), public_members(rival)
        both = ours & theirs
        neighbours = mine.definition.path.parent == rival.definition.path.parent
        if ours == theirs and neighbours:
            named = self._argument_names(mine)
            return bool(named) and named == self._argument_names(rival)
        return len(both) > 1 and len(both) >= 0.5 * len(ours | theirs)

    def _argument_names(self, owner: ClassValue) -> list[bytes]:
        bound = self._inference.classes.own(owner, self._family.name)
        for one in bound:
            if one.mention.role == "def":
                function = FunctionValue(place(one.file, one.mention.chain[:-1]))
                names = [parameter_name(parameter) for parameter in function.parameters()]
                return [name for name in names if name not in {b"self", b"cls"}]
        return []

    def _modules_with_name(self) -> int:
        found = 0
        for file in self._inference.index.files_with(self._family.name):
            if file.is_python and file.path not in self._family.modules:
                defs = file.table(self._family.name).bindings.get(MODULE, ())
                found += any(one.role == "def" for one in defs)
        return found

    def _defines(self, module: str) -> bool:
        """Whether a module of the environment has a method or function of the name."""
        if module not in self._outside:
            path = self._inference.index.environment.find(module)
            self._outside[module] = path is not None and self._found_in(path)
        return self._outside[module]

    def _found_in(self, path: Path) -> bool:
        pattern = re.compile(rb"\bdef[ \t]+" + re.escape(self._family.name) + rb"\b")
        paths = [path]
        if path.stem == "__init__":
            paths = sorted(path.parent.rglob(f"*{path.suffix}"))[:_PACKAGE_FILES]
        for one in paths:
            file = self._inference.index.outside(one)
            if file is not None and self._family.name in file.words and pattern.search(file.data):
                return True
        return False

    def _imported(self, file: SourceFile) -> int:
        """Return how many of the outside packages a file imports define the name (at most 2)."""
        modules = self._inference.index.modules
        outside = {one for one in _imports(file) if one.partition(".")[0] not in modules}
        return min(sum(self._defines(one) for one in outside), 2)

    def _is_near(self, file: SourceFile) -> bool:
        """Whether the file defines the family or imports a module that does."""
        homes = {path for path, _ in self._family.scopes}
        if file.path in homes:
            return True
        names = {one.name.encode() for one in self._family.classes}
        stems = {path.stem.encode() for path in homes if path.stem != "__init__"}
        stems |= {path.parent.name.encode() for path in homes}
        return bool((names | stems) & file.words)

    def _fits_call(self, file: SourceFile, mention: Mention) -> float:
        """Return how well the way it is used fits the signature: 0.1 if it cannot be."""
        functions = list(self._functions())
        if not functions:
            return 1.0
        attribute, call = place(file, mention.chain[:-1]), place(file, mention.chain[:-2])
        is_call = call.kind == "call" and call.field("function") == attribute
        if all(any(b"property" in d for d in one.decorator_names()) for one in functions):
            return 0.4 if is_call else 1.0
        if not is_call:
            return 0.7
        arguments = call.field("arguments")
        given = [] if arguments is None else list(arguments.children())
        return 1.0 if any(_accepts(one, given) for one in functions) else 0.1

    def _may_be_module(self, receiver: Place) -> bool:
        """Whether the family's module may stand before the dot: imported, or called like it."""
        if receiver.kind not in {"identifier", "attribute"}:
            return False
        last = receiver.text.rpartition(b".")[2]
        stems = {path.stem.encode() for path in self._family.modules}
        if last in stems or b"mod" in last:
            return True
        table = receiver.file.table(receiver.text)
        if receiver.kind == "attribute" or not table.mentions:
            return False
        bound = table.bindings.get(table.scope_of(receiver.scopes(), receiver.chain), ())
        if not bound:
            return not receiver.file.is_example
        return any(one.role == "import" for one in bound)

    def _functions(self) -> list[FunctionValue]:
        inference, name = self._inference, self._family.name
        bindings = [
            one for owner in self._family.classes for one in inference.classes.own(owner, name)
        ]
        for path in self._family.modules:
            file = inference.index.get(path)
            if file is not None:
                bindings += inference.lookup.members(file, name)
        return [
            FunctionValue(place(one.file, one.mention.chain[:-1]))
            for one in bindings
            if one.mention.role == "def"
        ]

    def _used_with(self, receiver: Place) -> frozenset[bytes]:
        """Return the other attributes that the same function uses on the same variable."""
        if receiver.kind != "identifier":
            return frozenset()
        table = receiver.file.table(receiver.text)
        scope = table.scope_of(receiver.scopes())
        if scope == MODULE:
            return frozenset()
        found: set[bytes] = set()
        for mention in table.mentions:
            parent = mention.chain[-2] if len(mention.chain) > 1 else None
            if mention.role != "load" or parent is None or parent.type != "attribute":
                continue
            name = parent.child_by_field_name("attribute")
            if name is not None and name.text and table.scope_of(mention.scopes) == scope:
                found.add(name.text)
        return frozenset(found - {self._family.name})

    def _used_alike(self, used: frozenset[bytes], classes: dict[ClassValue, None]) -> float:
        if not used or not classes:
            return 1.0
        graph = self._inference.classes
        best = max(
            sum(graph.member(one, name) is not None for name in used) for one in list(classes)[:20]
        )
        return 0.15 + 2.0 * best / len(used)


def is_test(path: Path) -> bool:
    """Whether a file is there to test others."""
    in_folder = bool({"tests", "test"} & set(path.parts))
    return in_folder or path.name.startswith(("test_", "conftest"))


def _imports(file: SourceFile) -> frozenset[str]:
    """Return the dotted names of the modules that a file imports absolutely."""
    known = _IMPORTS.get(file)
    if known is None:
        found: set[str] = set()
        for origin, listed in _IMPORT.findall(file.data):
            for one in (origin or listed.replace(b"\\", b" ")).split(b","):
                words = one.split()
                if words and not words[0].startswith(b"."):
                    found.add(words[0].decode("utf-8", "replace"))
        known = _IMPORTS[file] = frozenset(found)
    return known


_PLAIN_ATTRIBUTE = (0, True)  # read like a property that takes nothing


def _shape(function: FunctionValue) -> tuple[int, bool]:
    """Return how many arguments a caller must pass, and whether it is read like a property."""
    decorators = function.decorator_names()
    bound = b"staticmethod" not in decorators
    required = [
        one for one in function.parameters()
        if not one.kind.endswith(_OPTIONAL) and not one.text.startswith(b"*")
    ]  # fmt: skip
    return len(required) - bound, any(b"property" in one for one in decorators)


def shapes_of(inference: Inference, owner: ClassValue, name: bytes) -> set[tuple[int, bool]]:
    """Return in which ways a class lets `name` be used: (arguments that must be given, is read)."""
    return {
        _shape(FunctionValue(place(one.file, one.mention.chain[:-1])))
        if one.mention.role == "def"
        else _PLAIN_ATTRIBUTE
        for one in inference.classes.own(owner, name)
    }


def _last_word(name: str) -> str:
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)
    return words[-1] if words else name


def public_members(owner: ClassValue) -> set[bytes]:
    body = owner.definition.field("body")
    found: set[bytes] = set()
    for one in body.children() if body is not None else ():
        inner = one.field("definition") if one.kind == "decorated_definition" else one
        name = None if inner is None else inner.field("name")
        if name is not None and not name.text.startswith(b"_"):
            found.add(name.text)
    return found


def _accepts(function: FunctionValue, given: list[Place]) -> bool:
    parameters = function.parameters()
    names = [one.text.partition(b"=")[0].partition(b":")[0].strip() for one in parameters]
    if function.enclosing_class() is not None and b"staticmethod" not in function.decorator_names():
        names, parameters = names[1:], parameters[1:]
    stars = any(one.startswith(b"*") for one in names)
    keywords = {
        name.text for one in given if one.kind == "keyword_argument" and (name := one.field("name"))
    }
    if any(one.kind.endswith("splat") for one in given):
        return True
    if not keywords <= set(names) and not any(one.startswith(b"**") for one in names):
        return False
    plain = [one for one in names if not one.startswith(b"*")]
    required = sum(b"=" not in one.text and not one.text.startswith(b"*") for one in parameters)
    return required <= len(given) <= len(plain) or (stars and len(given) >= required)


def _sounds_like(receiver: Place, classes: dict[ClassValue, None]) -> bool:
    last = receiver.text.partition(b"(")[0].rpartition(b".")[2]
    word = last.decode("utf-8", "replace").replace("_", "").lower()
    if len(word) < 3:
        return False
    return any(one.name.lower().strip("_").endswith(word) for one in classes)
