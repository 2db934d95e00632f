"""Parts: the rows of one unit in one file, so that an interrupted build goes on where it stood."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from dataset.errors import DatasetError
from dataset.extract import Choice, rows_of
from dataset.row import SCHEMA, Row, table
from dataset.sources.base import Unit
from dataset.storage import TableWriter, read_metadata, settled

# Raise it whenever the same source gives other rows: parts of earlier versions are not used then.
VERSION = 4
_BATCH = 2_000
_SPLIT = pa.field("split", pa.string())
PART_SCHEMA: pa.Schema = cast("Any", SCHEMA).append(_SPLIT)


@dataclass(frozen=True, slots=True)
class Part:
    """The file of one unit; `problem` says why a unit has no rows."""

    name: str
    path: Path
    counts: dict[str, int]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """All that a worker needs to make one part."""

    unit: Unit
    folder: Path
    choice: Choice

    @property
    def path(self) -> Path:
        """Named by the unit and by a hash of all that decides its rows."""
        content = f"{VERSION} {self.unit.key} {self.choice}"
        digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
        name = re.sub(r"[^\w.+-]+", "+", self.unit.name)[-80:]
        return self.folder / f"{name}@{digest}.parquet"


def make_part(job: Job) -> Part:
    """Make the part of a unit, unless a good one is there already; never raises DatasetError."""
    done = read_part(job)
    if done is not None and not done.problem:
        return done
    counts: Counter[str] = Counter()
    problem = ""
    with settled(job.path) as partial:
        writer = TableWriter(partial, PART_SCHEMA)
        try:
            _write_rows(job, writer, counts)
        except DatasetError as error:
            writer.abandon()
            writer, problem = TableWriter(partial, PART_SCHEMA), str(error)
            counts.clear()
        except BaseException:
            writer.abandon()
            raise
        counts["rows"] = writer.rows
        about = {"counts": json.dumps(counts, sort_keys=True), "problem": problem}
        writer.close({"namewright": json.dumps(about, sort_keys=True)})
    return Part(job.unit.name, job.path, dict(counts), problem)


def read_part(job: Job) -> Part | None:
    """A part that was made before, or None."""
    if not job.path.exists():
        return None
    try:
        about = json.loads(read_metadata(job.path)["namewright"])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        return None
    return Part(job.unit.name, job.path, json.loads(about["counts"]), about["problem"])


def _write_rows(job: Job, writer: TableWriter, counts: Counter[str]) -> None:
    rows: list[Row] = []
    splits: list[str] = []
    for row, split in rows_of(job.unit, job.choice, counts):
        rows.append(row)
        splits.append(split)
        if len(rows) >= _BATCH:
            writer.add(_with_split(rows, splits))
            rows, splits = [], []
    if rows:
        writer.add(_with_split(rows, splits))


def _with_split(rows: Sequence[Row], splits: list[str]) -> pa.Table:
    return table(rows).append_column(_SPLIT, pa.array(splits, pa.string()))
