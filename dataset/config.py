"""Joins a recipe file (YAML) and command-line values into a frozen dataclass of options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml

from dataset.errors import DatasetError

T = TypeVar("T")


def load_config(path: Path | None, given: Mapping[str, Any], form: type[T]) -> T:
    """Options of `form`: values on the command line win over the recipe at `path`.

    Raises DatasetError that names the file and the field.
    """
    where = str(path or "command line")
    known = {field.name: field for field in fields(cast("Any", form))}
    content = _read(path) if path is not None else {}
    for name in content:
        if name not in known:
            raise DatasetError(f"{where}: {name} is not a field; known are {', '.join(known)}")
    values: dict[str, Any] = {**content, **{k: v for k, v in given.items() if k in known}}
    for name, field in known.items():
        default = _default(field)
        if name in values:
            values[name] = _fitting(where, name, values[name], default)
        elif default is MISSING:
            raise DatasetError(f"{where}: {name} is missing; give --{name}")
    return form(**values)


def _default(field: Field[Any]) -> Any:
    factory = field.default_factory
    return field.default if factory is MISSING else factory()


def _fitting(where: str, name: str, value: Any, default: Any) -> Any:
    """The value in the type of its default: one text will do for a list of texts."""
    several = isinstance(default, tuple)
    if several:
        value = (value,) if isinstance(value, str) else value
        value = tuple(cast("list[Any]", value)) if isinstance(value, list) else value
    elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    kind = cast("type[Any]", cast("Any", default).__class__)
    if default is not MISSING and type(value) is not kind:
        expected = "list" if several else kind.__name__
        raise DatasetError(f"{where}: {name} must be a {expected}, not {value!r}")
    return value


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: a recipe is a mapping of fields to values")
    return cast("dict[str, Any]", content)
