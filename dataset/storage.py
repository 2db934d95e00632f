"""Writes files that are whole or absent: a partial file first, synced, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import DatasetError

# Its stubs leave some types open.
_parquet = cast("Any", pq)
PARTIAL = ".partial"
# No room: on the disk, in the user's quota, in the largest file that is allowed.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ROW_GROUP = 20_000


@contextmanager
def settled(path: Path) -> Generator[Path]:
    """A path to write to that becomes `path` in one step; nothing is left after an error.

    Raises DatasetError when the disk is full.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise DatasetError(
                f"{path.parent}: the disk is full; free some space and run the same command again"
            ) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file, whole or not at all."""
    with settled(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove_partials(folder: Path) -> None:
    """Clear away what a killed run left behind."""
    for path in folder.glob(f"*{PARTIAL}"):
        path.unlink(missing_ok=True)


class TableWriter:
    """Streams tables into one Parquet file in row groups of a fixed size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=3)
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        """Append rows; memory holds at most one row group and the rows given."""
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self.rows += rows.num_rows
        if self._waiting_rows >= _ROW_GROUP:
            self._flush()

    def close(self, metadata: dict[str, str] | None = None) -> None:
        """Finish the file, with key-value metadata in its footer."""
        self._flush()
        if metadata:
            self._writer.add_key_value_metadata(metadata)
        self._writer.close()

    def abandon(self) -> None:
        """Close what can be closed of a file that nobody will read."""
        self._waiting = []
        try:
            self._writer.close()
        except (OSError, pa.ArrowException):
            return

    def _flush(self) -> None:
        if self._waiting_rows:
            rows = pa.concat_tables(self._waiting).cast(self._schema).combine_chunks()
            self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))
        self._waiting, self._waiting_rows = [], 0


def read_tables(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The row groups of a Parquet file, one after another."""
    with _parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


def read_metadata(path: Path) -> dict[str, str]:
    """The text metadata in a Parquet file's footer."""
    found: dict[bytes, bytes] = _parquet.read_metadata(path).metadata or {}
    return {key.decode(): value.decode(errors="replace") for key, value in found.items()}
