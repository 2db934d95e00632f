"""Classes that play one part without a shared base: protocols, and what `hasattr` asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.refactoring.evidence import is_test, shapes_of
from server.refactoring.family import Family, definers, is_mangled
from server.refactoring.hooks import OUTSIDE_DUCKS
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.references import UNKNOWN
from server.refactoring.strings import string_mention
from server.refactoring.values import (
    ClassValue,
    InstanceValue,
    ModuleValue,
    Place,
    Value,
    place,
)

_MOST = 100
_ASKING = b"hasattr"
Partners = dict[ClassValue, tuple[Place, str]]  # the class, where that shows, and why


def protocol_partners(inference: Inference, family: Family) -> Partners:
    """Return the protocols that a class of the family fulfils, and who fulfils the family's."""
    if not family.is_member or is_mangled(family.name):
        return {}
    everyone = list(definers(inference, family.name))[:_MOST]
    asked = {one: _members(inference, one) for one in everyone if is_protocol(inference, one)}
    found: Partners = {}
    name = family.name.decode("utf-8", "replace")
    for protocol, members in asked.items():
        inside = protocol in family.classes
        for other in everyone:
            if other in asked or (other in family.classes) == inside:
                continue
            if not _fulfils(inference, other, protocol, members, family.name):
                continue
            partner = other if inside else protocol
            reason = f"{partner.name}.{name} stands in the same protocol, {protocol.name}"
            found.setdefault(partner, (protocol.definition, reason))
    return found


def outside_partners(inference: Inference, family: Family) -> Iterator[tuple[Place, str]]:
    """Yield where something outside the project is put where a protocol of the family is asked."""
    for protocol in family.classes:
        if not is_protocol(inference, protocol):
            continue
        for given in _given_as(inference, protocol):
            for value in inference.evaluate(given):
                if _is_outside(value) and inference.attribute(frozenset({value}), family.name):
                    yield given, given.text.decode("utf-8", "replace")


def asked_for(inference: Inference, family: Family) -> Partners:
    """Return the rivals that code means too which asks any object whether it has the name.

    They take as many arguments as the function of the family.
    """
    name = family.name.decode("utf-8", "replace")
    if not family.is_member or is_mangled(family.name) or name in OUTSIDE_DUCKS:
        return {}
    asked = list(_questions(inference, family))
    if not asked:
        return {}
    where, together = asked[0], _asked_together(asked)
    graph = inference.classes
    mine = {one for owner in family.classes for one in shapes_of(inference, owner, family.name)}
    return {
        other: (where, f"code asks any object for {name}, {other.name} too")
        for other in list(definers(inference, family.name))[:_MOST]
        if other not in family.classes
        and not is_test(other.definition.path)
        and shapes_of(inference, other, family.name) & mine
        and any(all(graph.member(other, one) for one in names) for names in together)
    }


def is_protocol(inference: Inference, of: ClassValue) -> bool:
    """Whether the class statement itself names `Protocol` as a base."""
    return any(
        base.text.partition(b"[")[0].rpartition(b".")[2].strip() == b"Protocol"
        for base in inference.classes.bases(of)
    )


def _members(inference: Inference, protocol: ClassValue) -> frozenset[bytes]:
    found: set[bytes] = set()
    for one in inference.classes.lineage(protocol).order:
        body = None if one.outside else one.definition.field("body")
        for statement in body.children() if body is not None else ():
            inner = statement.field("definition") or statement
            if inner.kind == "expression_statement":
                inner = next(inner.children(), inner)
            named = inner.field("name") or inner.field("left")
            if named is not None and named.kind == "identifier":
                found.add(named.text)
    return frozenset(one for one in found if not one.startswith(b"__"))


def _fulfils(
    inference: Inference,
    other: ClassValue,
    protocol: ClassValue,
    members: frozenset[bytes],
    name: bytes,
) -> bool:
    graph = inference.classes
    if any(graph.member(other, one) is None for one in members):
        return False
    return bool(shapes_of(inference, other, name) & shapes_of(inference, protocol, name))


def _given_as(inference: Inference, protocol: ClassValue) -> Iterator[Place]:
    """Yield what is assigned, or a parameter's default, where the protocol is the annotation."""
    word = protocol.name.encode()
    for file in inference.index.files_with(word):
        for mention in file.table(word).mentions if file.is_python else ():
            if mention.role not in {"load", "attribute", "string"}:
                continue
            around = place(file, mention.chain).nearest(
                "assignment", "typed_default_parameter", "block", "module"
            )
            annotation = None if around is None else around.field("type")
            if around is None or annotation is None:
                continue
            value = around.field("right") or around.field("value")
            if value is not None and annotation.start <= mention.start < annotation.end:
                yield value


def _is_outside(value: Value) -> bool:
    if isinstance(value, ModuleValue):
        return value.file is not None and value.file.outside
    if isinstance(value, InstanceValue):
        return value.of.outside
    return isinstance(value, ClassValue) and value.outside


def _asked_together(asked: list[Place]) -> list[set[bytes]]:
    """Return for each question the names that the same function asks the same object for."""
    found: list[set[bytes]] = []
    for literal in asked:
        call = literal.above(2)
        start = call.text.partition(b",")[0]
        around = literal.nearest("function_definition", "lambda", "module")
        text = b"" if around is None else around.text
        pattern = re.escape(start) + rb"\s*,\s*[\"'](\w+)[\"']"
        found.append(set(re.findall(pattern, text)))
    return found


def _questions(inference: Inference, family: Family) -> Iterator[Place]:
    for file in inference.index.files_with(family.name):
        if file.is_python and _ASKING in file.words and not is_test(file.path):
            yield from _questions_in(inference, family, file)


def _questions_in(inference: Inference, family: Family, file: SourceFile) -> Iterator[Place]:
    for mention in file.table(family.name).mentions:
        if mention.role != "string":
            continue
        found = string_mention(inference, family, file, mention, is_fixture=False)
        if found.kind == "name" and found.verdict == UNKNOWN and found.callee == _ASKING:
            yield found.literal
