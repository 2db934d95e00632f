"""Joins a recipe file (YAML) and command-line values into a frozen dataclass of options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml

from dataset.errors import DatasetError

T = TypeVar("T")


def load_config(path: Path | None, given: Mapping[str, Any], form: type[T]) -> T:
    """Options of `form`: values on the command line win over the recipe at `path`.

    Raises DatasetError that names the file and the field.
    """
    content = _read(path) if path is not None else {}
    known = {field.name: field for field in fields(cast("Any", form))}
    for name in content:
        if name not in known:
            raise DatasetError(f"{path}: {name} is not a field; known are {', '.join(known)}")
    values: dict[str, Any] = {**content, **{k: v for k, v in given.items() if k in known}}
    for name, field in known.items():
        if name not in values and field.default is MISSING:
            raise DatasetError(f"{path or 'command line'}: {name} is missing; give --{name}")
        if name in values and isinstance(values[name], list):
            values[name] = tuple(values[name])
        default = field.default
        if name in values and default is not MISSING and type(values[name]) is not type(default):
            if not (isinstance(default, float) and isinstance(values[name], int)):
                raise DatasetError(
                    f"{path or 'command line'}: {name} must be a {type(default).__name__},"
                    f" not {values[name]!r}"
                )
    return form(**values)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise DatasetError(f"{path}: not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: a recipe is a mapping of fields to values")
    return cast("dict[str, Any]", content)
