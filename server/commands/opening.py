"""Opens what a command line names: a source file, a function in it, its project, a model."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from dataset.functions import Function, find_functions, innermost
from server.errors import NamewrightError
from server.locations import wide_folders
from server.predictors.base import NamePredictor
from server.refactoring.source_text import to_utf8
from server.settings import Settings, resolve

_LINE_END = re.compile(rb"\r\n|\r|\n")
_PROJECT_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "tox.ini")
_LISTED = 5


class InputError(NamewrightError):
    """What the command line names is not there or cannot be read."""


class PredictorOpener(Protocol):
    """Opens the predictor that settings name."""

    def __call__(self, settings: Settings) -> NamePredictor: ...


@dataclass(frozen=True, slots=True)
class Place:
    """A file and, by line (from 1) or by name, which of its functions is meant."""

    path: Path
    line: int | None = None
    name: str | None = None


def open_predictor(settings: Settings) -> NamePredictor:
    """The predictor that users get by these settings; raises NamewrightError when there is none."""
    from server.predictors.choose import load_predictor

    return load_predictor(settings.predictor, settings)


def read_settings(predictor: str, endpoint: str, model: str, pairs: Sequence[str]) -> Settings:
    """The settings that a command line gives; `pairs` are `KEY=VALUE`, named as in an editor.

    An endpoint without a predictor means `openai`. Raises InputError for what is no setting.
    """
    values: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair}: write KEY=VALUE, for example openai.api=completions")
        values[key] = _value(text)
    complaints: list[str] = []
    settings = resolve(values, warn=complaints.append)
    if complaints:
        raise InputError(f"--set: {complaints[0].partition('; ')[0]}")
    if predictor == "auto":
        predictor = "openai" if endpoint else settings.predictor
    if endpoint and predictor != "openai":
        raise InputError(f"--endpoint is of the predictor openai, not of {predictor}")
    return replace(
        settings,
        predictor=predictor,
        endpoint=endpoint or settings.endpoint,
        model=model or settings.model,
    )


def read_source(path: Path) -> bytes:
    """The UTF-8 text of a source file, its coding cookie honoured; raises InputError."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory; name one Python file")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file; name one Python file")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path} cannot be read ({reason})") from error
    if b"\0" in data:
        raise InputError(f"{path} is a binary file; name a Python source file")
    try:
        return to_utf8(data)
    except NamewrightError as error:
        raise InputError(f"{path}: {error}") from error


def find_function(place: Place, functions: Sequence[Function], source: bytes) -> Function:
    """The function that is meant; raises InputError when there is none, or a choice."""
    if not functions:
        raise InputError(f"{place.path} has no functions")
    if place.line is not None:
        return _at_line(place, place.line, functions, source)
    meant = list(functions)
    if place.name is not None:
        meant = [each for each in functions if place.name in (each.name, qualified_name(each))]
        if not meant:
            raise InputError(f"{place.path} has no function {place.name}")
    if len(meant) > 1:
        listed = ", ".join(f"{each.line} {qualified_name(each)}" for each in meant[:_LISTED])
        more = ", …" if len(meant) > _LISTED else ""
        raise InputError(
            f"{place.path} has {len(meant)} functions to choose from; "
            f"name one with --line N or --function NAME ({listed}{more})"
        )
    return meant[0]


def qualified_name(function: Function) -> str:
    """`Class.name` for a method, the name for another function."""
    return ".".join((*function.class_chain, function.name))


def open_function(place: Place) -> tuple[Function, list[Function]]:
    """The function that is meant and all functions of its file; raises InputError."""
    source = read_source(place.path)
    functions = find_functions(source)
    return find_function(place, functions, source), functions


def project_root(path: Path) -> Path:
    """The folder a rename may touch: the project around a file, as its marks show it."""
    path = path.absolute()
    for folder in path.parents:
        if any((folder / mark).exists() for mark in _PROJECT_MARKS):
            return folder
    here = Path.cwd()
    if path.is_relative_to(here) and here not in wide_folders(here):
        return here
    folder = path.parent
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent
    return folder


def _value(text: str) -> object:
    """A value as JSON where it is one (`true`, `30`), else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _at_line(place: Place, line: int, functions: Sequence[Function], source: bytes) -> Function:
    first = len(codecs.BOM_UTF8) if source.startswith(codecs.BOM_UTF8) else 0
    starts = [first, *(match.end() for match in _LINE_END.finditer(source))]
    if len(starts) > 1 and starts[-1] == len(source):
        starts.pop()
    if not 1 <= line <= len(starts):
        raise InputError(f"line {line} is outside {place.path}, which has {len(starts)} lines")
    start = starts[line - 1]
    end = starts[line] if line < len(starts) else len(source)
    text = source[start:end]
    blank = len(text) - len(text.lstrip())
    offset = start + (blank if text.strip() else 0)
    function = innermost(functions, offset)
    if function is None:
        nearest = min(functions, key=lambda each: abs(each.line - line))
        raise InputError(
            f"no function at line {line} of {place.path}; "
            f"the nearest is {qualified_name(nearest)} at line {nearest.line}"
        )
    return function
