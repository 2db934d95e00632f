"""pytest fixtures are used by the names of parameters: these belong to the fixture's family."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from server.refactoring.index import SourceFile
from server.refactoring.syntax import Mention
from server.refactoring.values import FunctionValue, place

if TYPE_CHECKING:
    from server.refactoring.family import Family
    from server.refactoring.inference import Inference


def is_fixture(function: FunctionValue) -> bool:
    """Whether pytest injects the function by its own name."""
    for decorator in function.decorators():
        word, _, rest = decorator.text.partition(b"(")
        if word.rpartition(b".")[2] in {b"fixture", b"yield_fixture"}:
            return b"name=" not in rest.replace(b" ", b"")
    return False


def extend_fixture(inference: Inference, family: Family, function: FunctionValue) -> None:
    """Add to the family the parameters that receive the fixture, and fixtures that override it."""
    home = function.definition.path
    for file in inference.index.files_with(family.name):
        if not file.is_python or not _sees(home, file.path):
            continue
        for mention in file.table(family.name).mentions:
            if mention.role == "parameter" and _receives(file, mention):
                family.scopes.add((file.path, mention.scopes[-1]))
            elif mention.role == "def":
                other = FunctionValue(place(file, mention.chain[:-1]))
                if is_fixture(other):
                    family.scopes.add((file.path, mention.scopes[-1]))
                    if mention.scopes[-1].kind == "module":
                        family.modules.add(file.path)


def _sees(home: Path, path: Path) -> bool:
    if home.name == "conftest.py":
        return path.is_relative_to(home.parent)
    is_test = home.name.startswith("test") or home.stem.endswith("_test")
    return path == home if is_test else True


def _receives(file: SourceFile, mention: Mention) -> bool:
    around = place(file, mention.chain).nearest("function_definition", "lambda")
    if around is None or around.kind == "lambda":
        return False
    function = FunctionValue(around)
    if not (function.name.startswith(b"test") or is_fixture(function)):
        named = any(b"fixture" in one for one in function.decorator_names())
        if not named and not function.name.startswith((b"setup", b"teardown")):
            return False
    name = file.data[mention.start : mention.end]
    return not any(
        b"parametrize" in one.text and name in one.text and b"indirect" not in one.text
        for one in function.decorators()
    )
