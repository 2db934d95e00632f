"""Chooses the rows of parts that a corpus keeps: tests within their share, no exact duplicates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict, cast

from dataset.errors import DatasetError
from dataset.families import Families
from dataset.licences import is_allowed
from dataset.parts import Part
from dataset.row import text_hash
from dataset.storage import read_tables

TEST_SHARE = 0.1
NAMES_PER_QUESTION = 3

EXCLUDED = "excluded repository"
LICENCE = "licence not allowed"
SURPLUS_TEST = "surplus test"
LEAK = "in an evaluation set"
DUPLICATE = "exact duplicate"
MANY_NAMES = "question with many names"


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Questions that a corpus must not hold, by the hash of their text; `name` is unique."""

    name: str
    hashes: frozenset[int]
    texts: tuple[str, ...] = ()


class LeakEntry(TypedDict):
    """Rows that are left out for an evaluation set of so many functions; `near` if looked for."""

    functions: int
    exact: int
    near: int | None


@dataclass(slots=True)
class ExactDuplicates:
    """Remembers questions and their names; asked in a fixed order, it answers the same.

    Memory grows with the number of different questions alone, about 250 bytes for each.
    """

    evaluation: Sequence[EvaluationSet] = ()
    # Lower-cased `owner/name`, and licences or families of them; () allows all.
    excluded: Collection[str] = frozenset()
    licences: Sequence[str] = ()
    test_share: float = TEST_SHARE
    families: Families = field(default_factory=Families)
    reasons: Counter[str] = field(default_factory=Counter[str])
    leaks: Counter[str] = field(default_factory=Counter[str])
    _names: dict[int, str | tuple[str, ...]] = field(
        default_factory=dict[int, "str | tuple[str, ...]"]
    )

    def select(self, part: Part) -> bytearray:
        """One byte for each row of a part: 1 to keep it. Counts the reasons against the rest."""
        columns = ["source_hash", "name", "is_test", "repository", "licence"]
        rows = [
            (int(source_hash, 16), name, test, self._refusal(repository, licence), repository)
            for table in read_tables(part.path, columns)
            for source_hash, name, test, repository, licence in zip(
                *(cast("list[Any]", table.column(column).to_pylist()) for column in columns),
                strict=True,
            )
        ]
        by_repository: dict[str, list[int]] = {}
        for row in rows:
            by_repository.setdefault(row[4], []).append(row[0])
        for repository, hashes in by_repository.items():
            self.families.note(repository, hashes)
        surplus = _surplus_tests([(row[0], row[2]) for row in rows], self.test_share)
        keep = bytearray(len(rows))
        for index, (source_hash, name, _, refusal, _) in enumerate(rows):
            if refusal is None and index in surplus:
                refusal = SURPLUS_TEST
            reason = refusal or self._reason(source_hash, name)
            if reason is None:
                keep[index] = 1
            else:
                self.reasons[reason] += 1
        return keep

    def _refusal(self, repository: str, licence: str) -> str | None:
        """Tables hold rows of many repositories; those of git are refused before they are read."""
        if repository.lower() in self.excluded:
            return EXCLUDED
        if self.licences and not is_allowed(licence, self.licences):
            return LICENCE
        return None

    def _reason(self, source_hash: int, name: str) -> str | None:
        leaked = [known.name for known in self.evaluation if source_hash in known.hashes]
        if leaked:
            self.leaks.update(leaked)
            return LEAK
        names = self._names.get(source_hash)
        if names is None:
            self._names[source_hash] = name
            return None
        if isinstance(names, str):
            names = (names,)
        if name in names:
            return DUPLICATE
        if len(names) >= NAMES_PER_QUESTION:
            return MANY_NAMES
        self._names[source_hash] = (*names, name)
        return None


def _surplus_tests(rows: Sequence[tuple[int, bool]], share: float) -> set[int]:
    """Indices of tests beyond their share; which ones stay depends on their hash alone."""
    tests = [index for index, (_, test) in enumerate(rows) if test]
    allowed = int(share * (len(rows) - len(tests)))
    return set(sorted(tests, key=lambda index: (rows[index][0], index))[allowed:])


def read_evaluation_sets(files: Iterable[Path]) -> list[EvaluationSet]:
    """Evaluation files (JSON Lines with `source`, or `question_text`); raises DatasetError."""
    paths = list(dict.fromkeys(files))
    stems = Counter(path.stem for path in paths)
    # Two files of one name are told apart by their folders.
    names = [path.stem if stems[path.stem] == 1 else str(path) for path in paths]
    return [_read_evaluation_set(path, name) for path, name in zip(paths, names, strict=True)]


def _read_evaluation_set(path: Path, name: str) -> EvaluationSet:
    hashes: set[int] = set()
    texts: list[str] = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                text = _question_text(path, number, json.loads(line))
                hashes.add(int(text_hash(text), 16))
                texts.append(text)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not JSON Lines in UTF-8 ({error})") from error
    return EvaluationSet(name, frozenset(hashes), tuple(texts))


def _question_text(path: Path, number: int, row: Mapping[str, Any]) -> str:
    from dataset.functions import find_functions
    from dataset.question import masked_text

    if "question_text" in row:
        return str(row["question_text"])
    functions = find_functions(str(row.get("source", "")).encode())
    if not functions:
        raise DatasetError(f"{path}:{number}: no function in `source`")
    return masked_text(functions[0])
