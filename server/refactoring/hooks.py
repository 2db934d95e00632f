"""Names by which somebody outside the project calls a function: bases, pytest, duck typing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from server.refactoring.family import Family
from server.refactoring.plan import Severity
from server.refactoring.values import FunctionValue, Place

_PYTEST_HOOKS = re.compile(
    rb"pytest_\w+|(setup|teardown)_(module|function|class|method)|setup|teardown"
)
OUTSIDE_DUCKS = {
    "read", "readline", "readlines", "write", "writelines", "flush", "close", "seek", "tell",
    "fileno", "isatty", "readable", "writable", "seekable", "keys", "next", "send", "throw",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hook:
    """A reason why the present name is needed by a caller that no edit can reach."""

    severity: Severity
    reason: str
    place: Place


def hooks(family: Family, function: FunctionValue, new_name: str, uses: int) -> Iterator[Hook]:
    """Yield what binds the function to its present name; `uses` counts its plain references."""
    name = function.name.decode("utf-8", "replace")
    at = function.definition
    for outside, where in family.outside.items():
        reason = f"{name} overrides {outside.name}.{name}, which is outside the project"
        yield Hook("refuse", reason, where)
    if family.is_member and not uses and family.unknown_bases:
        base = next(iter(family.unknown_bases))
        text = base.text.decode("utf-8", "replace")
        reason = f"nothing here uses {name}: its base {text}, which is not installed, may call it"
        yield Hook("confirm", reason, base)
    yield from _pytest(family, function, new_name)
    if family.is_member and name in OUTSIDE_DUCKS and not uses:
        yield Hook("confirm", f"code outside the project may call {name} on any such object", at)


def _pytest(family: Family, function: FunctionValue, new_name: str) -> Iterator[Hook]:
    name = function.name
    path = function.definition.path
    is_test_file = path.name.startswith("test_") or path.stem.endswith("_test")
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
