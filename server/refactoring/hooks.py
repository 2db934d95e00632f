"""Names that somebody outside the project, or a computed name inside it, calls a function by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from server.refactoring.family import Family
from server.refactoring.inference import Inference
from server.refactoring.plan import Severity
from server.refactoring.values import ClassValue, FunctionValue, Place

_COMPUTED = re.compile(
    rb"""["']((?:[A-Za-z_]\w*_)|(?:do|on|test|visit|handle))"""
    rb"""(?:%s["']|\{[^}"']*\}["']|["'][ \t]*[+%])"""
)
_COMPUTED_END = re.compile(rb"""["'](?:%s|\{[^}"']*\})(_\w+)["']""")
_STRIPPED = re.compile(rb"""startswith\(\s*["'](\w+_)["']""")
_PYTEST_HOOKS = re.compile(
    rb"pytest_\w+|(setup|teardown)_(module|function|class|method)|setup|teardown"
)
_OUTSIDE_DUCKS = {
    "read", "readline", "readlines", "write", "writelines", "flush", "close", "seek", "tell",
    "fileno", "isatty", "readable", "writable", "seekable", "keys", "next", "send", "throw",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hook:
    """A reason why the present name is needed by a caller that no edit can reach."""

    severity: Severity
    reason: str
    place: Place


def hooks(
    inference: Inference, family: Family, function: FunctionValue, new_name: str, uses: int
) -> Iterator[Hook]:
    """Yield what binds the function to its present name; `uses` counts its plain references."""
    name = function.name.decode("utf-8", "replace")
    at = function.definition
    for outside, where in family.outside.items():
        reason = f"{name} overrides {outside.name}.{name}, which is outside the project"
        yield Hook("refuse", reason, where)
    if not family.outside:
        yield from _computed_outside(inference, family, function)
    if family.is_member and not uses and family.unknown_bases:
        base = next(iter(family.unknown_bases))
        text = base.text.decode("utf-8", "replace")
        reason = f"nothing here uses {name}: its base {text}, which is not installed, may call it"
        yield Hook("confirm", reason, base)
    yield from _pytest(family, function, new_name)
    if family.is_member and name in _OUTSIDE_DUCKS and not _has_project_caller(uses):
        yield Hook("confirm", f"code outside the project may call {name} on any such object", at)


def _has_project_caller(uses: int) -> bool:
    return uses > 0


def _pytest(family: Family, function: FunctionValue, new_name: str) -> Iterator[Hook]:
    name = function.name
    path = function.definition.path
    is_test_file = path.name.startswith("test") or path.stem.endswith("test")
    is_test_file = is_test_file or path.name == "conftest.py"
    if not is_test_file:
        if _PYTEST_HOOKS.fullmatch(name) and name.startswith(b"pytest_"):
            yield Hook("refuse", "pytest calls this hook by its name", function.definition)
        return
    if _PYTEST_HOOKS.fullmatch(name) and not family.is_local:
        yield Hook("refuse", "pytest calls this hook by its name", function.definition)
    elif name.startswith(b"test") and not new_name.startswith("test") and not family.is_local:
        reason = f"pytest collects tests by the prefix 'test', which {new_name} lacks"
        yield Hook("confirm", reason, function.definition)


def _computed_outside(
    inference: Inference, family: Family, function: FunctionValue
) -> Iterator[Hook]:
    """Yield the prefixes by which a base's own source computes the names that it calls."""
    name = function.name
    seen: set[bytes] = set()
    for owner in family.classes:
        for ancestor in inference.classes.lineage(owner).order:
            for prefix in _prefixes(inference, ancestor):
                if prefix not in seen and _matches(name, prefix):
                    seen.add(prefix)
                    text = prefix.decode("utf-8", "replace")
                    reason = f"{ancestor.name} calls methods by computed names like {text}…"
                    yield Hook("refuse", reason, function.definition)


def _matches(name: bytes, part: bytes) -> bool:
    if part.startswith(b"_"):
        return name.endswith(part) and name != part
    return name.startswith(part) and name != part


def _prefixes(inference: Inference, ancestor: ClassValue) -> list[bytes]:
    definition = ancestor.definition
    data = definition.text
    if ancestor.outside and definition.path.suffix == ".pyi":
        data = _source_of(inference, ancestor)
    if b"getattr" not in data:
        return []
    return [one for one in computed_parts(data) if len(one) > 2]


def computed_parts(data: bytes) -> list[bytes]:
    """Return the constant parts of names that code builds: prefixes, and suffixes like `_x`."""
    found = list(_COMPUTED.findall(data))
    return found + _COMPUTED_END.findall(data)


def _source_of(inference: Inference, ancestor: ClassValue) -> bytes:
    path = ancestor.definition.path
    stem = path.parent.name if path.stem == "__init__" else path.stem
    dotted = stem if path.parent.name in {"stdlib", "3"} else f"{path.parent.name}.{stem}"
    if path.stem == "__init__":
        dotted = stem
    for candidate in (dotted, stem):
        module = inference.lookup.source_module(candidate)
        if module is not None and module.file is not None:
            pattern = rb"^class[ \t]+" + re.escape(ancestor.name.encode()) + rb"\b.*?(?=^\S|\Z)"
            found = re.search(pattern, module.file.data, re.MULTILINE | re.DOTALL)
            if found:
                return found.group(0)
    return b""


def computed_in_project(
    inference: Inference, function: FunctionValue
) -> Iterator[tuple[str, Place | None, str, int]]:
    """Yield (part, None, file, line) where project code builds names that match this one.

    Only lines near a `getattr`, `globals()` or `__dict__` count as building attribute names.
    """
    name = function.name
    for file in inference.index.files():
        if not file.is_python or not file.words & _DYNAMIC:
            continue
        for pattern in (_COMPUTED, _COMPUTED_END, _STRIPPED):
            for found in pattern.finditer(file.data):
                part = found.group(1)
                if (
                    len(part) > 2
                    and _matches(name, part)
                    and _near_dynamic(file.data, found.start())
                ):
                    text = part.decode("utf-8", "replace")
                    yield text, None, str(file.path), file.line_of(found.start())
                    break


_DYNAMIC = {b"getattr", b"globals", b"__dict__", b"hasattr", b"vars", b"dir", b"getmembers"}


def _near_dynamic(data: bytes, at: int) -> bool:
    window = data[max(0, at - 300) : at + 300]
    return any(word in window for word in _DYNAMIC)
