"""The rename family: everything that must change its name together with one function.

For a method: overrides and bases in the project, stubs, class attributes that implement it. For a
module's function: its re-exports, star imports and conditional twins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.syntax import MODULE, Mention, Scope
from server.refactoring.values import (
    Binding,
    ClassValue,
    ModuleValue,
    Place,
    binding,
    place,
)


@dataclass(slots=True)
class Family:
    """What is renamed together: name scopes by file, and for a method the classes that define it.

    `outside` are definitions beyond the project that the family overrides; `unknown_bases` are
    base expressions of its classes that nothing could be read of.
    """

    name: bytes
    scopes: set[tuple[Path, Scope]] = field(default_factory=set[tuple[Path, Scope]])
    classes: dict[ClassValue, None] = field(default_factory=dict[ClassValue, None])
    modules: set[Path] = field(default_factory=set[Path])
    outside: dict[ClassValue, Place] = field(default_factory=dict[ClassValue, Place])
    unknown_bases: dict[Place, None] = field(default_factory=dict[Place, None])

    @property
    def is_member(self) -> bool:
        """Whether the family belongs to classes."""
        return bool(self.classes)

    @property
    def is_local(self) -> bool:
        """Whether the family lives inside one function body."""
        return not self.classes and not self.modules


def class_at(file: SourceFile, mention: Mention) -> ClassValue | None:
    """Return the class whose body holds the mention most closely."""
    around = place(file, mention.chain).nearest("class_definition")
    return None if around is None else ClassValue(around)


def definers(inference: Inference, name: bytes) -> dict[ClassValue, None]:
    """Return every project class that defines `name` in its body or on `self`."""
    if name not in inference.definers:
        inference.definers[name] = _find_definers(inference, name)
    return inference.definers[name]


def _find_definers(inference: Inference, name: bytes) -> dict[ClassValue, None]:
    found: dict[ClassValue, None] = {}
    for file in inference.index.files_with(name):
        if not file.is_python:
            continue
        table = file.table(name)
        for scope, mentions in table.bindings.items():
            if scope.kind == "class":
                for mention in mentions:
                    owner = class_at(file, mention)
                    if owner is not None and owner.scope == scope:
                        found[owner] = None
        for mention in inference.classes.stores(file, name):
            for owner in _classes_around(file, mention):
                if owner not in found and inference.classes.own(owner, name):
                    found[owner] = None
    return found


def _classes_around(file: SourceFile, mention: Mention) -> list[ClassValue]:
    at = place(file, mention.chain)
    around = at.nearest("class_definition")
    return [] if around is None else [ClassValue(around)]


def family_of(inference: Inference, file: SourceFile, mention: Mention) -> Family:
    """Return the family of the function whose name in its def is `mention`."""
    name = file.data[mention.start : mention.end]
    table = file.table(name)
    scope = next(
        (one for one, found in table.bindings.items() if mention in found), mention.scopes[-1]
    )
    family = Family(name)
    if scope.kind == "class":
        owner = class_at(file, mention)
        if owner is not None:
            extend_classes(inference, family, owner)
            return family
    if scope == MODULE:
        extend_modules(inference, family, file)
        return family
    family.scopes.add((file.path, scope))
    return family


def extend_classes(inference: Inference, family: Family, start: ClassValue) -> list[ClassValue]:
    """Add to the family every class that shares a line of inheritance through `start`."""
    name, graph = family.name, inference.classes
    waiting = [start]
    added: list[ClassValue] = []
    while waiting:
        owner = waiting.pop()
        if owner in family.classes:
            continue
        family.classes[owner] = None
        family.scopes.add((owner.definition.path, owner.scope))
        added.append(owner)
        if is_mangled(name):
            continue
        waiting += _twin_classes(inference, owner, name)
        for related in (owner, *graph.descendants(owner)):
            lineage = graph.lineage(related)
            family.unknown_bases.update(dict.fromkeys(lineage.unknown))
            for ancestor in lineage.order:
                if not graph.own(ancestor, name):
                    continue
                if ancestor.outside:
                    family.outside.setdefault(ancestor, owner.definition)
                else:
                    waiting.append(ancestor)
    return added


def is_mangled(name: bytes) -> bool:
    """Whether Python makes the name private to its class (`__name`)."""
    return name.startswith(b"__") and not name.endswith(b"__")


def twin_path(path: Path) -> Path:
    """Return where the stub of a source lies, or the source of a stub."""
    return path.with_suffix(".py" if path.suffix == ".pyi" else ".pyi")


def _twin_classes(inference: Inference, owner: ClassValue, name: bytes) -> list[ClassValue]:
    twin = inference.index.get(twin_path(owner.definition.path))
    if twin is None:
        return []
    found = twin.table(owner.name.encode()).mentions
    classes = [ClassValue(place(twin, one.chain[:-1])) for one in found if one.role == "class"]
    return [one for one in classes if inference.classes.own(one, name)]


def extend_modules(inference: Inference, family: Family, start: SourceFile) -> None:
    """Add to the family every module scope that the name reaches by imports."""
    family.modules.add(start.path)
    holding = [one for one in inference.index.files_with(family.name) if one.is_python]
    imports = [
        (binding(file, mention), scope)
        for file in holding
        for scope, found in file.table(family.name).bindings.items()
        for mention in found
        if mention.role == "import"
    ]
    stars = [
        (file, {one.file.path for one in inference.lookup.star_imports(file) if one.file})
        for file in inference.index.files()
        if file.is_python and file.has_star_import
    ]
    if family.name.startswith(b"_"):
        stars.clear()
    grown = True
    while grown:
        before = len(family.modules) + len(family.scopes)
        for path in list(family.modules):
            family.scopes.add((path, MODULE))
            if inference.index.get(twin_path(path)) is not None:
                family.modules.add(twin_path(path))
        for one, scope in imports:
            _follow_import(inference, family, one, scope)
        for file, origins in stars:
            if origins & family.modules:
                family.modules.add(file.path)
        grown = len(family.modules) + len(family.scopes) > before


def _follow_import(inference: Inference, family: Family, one: Binding, scope: Scope) -> None:
    origin = import_origin(inference, one, family.name)
    if origin is None:
        return
    if origin in family.modules:
        family.scopes.add((one.path, scope))
        if scope == MODULE:
            family.modules.add(one.path)
    elif (
        scope == MODULE
        and one.path in family.modules
        and not _is_submodule(inference, origin, family.name)
    ):
        # The module of the function imports a twin of it: `try: from fast import f`.
        family.modules.add(origin)


def _is_submodule(inference: Inference, path: Path, name: bytes) -> bool:
    file = inference.index.get(path)
    return file is not None and not file.table(name).bindings.get(MODULE)


def import_origin(inference: Inference, one: Binding, name: bytes) -> Path | None:
    """Return the project module from which a binding imports `name` itself, unaliased."""
    target = inference.lookup.imported(one)
    if target is None or target[1] != name or not isinstance(target[0], ModuleValue):
        return None
    file = target[0].file
    return None if file is None or file.outside else file.path
