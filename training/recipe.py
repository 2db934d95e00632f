"""Reads a recipe (YAML) into frozen dataclasses; a field that means nothing is an error."""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from training.errors import TrainingError
from training.recipe_file import read_changes, read_recipe

T = TypeVar("T")


def load_recipe(path: Path, form: type[T], changes: Iterable[str] = ()) -> T:
    """The recipe at `path` as a `form`, with `changes` (`field=value`, `part.field=value`) over it.

    Raises TrainingError naming file, field and expectation.
    """
    content = read_recipe(path)
    for name, value in read_changes(changes).items():
        *parts, last = name.split(".")
        place = content
        for part in parts:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise TrainingError(f"{path}: {name}: {part} holds no fields")
        place[last] = value
    return _build(content, form, f"{path}: ")


def _build(content: dict[str, Any], form: type[T], where: str) -> T:
    hints = get_type_hints(form)
    known = {f.name: f for f in fields(form)}  # pyright: ignore[reportArgumentType]
    for name in content:
        if name not in known:
            raise TrainingError(f"{where}{name} is not a field; known are {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in content:
            values[name] = _value(content[name], hints[name], f"{where}{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise TrainingError(f"{where}{name} is missing; give a {_names(hints[name])}")
    return form(**values)


def _value(value: Any, hint: Any, where: str) -> Any:
    options = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if option is type(None) and value is None:
            return None
        if is_dataclass(option) and isinstance(option, type) and isinstance(value, dict):
            return _build(value, option, f"{where}.")
        if option is Path and isinstance(value, str):
            return Path(value)
        # A tuple is a list of one type, not empty; one value will do for it.
        if get_origin(option) is tuple and value != []:
            each = get_args(option)[0]
            several = value if isinstance(value, list) else [value]
            return tuple(_value(one, each, where) for one in several)
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(option, type) and not is_dataclass(option) and type(value) is option:
            return value
    raise TrainingError(f"{where}: expected {_names(hint)}, got {value!r}")


def _names(hint: Any) -> str:
    """The types that a value may have; of a tuple, that of its items."""
    parted = isinstance(hint, types.UnionType) or get_origin(hint) is tuple
    options = [option for option in get_args(hint) if option is not Ellipsis] if parted else [hint]
    return " or ".join(getattr(option, "__name__", str(option)) for option in options)
