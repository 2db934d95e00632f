"""What the project's calls pass for a parameter that says nothing about itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from server.refactoring.index import SourceFile
from server.refactoring.syntax import Mention
from server.refactoring.values import ClassValue, FunctionValue, Place, parameter_name, place

if TYPE_CHECKING:
    from server.refactoring.inference import Inference


def passed_values(
    inference: Inference, function: FunctionValue, parameter: bytes, sites: int, files: int
) -> Iterator[Place]:
    """Yield the argument expressions that calls of `function` pass for `parameter`.

    Looks at no more than `sites` calls in `files` files, those nearest in the tree of folders
    first.
    """
    owner = function.enclosing_class()
    names = [parameter_name(one) for one in function.parameters()]
    if parameter not in names:
        return
    position = names.index(parameter)
    bound = owner is not None and b"staticmethod" not in function.decorator_names()
    mine = function.definition.path
    words = [function.name]
    if owner is not None and function.name == b"__init__":
        words = [owner.name.encode(), b"cls", b"__init__"]
    seen = 0
    for word in words:
        holding = [file for file in inference.index.files_with(word) if file.is_python]
        if word != words[0]:  # `cls(…)`, `super().__init__(…)`: where the class is at home
            holding = [file for file in holding if words[0] in file.words]
        holding.sort(key=lambda file: file.path != mine and file.path.parent != mine.parent)
        for file in holding[:files]:
            for mention in file.table(word).mentions:
                call = _call_of(file, mention)
                if call is None:
                    continue
                argument = _argument(call, position - (1 if bound else 0), parameter)
                if argument is None or not _means(inference, file, mention, function):
                    continue
                yield argument
                seen += 1
                if seen >= sites:
                    return


def parametrized(function: FunctionValue, parameter: bytes) -> Iterator[Place]:
    """Yield the values that `pytest.mark.parametrize` passes for the parameter."""
    for decorator in function.decorators():
        arguments = decorator.field("arguments")
        callee = decorator.field("function")
        if arguments is None or callee is None or not callee.text.endswith(b"parametrize"):
            continue
        given = list(arguments.children())
        if len(given) < 2 or given[1].kind not in {"list", "tuple"}:
            continue
        names = re.findall(rb"\w+", given[0].text)
        if parameter not in names:
            continue
        for row in given[1].children():
            yield from _cell(row, names.index(parameter), alone=len(names) == 1)


def _cell(row: Place, index: int, *, alone: bool) -> Iterator[Place]:
    if row.kind == "call":
        callee, arguments = row.field("function"), row.field("arguments")
        if callee is not None and arguments is not None and callee.text.endswith(b"param"):
            cells = [one for one in arguments.children() if one.kind != "keyword_argument"]
            yield from cells[index : index + 1]
            return
    if alone:
        yield row
    elif row.kind in {"tuple", "list"}:
        yield from list(row.children())[index : index + 1]


def _call_of(file: SourceFile, mention: Mention) -> Place | None:
    """Return the call whose callee ends in the mentioned name, or None."""
    if mention.role not in {"load", "attribute"}:
        return None
    depth = len(mention.chain) - (2 if mention.role == "load" else 3)
    if depth < 0 or mention.chain[depth].type != "call":
        return None
    callee = mention.chain[depth].child_by_field_name("function")
    if callee is None or callee.id != mention.chain[depth + 1].id:
        return None
    return place(file, mention.chain[: depth + 1])


def _argument(call: Place, position: int, name: bytes) -> Place | None:
    arguments = call.field("arguments")
    if arguments is None or arguments.kind != "argument_list":
        return None
    index = 0
    for one in arguments.children():
        if one.kind == "keyword_argument":
            keyword = one.field("name")
            if keyword is not None and keyword.text == name:
                return one.field("value")
        elif one.kind in {"list_splat", "dictionary_splat"}:
            return None
        else:
            if index == position:
                return one
            index += 1
    return None


def _means(
    inference: Inference, file: SourceFile, mention: Mention, function: FunctionValue
) -> bool:
    callee = place(file, mention.chain[: -1 if mention.role == "attribute" else None])
    owner = function.enclosing_class()
    for value in inference.evaluate(callee):
        if isinstance(value, FunctionValue) and value.definition == function.definition:
            return True
        if value == owner:
            return True
        if isinstance(value, ClassValue) and owner is not None and owner != value:
            made = inference.classes.member(value, function.name)
            if function.name == b"__init__" and made is not None and made[0] == owner:
                return True
    return False
