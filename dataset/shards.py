"""Writes the shards of a corpus: the set of an earlier build stands until the new one is whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

from dataset.row import SCHEMA
from dataset.split import SPLITS
from dataset.storage import PARTIAL, TableWriter

SHARD_ROWS = 200_000


class ShardWriter:
    """Numbered shards of each split, `<split>-NNNNN.parquet`, in the order rows are added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, TableWriter] = {}
        self._shards: dict[str, list[int]] = {split: [] for split in SPLITS}

    def add(self, split: str, rows: pa.Table) -> None:
        """Append rows of one split."""
        while rows.num_rows:
            writer = self._open.get(split)
            if writer is None:
                number = len(self._shards[split])
                writer = TableWriter(self._path(split, number, PARTIAL), SCHEMA)
                self._open[split] = writer
                self._shards[split].append(0)
            portion = rows.slice(0, SHARD_ROWS - writer.rows)
            writer.add(portion)
            rows = rows.slice(portion.num_rows)
            if writer.rows >= SHARD_ROWS:
                self._close(split)

    def publish(self) -> dict[str, dict[str, object]]:
        """Put the new shards in place of the old ones; returns rows and checksum of each file."""
        for split in list(self._open):
            self._close(split)
        for split in SPLITS:
            for stale in self._folder.glob(f"{split}-*.parquet"):
                stale.unlink()
        files: dict[str, dict[str, object]] = {}
        for split, shards in self._shards.items():
            for number, rows in enumerate(shards):
                path = self._path(split, number)
                self._path(split, number, PARTIAL).replace(path)
                with path.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                files[path.name] = {"rows": rows, "sha256": digest}
        return files

    def abandon(self) -> None:
        """Leave no partial file behind after an error."""
        for writer in self._open.values():
            writer.abandon()
        for split, shards in self._shards.items():
            for number in range(len(shards)):
                self._path(split, number, PARTIAL).unlink(missing_ok=True)

    def _close(self, split: str) -> None:
        writer = self._open.pop(split)
        writer.close()
        self._shards[split][-1] = writer.rows

    def _path(self, split: str, number: int, suffix: str = "") -> Path:
        return self._folder / f"{split}-{number:05d}.parquet{suffix}"
