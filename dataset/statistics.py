"""Measures a corpus folder in one pass over its shards."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dataset.deduplicate import LeakEntry
from dataset.errors import DatasetError
from dataset.names import sub_tokens
from dataset.parts import VERSION
from dataset.storage import read_tables

_TOKENS = re.compile(r"\w+|[^\w\s]")
_COLUMNS = ("question_text", "name", "repository", "licence", "docstring", "class_chain", "is_test")


@dataclass(slots=True)
class Statistics:
    """Counts of a corpus; lengths of questions are in words and signs, of names in sub-tokens."""

    build: dict[str, Any]
    rows: Counter[str] = field(default_factory=Counter[str])
    repositories: Counter[str] = field(default_factory=Counter[str])
    licences: Counter[str] = field(default_factory=Counter[str])
    names: Counter[str] = field(default_factory=Counter[str])
    pieces: Counter[str] = field(default_factory=Counter[str])
    name_lengths: Counter[int] = field(default_factory=Counter[int])
    question_lengths: Counter[int] = field(default_factory=Counter[int])
    kinds: Counter[str] = field(default_factory=Counter[str])

    @property
    def total(self) -> int:
        """Rows of all splits."""
        return sum(self.rows.values())

    @property
    def counts(self) -> dict[str, int]:
        """The build's counts by reason."""
        return cast("dict[str, int]", self.build["counts"])

    @property
    def leaks(self) -> dict[str, LeakEntry]:
        """Rows left out for each evaluation set, by its name."""
        return cast("dict[str, LeakEntry]", self.build["leaks"])


def measure(folder: Path) -> Statistics:
    """Statistics of a corpus; raises DatasetError when the folder does not hold a whole one."""
    try:
        build = json.loads((folder / "stats.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(
            f"{folder}: no stats.json, so no whole corpus; run `python -m dataset build` to its end"
        ) from error
    except ValueError as error:
        raise DatasetError(f"{folder}/stats.json: damaged; build the corpus again") from error
    if build.get("version") != VERSION:
        raise DatasetError(f"{folder}: written by another version of Namewright; build it again")
    found = Statistics(build)
    for name, about in sorted(build["files"].items()):
        path = folder / name
        if not path.is_file():
            raise DatasetError(f"{path}: this shard is missing; build the corpus again")
        before = found.total
        for table in read_tables(path, list(_COLUMNS)):
            columns = [cast("list[Any]", table.column(column).to_pylist()) for column in _COLUMNS]
            _count(found, name.rsplit("-", 1)[0], zip(*columns, strict=True))
        if found.total - before != about["rows"]:
            raise DatasetError(f"{path}: not the rows that stats.json tells; build it again")
    return found


def quantiles(lengths: Counter[int], shares: Iterable[float]) -> list[int]:
    """The lengths that the given shares of all rows do not exceed; 0 for an empty corpus."""
    total = sum(lengths.values())
    found: list[int] = []
    for share in shares:
        passed, answer = 0, 0
        for length in sorted(lengths):
            passed += lengths[length]
            answer = length
            if passed >= share * total:
                break
        found.append(answer)
    return found


def _count(found: Statistics, split: str, rows: Iterable[tuple[Any, ...]]) -> None:
    for text, name, repository, licence, docstring, class_chain, is_test in rows:
        found.rows[split] += 1
        found.repositories[repository] += 1
        found.licences[licence] += 1
        found.names[name] += 1
        pieces = sub_tokens(name)
        found.pieces.update(pieces)
        found.name_lengths[len(pieces)] += 1
        found.question_lengths[len(_TOKENS.findall(text))] += 1
        found.kinds["in a class"] += bool(class_chain)
        found.kinds["with a docstring"] += bool(docstring)
        found.kinds["tests"] += bool(is_test)
        found.kinds["private"] += name.startswith("_")
