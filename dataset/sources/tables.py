"""Reads tables with a column of code: Parquet and JSON Lines, on disk or from the hub.

CodeSearchNet is one of them, with one function a row and official splits; The Stack and its kind
have one file a row.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import DatasetError
from dataset.filters import MAX_FILE_BYTES
from dataset.sources.base import Document

_SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns; an empty one is not there. `function` holds `Class.name`."""

    code: str
    path: str = ""
    repository: str = ""
    commit: str = ""
    licence: str = ""
    function: str = ""
    split: str = ""
    language: str = ""


# The first form is the hub's Parquet conversion, the second the published JSON Lines.
CODESEARCHNET_HUB = Columns(
    code="whole_func_string",
    path="func_path_in_repository",
    repository="repository_name",
    function="func_name",
    split="split_name",
    language="language",
)
CODESEARCHNET_FILES = Columns(
    code="original_string",
    path="path",
    repository="repo",
    commit="sha",
    function="func_name",
    split="partition",
    language="language",
)
_SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A unit: one file of a table. `size` and `changed` tell whether it is still the same."""

    name: str
    path: Path
    columns: Columns
    size: int
    changed: int

    @property
    def key(self) -> str:
        return f"table {self.path.name} {self.size} {self.changed} {self.columns}"

    @property
    def weight(self) -> int:
        return self.size

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        """Its rows in their order; raises DatasetError when the file or a column is not there."""
        rows = _parquet_rows if self.path.suffix == ".parquet" else _json_rows
        for row in rows(self.path, self.columns, counts):
            language = str(row.get(self.columns.language) or "python").lower()
            code = row.get(self.columns.code)
            if language != "python" or not isinstance(code, str):
                counts["row: not Python"] += 1
            elif len(code) > MAX_FILE_BYTES:
                counts["file: too large"] += 1
            else:
                yield _document(row, code, self.columns)


def table_files(path: Path, columns: Columns | None) -> list[TableFile]:
    """The files of a table at `path`, a file or a folder; without columns they are CodeSearchNet's.

    Raises DatasetError where there are none.
    """
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.name.endswith(_SUFFIXES))
    else:
        found = [path] if path.is_file() and path.name.endswith(_SUFFIXES) else []
    if not found:
        raise DatasetError(f"{path}: no {', '.join(_SUFFIXES)} there")
    root = path if path.is_dir() else path.parent
    units: list[TableFile] = []
    for file in found:
        hub = file.suffix == ".parquet"
        default = CODESEARCHNET_HUB if hub else CODESEARCHNET_FILES
        state = file.stat()
        name = file.relative_to(root).as_posix()
        units.append(TableFile(name, file, columns or default, state.st_size, state.st_mtime_ns))
    return units


def _document(row: Mapping[str, Any], code: str, columns: Columns) -> Document:
    def text(column: str) -> str:
        value = row.get(column) if column else None
        if isinstance(value, list):
            return ", ".join(map(str, cast("list[object]", value)))
        return "" if value is None else str(value)

    return Document(
        path=text(columns.path),
        data=code.encode("utf-8", errors="replace"),
        repository=text(columns.repository),
        commit=text(columns.commit),
        licence=text(columns.licence) or "unknown",
        class_chain=tuple(text(columns.function).split(".")[:-1]),
        split=_SPLITS.get(text(columns.split), ""),
    )


def _parquet_rows(
    path: Path, columns: Columns, counts: Counter[str]
) -> Iterator[Mapping[str, Any]]:
    try:
        with cast("Any", pq).ParquetFile(path) as file:
            there = set(file.schema_arrow.names)
            if columns.code not in there:
                known = ", ".join(sorted(there))
                raise DatasetError(f"{path}: no column {columns.code!r}; it has {known}")
            wanted = [name for name in _names(columns) if name in there]
            for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path}: not a readable Parquet file ({error})") from error


def _json_rows(path: Path, columns: Columns, counts: Counter[str]) -> Iterator[Mapping[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                except ValueError:
                    counts["row: not JSON"] += 1
                    continue
                if not isinstance(row, dict) or columns.code not in row:
                    raise DatasetError(f"{path}:{number}: no field {columns.code!r} in the row")
                yield cast("dict[str, Any]", row)
    except (OSError, EOFError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error


def _names(columns: Columns) -> list[str]:
    names = (
        columns.code,
        columns.path,
        columns.repository,
        columns.commit,
        columns.licence,
        columns.function,
        columns.split,
        columns.language,
    )
    return [name for name in names if name]
