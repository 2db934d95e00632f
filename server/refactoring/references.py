"""Decides for every mention of the old name whether it means the function that is renamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from server.refactoring.family import Family, import_origin
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.lookup import dotted_name
from server.refactoring.syntax import Mention
from server.refactoring.targets import RAISED
from server.refactoring.values import (
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
    place,
)

Kind = Literal["ours", "other", "foreign", "unknown", "mixed"]
_NAME_ROLES = {"def", "class", "store", "load", "parameter", "import", "global", "nonlocal"}
# Outside classes that take any attribute and never stand in for an object of the project.
_HOLDERS = {"local", "_local", "Namespace"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a mention means; `rivals` are project classes outside the family it may mean too."""

    kind: Kind
    rivals: tuple[ClassValue, ...] = ()
    keep_import: bool = False  # `from elsewhere import name`: becomes `name as new`
    outside: str = ""  # who else, outside the project, has the name in the same place


OURS = Verdict("ours")
OTHER = Verdict("other")
UNKNOWN = Verdict("unknown")
FOREIGN = Verdict("foreign")  # a type of the environment that has no such attribute


def name_verdict(
    inference: Inference, family: Family, file: SourceFile, mention: Mention
) -> Verdict:
    """Judge a plain name or a name in an import statement by its scope."""
    if mention.role == "imported":
        return OURS if _imports_family(inference, family, file, mention) else OTHER
    if mention.role not in _NAME_ROLES:
        return OTHER
    table = file.table(family.name)
    scope = table.scope_of(mention.scopes, mention.chain)
    if mention.binds:
        scope = next((one for one, found in table.bindings.items() if mention in found), scope)
    if (file.path, scope) not in family.scopes:
        return OTHER
    if mention.role == "import" and mention.chain[-2].type != "aliased_import":
        origin = import_origin(inference, binding(file, mention), family.name)
        if origin is None or origin not in family.modules:
            return Verdict("ours", keep_import=True)
    return OURS


def _imports_family(
    inference: Inference, family: Family, file: SourceFile, mention: Mention
) -> bool:
    statement = next(
        (n for n in reversed(mention.chain) if n.type == "import_from_statement"), None
    )
    origin = None if statement is None else statement.child_by_field_name("module_name")
    if origin is None or origin.text is None:
        return False
    module = inference.lookup.module(dotted_name(origin.text), file)
    return module is not None and module.file is not None and module.file.path in family.modules


def receiver_of(file: SourceFile, mention: Mention) -> Place | None:
    """Return the expression before the dot of an attribute mention."""
    at = place(file, mention.chain[:-1])
    receiver = at.field("object")
    if receiver is not None:
        return receiver
    before = [one for one in at.children() if one.end <= mention.start]
    return before[-1] if before else None


def receiver_verdict(inference: Inference, family: Family, values: Values) -> Verdict:
    """Judge `receiver.name` by what the receiver may stand for."""
    ours = unknown = other = foreign = False
    outside = ""
    rivals: dict[ClassValue, None] = {}
    if any(not isinstance(value, FunctionValue) for value in values):
        # A wrapped function is known as both; what is read off it belongs to the wrapper.
        values = frozenset(one for one in values if not isinstance(one, FunctionValue))
    for value in values:
        match _judge(inference, family, value, rivals):
            case "ours":
                ours = True
            case "other":
                other = True
                outside = outside or _outside_owner(inference, value, family.name)
            case "foreign":
                foreign = True
            case _:
                unknown = True
    if ours:
        return Verdict("mixed", tuple(rivals), outside=outside) if rivals or other else OURS
    if rivals or other:
        return Verdict("other", tuple(rivals))
    if unknown or not values:
        return UNKNOWN
    return FOREIGN if foreign else OTHER


def _outside_owner(inference: Inference, value: Value, name: bytes) -> str:
    """Return what to call a value of the environment that has such an attribute, or nothing."""
    if isinstance(value, ModuleValue):
        if value.file is None or not value.file.outside:
            return ""
        return value.dotted if inference.lookup.members(value.file, name) else ""
    if isinstance(value, ClassValue | InstanceValue):
        owner = value if isinstance(value, ClassValue) else value.of
        found = inference.classes.member(owner, name)
        return found[0].name if found is not None and found[0].outside else ""
    return ""


def _judge(
    inference: Inference, family: Family, value: Value, rivals: dict[ClassValue, None]
) -> Kind:
    if isinstance(value, ModuleValue):
        if value.file is not None and value.file.path in family.modules:
            return "ours"
        return "unknown" if _is_dynamic(inference, family, value) else "other"
    if isinstance(value, OutsideValue | FunctionValue) or not family.is_member:
        return "other"
    if isinstance(value, InstanceValue) and value.items and value.of.name == RAISED:
        return "other"  # pytest's or unittest's record of an expected error
    owner = value if isinstance(value, ClassValue) else value.of
    return _judge_class(inference, family, owner, isinstance(value, SuperValue), rivals)


def _is_dynamic(inference: Inference, family: Family, module: ModuleValue) -> bool:
    """Whether a module of the project has a name that nothing in its text gives it."""
    if family.is_member or module.file is None or module.file.outside:
        return False
    if inference.module_member(module, family.name):
        return False
    return not inference.lookup.members(module.file, family.name)


def _judge_class(
    inference: Inference,
    family: Family,
    owner: ClassValue,
    is_super: bool,
    rivals: dict[ClassValue, None],
) -> Kind:
    graph, name = inference.classes, family.name
    lineage = graph.lineage(owner)
    defining = [one for one in lineage.order[1 if is_super else 0 :] if graph.own(one, name)]
    if not defining and not owner.outside:
        # `self` in a mixin, or a variable typed by the base: the member is further down.
        below = graph.descendants(owner)
        for one in below:
            defining += [up for up in graph.lineage(one).order if graph.own(up, name)]
    if not defining:
        metaclass = graph.metaclass(owner)
        for one in inference.evaluate(metaclass) if metaclass is not None else ():
            if isinstance(one, ClassValue):
                defining += [up for up in graph.lineage(one).order if graph.own(up, name)]
    if any(one in family.classes for one in defining):
        return "ours"
    project = [one for one in defining if not one.outside]
    rivals.update(dict.fromkeys(project))
    if defining or (owner.outside and owner.name in _HOLDERS):
        return "other"
    return "foreign" if owner.outside and not lineage.unknown else "unknown"


def attribute_mentions(inference: Inference, name: bytes) -> Iterator[tuple[SourceFile, Mention]]:
    """Yield every `something.name` of the project's Python files."""
    for file in inference.index.files_with(name):
        if file.is_python:
            for mention in file.table(name).mentions:
                if mention.role == "attribute":
                    yield file, mention


def instance_classes(values: Values) -> set[ClassValue]:
    """Return the classes of the instances among the values."""
    return {one.of for one in values if isinstance(one, InstanceValue)}
