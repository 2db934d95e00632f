"""Names that code computes: `getattr(self, "visit_" + kind)`, `globals()[name]`, name tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from server.refactoring.family import Family
from server.refactoring.hooks import Hook
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.plan import Finding
from server.refactoring.values import ClassValue, FunctionValue

_PREFIX = re.compile(
    rb"""["']((?:[A-Za-z_]\w*_)|(?:do|on|test|visit|handle))"""
    rb"""(?:%s["']|\{[^}"']*\}["']|["'][ \t]*[+%])"""
)
_SUFFIX = re.compile(rb"""["'](?:%s|\{[^}"']*\})(_\w+)["']""")
_FILTER = re.compile(rb"""startswith\(\s*["'](\w+_)["']""")
_BY_VARIABLE = re.compile(rb"(?:getattr|__getattribute__)\(\s*self\s*,\s*[A-Za-z_][\w.]*\s*[,)]")
_RECEIVER = re.compile(rb"getattr\(\s*([A-Za-z_]\w*)")
_LOOKUPS = {b"getattr", b"globals", b"__dict__", b"vars", b"dir", b"getmembers"}
_WINDOW = 300
_Computed = tuple[re.Pattern[bytes], bytes, int]  # how it is built, constant part, where
_KNOWN: WeakKeyDictionary[SourceFile, tuple[_Computed, ...]] = WeakKeyDictionary()


def computed_in_classes(
    inference: Inference, family: Family, function: FunctionValue, literals: int, uses: int
) -> Iterator[Hook]:
    """Yield where the family's own classes or their bases look up methods by computed names.

    `literals` counts the strings of the project that are exactly the name; where a class looks
    up names that it is given, such a string is how the name is given.
    """
    if family.outside:
        return
    seen: set[ClassValue] = set()
    reported = False
    for owner in family.classes:
        for ancestor in inference.classes.lineage(owner).order:
            if ancestor in seen:
                continue
            seen.add(ancestor)
            source = _source(inference, ancestor)
            if b"getattr" not in source:
                continue
            for pattern in (_PREFIX, _SUFFIX):
                parts = {one for one in pattern.findall(source) if _matches(pattern, function, one)}
                for part in sorted(parts):
                    text = part.decode("utf-8", "replace")
                    reason = f"{ancestor.name} calls methods by computed names like {text}"
                    yield Hook("confirm" if uses else "refuse", reason, function.definition)
            if literals and not reported and _BY_VARIABLE.search(source):
                reported = True
                reason = f"{ancestor.name} looks its methods up by strings, and one is this name"
                yield Hook("confirm" if uses else "refuse", reason, function.definition)


def computed_in_project(
    inference: Inference, family: Family, function: FunctionValue
) -> Iterator[Finding]:
    """Yield where other code of the project builds names that may be this function's.

    What a class looks up on `self` concerns its own family alone and is left out here.
    """
    for file in inference.index.files():
        if not file.is_python or not file.words & _LOOKUPS:
            continue
        for pattern, part, start in _computed_in(file):
            if not _matches(pattern, function, part):
                continue
            window = file.data[max(0, start - _WINDOW) : start + _WINDOW]
            if _reaches(file, window, family):
                text = part.decode("utf-8", "replace")
                reason = f"code looks names like {text} up and may mean this function"
                yield Finding("confirm", reason, file.path, file.line_of(start))
                break


def _computed_in(file: SourceFile) -> tuple[_Computed, ...]:
    known = _KNOWN.get(file)
    if known is None:
        known = tuple(
            (pattern, found.group(1), found.start())
            for pattern in (_PREFIX, _SUFFIX, _FILTER)
            for found in pattern.finditer(file.data)
        )
        _KNOWN[file] = known
    return known


def _reaches(file: SourceFile, window: bytes, family: Family) -> bool:
    receivers = set(_RECEIVER.findall(window)) - {b"self", b"cls"}
    if family.is_member:
        return bool(receivers) or b"__dict__" in window or b"dir(" in window
    if b"globals()" in window or b"vars(" in window:
        return True
    return any(_may_be_module(file, one) for one in receivers)


def _may_be_module(file: SourceFile, name: bytes) -> bool:
    """Whether a name is imported, or called like a module."""
    bindings = file.table(name).bindings.values()
    imported = any(one.role == "import" for found in bindings for one in found)
    return imported or not bindings or b"mod" in name


def _matches(pattern: re.Pattern[bytes], function: FunctionValue, part: bytes) -> bool:
    name = function.name
    if len(part) < 3 or name == part:
        return False
    return name.endswith(part) if pattern is _SUFFIX else name.startswith(part)


def _source(inference: Inference, of: ClassValue) -> bytes:
    """Return the text of a class; for one that is known by a stub, that of its source."""
    if not of.outside or of.definition.path.suffix != ".pyi":
        return of.definition.text
    path = of.definition.path
    stem = path.parent.name if path.stem == "__init__" else path.stem
    for dotted in (f"{path.parent.name}.{stem}", stem):
        module = inference.lookup.source_module(dotted)
        if module is not None and module.file is not None:
            name = re.escape(of.name.encode())
            pattern = rb"^class[ \t]+" + name + rb"\b.*?(?=^\S|\Z)"
            found = re.search(pattern, module.file.data, re.MULTILINE | re.DOTALL)
            if found:
                return found.group(0)
    return b""
