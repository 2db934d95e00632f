"""A deprecated alias left behind by a rename, so that code which others wrote keeps working.

The alias stands below the definition, warns its caller, and hands everything on to the new name.
A family of overrides gets one alias, in the topmost class of the project that defines it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from tree_sitter import Node

from server.refactoring.family import Family, is_mangled
from server.refactoring.fixtures import is_fixture
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.ledger import Ledger
from server.refactoring.plan import RenameError, TextEdit
from server.refactoring.syntax import MODULE, Mention, Scope
from server.refactoring.values import ClassValue, FunctionValue, parameter_name, place

_PROPERTIES = {b"property", b"cached_property"}
_INDENT = "    "


class _Definitions(NamedTuple):
    """The functions of one scope that carry the name, in source order."""

    file: SourceFile
    scope: Scope
    owner: str  # the dotted name of the class; empty in a module
    functions: list[FunctionValue]


def add_alias(inference: Inference, family: Family, ledger: Ledger) -> None:
    """Enter the edits that leave an alias of the old name; raises RenameError when none can be."""
    if family.is_local:
        raise RenameError("a function inside another one is reached by nobody else: no alias")
    if is_mangled(family.name):
        raise RenameError("a private name of a class is reached by nobody else: no alias")
    found = list(_definitions(inference, family))
    if not found:
        raise RenameError("there is no definition that an alias could stand beside")
    if any(is_fixture(one) for each in found for one in each.functions):
        raise RenameError("pytest finds a fixture by its name: an alias cannot stand for it")
    for each in found:
        _insert(each, family.name.decode(), ledger)
    _export(inference, family, ledger)


def _definitions(inference: Inference, family: Family) -> Iterator[_Definitions]:
    if family.is_member:
        for owner in family.classes:
            above = inference.classes.lineage(owner).order[1:]
            if owner.definition.path.suffix != ".pyi" and not set(above) & family.classes.keys():
                functions = _functions(owner.definition.file, family.name, owner.scope)
                if functions:
                    file = owner.definition.file
                    yield _Definitions(file, owner.scope, _dotted(owner), functions)
        return
    for path in sorted(family.modules):
        file = inference.index.get(path)
        if file is not None and file.is_python and path.suffix != ".pyi":
            functions = _functions(file, family.name, MODULE)
            if functions:
                yield _Definitions(file, MODULE, "", functions)


def _functions(file: SourceFile, name: bytes, scope: Scope) -> list[FunctionValue]:
    bound = file.table(name).bindings.get(scope, ())
    return [
        FunctionValue(place(file, one.chain[:-1]))
        for one in sorted(bound, key=lambda one: one.start)
        if one.role == "def"
    ]


def _dotted(owner: ClassValue) -> str:
    """The name by which code inside the class reaches it: with the classes around it."""
    names = [owner.name]
    for node in reversed(owner.definition.chain[:-1]):
        if node.type == "function_definition":
            break
        name = node.child_by_field_name("name") if node.type == "class_definition" else None
        if name is not None and name.text:
            names.append(name.text.decode("utf-8", "replace"))
    return ".".join(reversed(names))


def _insert(found: _Definitions, old: str, ledger: Ledger) -> None:
    file = found.file
    statement = _statement(found)
    newline = "\r\n" if b"\r\n" in file.data else "\n"
    start = file.data.rfind(b"\n", 0, statement.start_byte) + 1
    indent = file.data[start : statement.start_byte].decode("utf-8", "replace")
    indent = indent if not indent.strip() else ""
    imported = _imports_warnings(file)
    lines = _lines(found, old, ledger.new_name, local_import=imported == "shadowed")
    at = file.data.find(b"\n", statement.end_byte)  # a comment may follow on the same line
    at = len(file.data) if at < 0 else at
    at -= file.data[:at].endswith(b"\r")
    blank = [""] if found.owner else ["", ""]
    text = newline.join(["", *blank, *(indent + one if one else "" for one in lines)])
    edits = ledger.edits.setdefault(file.path, {})
    edits[at] = TextEdit(at, at, text, certain=True)
    if imported == "missing":
        place_of_import, text = _import_edit(file, newline)
        edits[place_of_import] = TextEdit(place_of_import, place_of_import, text, certain=True)


def _statement(found: _Definitions) -> Node:
    """The last statement of the body that holds a definition: an `if` around twins as a whole."""
    chain = found.functions[-1].definition.chain
    depth = 0
    if found.owner:
        depth = next(
            index for index, node in enumerate(chain)
            if node.type == "class_definition" and node.start_byte == found.scope.start
        ) + 1  # fmt: skip
    return chain[depth + 1]


def _lines(found: _Definitions, old: str, new: str, *, local_import: bool) -> list[str]:
    last = found.functions[-1]
    decorators = {one for function in found.functions for one in function.decorator_names()}
    warn = [
        f'{_INDENT}"""Deprecated: the name is now `{new}`."""',
        *([f"{_INDENT}import warnings", ""] if local_import else []),
        f'{_INDENT}warnings.warn("{old} is deprecated; use {new}", '
        "DeprecationWarning, stacklevel=2)",
    ]
    if not found.owner:
        return _callable("", "", new, old, warn, last)
    names = [parameter_name(one) for one in last.parameters()]
    me = names[0].decode() if names else "self"
    if b"staticmethod" in decorators:
        return ["@staticmethod", *_callable("", f"{found.owner}.", new, old, warn, last)]
    if b"classmethod" in decorators:
        return ["@classmethod", *_callable(me, f"{me}.", new, old, warn, last)]
    if decorators & _PROPERTIES:
        return _property(me, old, new, warn, decorators)
    return _callable(me, f"{me}.", new, old, warn, last)


def _callable(
    me: str, owner: str, new: str, old: str, warn: list[str], function: FunctionValue
) -> list[str]:
    parameters = f"{me}, *args, **kwargs" if me else "*args, **kwargs"
    call = f"{owner}{new}(*args, **kwargs)"
    if _is_coroutine(function):
        return [f"async def {old}({parameters}):", *warn, f"{_INDENT}return await {call}"]
    return [f"def {old}({parameters}):", *warn, f"{_INDENT}return {call}"]


def _property(me: str, old: str, new: str, warn: list[str], decorators: set[bytes]) -> list[str]:
    lines = ["@property", f"def {old}({me}):", *warn, f"{_INDENT}return {me}.{new}"]
    if b"setter" in decorators or b"cached_property" in decorators:
        body = f"{_INDENT}{me}.{new} = value"
        lines += ["", f"@{old}.setter", f"def {old}({me}, value):", *warn, body]
    if b"deleter" in decorators:
        lines += ["", f"@{old}.deleter", f"def {old}({me}):", *warn, f"{_INDENT}del {me}.{new}"]
    return lines


def _is_coroutine(function: FunctionValue) -> bool:
    """Whether a call gives something to await; an async generator or context is handed on."""
    node = function.definition.node
    if not node.children or node.children[0].type != "async":
        return False
    if function.decorator_names() - {b"staticmethod", b"classmethod", b"abstractmethod"}:
        return False  # what a decorator makes of it is not known: hand on what it returns
    waiting = [one for one in node.children if one.type == "block"]
    while waiting:
        one = waiting.pop()
        if one.type == "yield":
            return False
        if one.type not in {"function_definition", "class_definition", "lambda"}:
            waiting += one.children
    return True


def _imports_warnings(file: SourceFile) -> str:
    """Whether the module `warnings` is "there", "missing", or its name is "shadowed"."""
    bindings = file.table(b"warnings").bindings
    if not bindings:
        return "missing"
    if set(bindings) == {MODULE} and all(_is_import(one) for one in bindings[MODULE]):
        return "there"
    return "shadowed"


def _is_import(mention: Mention) -> bool:
    return mention.role == "import" and mention.chain[1].type == "import_statement"


def _import_edit(file: SourceFile, newline: str) -> tuple[int, str]:
    after = 0
    for node in file.tree.root_node.children:
        if node.type in {"import_statement", "import_from_statement"}:
            return node.start_byte, f"import warnings{newline}"
        is_text = node.type == "expression_statement" and node.children[0].type == "string"
        if node.type != "future_import_statement" and node.type != "comment" and not is_text:
            break
        if node.type != "comment" or after == 0:
            after = node.end_byte
    if after == 0:
        at = 3 if file.data.startswith(b"\xef\xbb\xbf") else 0
        return at, f"import warnings{newline}{newline}{newline}"
    return after, f"{newline}{newline}import warnings"


def _export(inference: Inference, family: Family, ledger: Ledger) -> None:
    """Keep the old name in `__all__` and in the imports of packages, beside the new one."""
    old = family.name.decode()
    for path, edits in ledger.edits.items():
        file = inference.index.get(path)
        if file is None or not file.is_python:
            continue
        for mention in file.table(family.name).mentions:
            edit = edits.get(mention.start)
            if edit is None or edit.new_text != ledger.new_name:
                continue
            if mention.role == "string" and _in_all(mention):
                literal = next(one for one in mention.chain if one.type == "string")
                quote = (literal.children[-1].text or b"'").decode()
                text = f"{ledger.new_name}{quote}, {quote}{old}"
                edits[mention.start] = replace(edit, new_text=text)
            elif _is_reexport(mention) and path in family.modules:
                text = f"{ledger.new_name}, {old}"
                edits[mention.start] = replace(edit, new_text=text)


def _in_all(mention: Mention) -> bool:
    for node in mention.chain:
        if node.type in {"assignment", "augmented_assignment"}:
            left = node.child_by_field_name("left")
            return left is not None and left.text == b"__all__"
    return False


def _is_reexport(mention: Mention) -> bool:
    """Whether it is `from … import name` of a module itself, unaliased."""
    if mention.role != "import" or len(mention.scopes) > 1:
        return False
    parent = mention.chain[-3] if mention.chain[-2].type == "dotted_name" else mention.chain[-2]
    return parent.type == "import_from_statement"
