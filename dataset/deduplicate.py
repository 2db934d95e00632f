"""Chooses the rows of parts that a corpus keeps: tests within their share, no exact duplicates.

Rows are looked through in sweeps, each for a share of all hashes, so that memory has a bound
whatever the size of the corpus.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, TypedDict, cast

import pyarrow as pa
import pyarrow.compute as pc

from dataset.errors import DatasetError
from dataset.families import Families
from dataset.licences import is_allowed
from dataset.parts import Part
from dataset.row import text_hash
from dataset.storage import read_tables

# Its stubs leave some functions out.
_compute = cast("Any", pc)
TEST_SHARE = 0.1
NAMES_PER_QUESTION = 3
# About 350 bytes of memory for each.
ROWS_OF_A_SWEEP = 2_000_000

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
    """Remembers the questions of a sweep and their names; asked in one order, it answers the same.

    Memory is a byte for each row, and that of one sweep.
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

    def select(self, parts: Sequence[Part]) -> list[bytearray]:
        """One byte for each row of each part: 1 to keep it. Counts the reasons against the rest."""
        keep = [self._allowed(part) for part in parts]
        for prefixes in _sweeps(sum(map(len, keep))):
            self._names.clear()
            self.families.forget()
            for part, mask in zip(parts, keep, strict=True):
                for rows in _groups(part, prefixes):
                    self._sweep(rows, mask)
        return keep

    def _sweep(self, rows: list[tuple[int, int, str, str]], mask: bytearray) -> None:
        for repository, run in groupby(rows, key=lambda row: row[3]):
            known = list(run)
            self.families.note(repository, [source_hash for _, source_hash, *_ in known])
            for place, source_hash, name, _ in known:
                reason = self._reason(source_hash, name) if mask[place] else None
                if reason is not None:
                    mask[place] = 0
                    self.reasons[reason] += 1

    def _allowed(self, part: Part) -> bytearray:
        """The rows of a part whose repository and licence may be used, tests within their share."""
        keep = bytearray()
        tests: list[tuple[int, int]] = []
        columns = ["source_hash", "is_test", "repository", "licence"]
        for table in read_tables(part.path, columns):
            for source_hash, test, repository, licence in _values(table, columns):
                if test:
                    tests.append((int(source_hash, 16), len(keep)))
                refusal = self._refusal(repository, licence)
                if refusal is not None:
                    self.reasons[refusal] += 1
                keep.append(refusal is None)
        allowed = int(self.test_share * (len(keep) - len(tests)))
        # Which tests stay depends on their hashes alone.
        for _, place in sorted(tests)[allowed:]:
            if keep[place]:
                keep[place] = 0
                self.reasons[SURPLUS_TEST] += 1
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


def _sweeps(rows: int) -> Iterator[list[str]]:
    """The first two hex digits of the hashes of each sweep; hashes spread evenly."""
    sweeps = min(256, 1 + rows // ROWS_OF_A_SWEEP)
    for number in range(sweeps):
        first, end = number * 256 // sweeps, (number + 1) * 256 // sweeps
        yield [f"{prefix:02x}" for prefix in range(first, end)]


def _groups(part: Part, prefixes: Sequence[str]) -> Iterator[list[tuple[int, int, str, str]]]:
    """(place, hash, name, repository) of rows whose hashes have one of the prefixes, in groups."""
    columns = ["place", "source_hash", "name", "repository"]
    start = 0
    for table in read_tables(part.path, columns[1:]):
        rows = table.append_column("place", pa.array(range(start, start + table.num_rows)))
        start += table.num_rows
        if len(prefixes) < 256:
            heads = _compute.utf8_slice_codeunits(rows.column("source_hash"), 0, 2)
            rows = rows.filter(_compute.is_in(heads, pa.array(prefixes)))
        yield [
            (place, int(source_hash, 16), name, repository)
            for place, source_hash, name, repository in _values(rows, columns)
        ]


def _values(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(
        *(cast("list[Any]", table.column(column).to_pylist()) for column in columns), strict=True
    )


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
