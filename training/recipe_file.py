"""The text of recipes: YAML files, and changes to them from a command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from training.errors import TrainingError


class _Loader(yaml.SafeLoader):
    """YAML 1.2's scalars: `2e-4` is a number, and `no` is a word."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {
        letter: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:bool"]
        for letter, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_recipe(path: Path) -> dict[str, Any]:
    """The fields of a recipe; raises TrainingError when it cannot be read or is no mapping."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be read ({error.strerror}); give an existing recipe"
        ) from error
    except yaml.YAMLError as error:
        raise TrainingError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path}: a recipe is a mapping of fields to values")
    return content


def read_changes(changes: Iterable[str]) -> dict[str, Any]:
    """`field=value` each, the value as in a recipe; raises TrainingError for another form."""
    found: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        try:
            found[name] = yaml.load(value, _Loader)
        except yaml.YAMLError as error:
            raise TrainingError(f"{change}: {value!r} is not a value of YAML") from error
        if not equals:
            raise TrainingError(f"{change}: a change of the recipe is written field=value")
    return found
