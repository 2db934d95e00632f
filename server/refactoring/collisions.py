"""Where the new name is taken already: in a scope, a class or its relatives, or by shadowing."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.refactoring.family import Family
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.syntax import MODULE, Mention, Scope
from server.refactoring.values import ClassValue

_LOOKED_UP = {"load", "store", "def", "class", "import", "parameter", "global", "nonlocal"}


@dataclass(frozen=True, slots=True)
class Collision:
    """The new name means something at this line already."""

    reason: str
    path: Path
    line: int


def collisions(
    inference: Inference,
    family: Family,
    new: bytes,
    renamed: dict[Path, list[Mention]],
) -> Iterator[Collision]:
    """Yield every reason why the family cannot take `new`; `renamed` are its mentions by file."""
    yield from _in_classes(inference, family, new)
    for path, mentions in renamed.items():
        file = inference.index.get(path)
        if file is not None:
            yield from _in_scopes(family, file, new, mentions)
    for path in family.modules:
        file = inference.index.get(path)
        if file is not None:
            yield from _in_module(inference, family, file, new)


def _in_module(
    inference: Inference, family: Family, file: SourceFile, new: bytes
) -> Iterator[Collision]:
    name = new.decode()
    table = file.table(new)
    bound = table.bindings.get(MODULE, ())
    if bound:
        yield _collision(file, bound[0], f"{name} already has a meaning in {file.path.name}")
        return
    if hasattr(builtins, name):
        for mention in table.mentions:
            if mention.role == "load" and table.scope_of(mention.scopes) == MODULE:
                yield _collision(file, mention, f"{name} is a builtin that this file uses")
                return
    if file.path.stem == "__init__" and (file.path.parent / f"{name}.py").is_file():
        yield Collision(f"the package has a submodule called {name}", file.path, 1)
    for star in inference.lookup.star_imports(file):
        if star.file is not None and star.file.path not in family.modules:
            found = star.file.table(new).bindings.get(MODULE, ())
            if found and not name.startswith("_"):
                path = star.file.path
                origin = path.parent.name if path.stem == "__init__" else path.stem
                reason = f"{name} also comes from `import *` of {origin}"
                yield Collision(reason, file.path, 1)


def _in_scopes(
    family: Family, file: SourceFile, new: bytes, mentions: list[Mention]
) -> Iterator[Collision]:
    """Yield captures: a scope between a use and its definition that binds the new name."""
    if new not in file.words:
        return
    name = new.decode()
    table = file.table(new)
    homes = {scope for path, scope in family.scopes if path == file.path}
    reported: set[Scope] = set()
    for mention in mentions:
        if mention.role not in _LOOKED_UP:
            continue
        target = file.table(family.name).scope_of(mention.scopes)
        scope = table.scope_of(mention.scopes)
        bound = table.bindings.get(scope, ())
        inner = (
            scope in mention.scopes
            and target in mention.scopes
            and (mention.scopes.index(scope) >= mention.scopes.index(target))
        )
        if bound and inner and scope not in reported:
            reported.add(scope)
            reason = f"{name} is already used where {family.name.decode()} is needed"
            yield _collision(file, bound[0], reason)
    for mention in table.mentions:
        if mention.role not in {"load", "store"} or mention.binds:
            continue
        captured = next(
            (one for one in reversed(mention.scopes) if one in homes and one != MODULE), None
        )
        if captured is None or captured in reported:
            continue
        if captured.kind == "class" and mention.scopes[-1] != captured:
            continue
        present = table.scope_of(mention.scopes)
        outer = present not in mention.scopes or (
            mention.scopes.index(present) <= mention.scopes.index(captured)
        )
        if outer:
            reported.add(captured)
            yield _collision(file, mention, f"{name} means something else here")


def _in_classes(inference: Inference, family: Family, new: bytes) -> Iterator[Collision]:
    graph = inference.classes
    seen: set[ClassValue] = set()
    for owner in family.classes:
        for relative in (owner, *graph.descendants(owner)):
            for one in graph.lineage(relative).order:
                if one in seen:
                    continue
                seen.add(one)
                found = graph.own(one, new)
                if found:
                    line = found[0].file.line_of(found[0].start)
                    where = found[0].path if not one.outside else owner.definition.path
                    if one.outside:
                        line = owner.definition.file.line_of(owner.definition.start)
                    yield Collision(f"{one.name} already has a member {new.decode()}", where, line)


def _collision(file: SourceFile, mention: Mention, reason: str) -> Collision:
    return Collision(reason, file.path, file.line_of(mention.start))
