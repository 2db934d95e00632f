"""Builds a corpus: repositories in parallel, then duplicates out, split, and written as shards."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import DatasetError
from dataset.extract import Repository, extract
from dataset.row import SCHEMA, table

VERSION = 1
SHARD_ROWS = 200_000
SAME_QUESTION_NAMES = 3
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Build:
    """What to build and where; fractions are of repositories, by a hash of their names."""

    repositories: Sequence[Repository]
    out: Path
    workers: int = 2
    validation: float = 0.01
    test: float = 0.01
    unwanted_hashes: frozenset[str] = field(default_factory=frozenset[str])


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one repository on disk, or the reason why there are none."""

    repository: Repository
    path: Path
    counts: dict[str, int]
    problem: str = ""


def build(plan: Build, progress: Callable[[Part], None]) -> dict[str, object]:
    """Write `<split>-NNNNN.parquet` and `stats.json` to the folder; returns the statistics.

    Parts of an earlier, interrupted build are used again; the result is the same bytes.
    """
    parts_folder = plan.out / "parts"
    parts_folder.mkdir(parents=True, exist_ok=True)
    jobs = [(repository, parts_folder) for repository in plan.repositories]
    parts: list[Part] = []
    with ProcessPoolExecutor(plan.workers) as pool:
        for part in pool.map(_make_part, jobs):
            parts.append(part)
            progress(part)
    stats = _merge(plan, parts)
    _write_text(plan.out / "stats.json", json.dumps(stats, indent=1, sort_keys=True) + "\n")
    return stats


def split_of(repository: str, validation: float, test: float) -> str:
    """The split of a repository: stable, whatever else is in the manifest."""
    digest = hashlib.sha256(repository.lower().encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < validation:
        return "validation"
    return "test" if place < validation + test else "train"


def _make_part(job: tuple[Repository, Path]) -> Part:
    repository, folder = job
    stem = f"{repository.name.replace('/', '+')}@{repository.commit[:12]}.v{VERSION}"
    path, about = folder / f"{stem}.parquet", folder / f"{stem}.json"
    if path.exists() and about.exists():
        return Part(repository, path, json.loads(about.read_text()))
    try:
        rows, counts = extract(repository)
    except DatasetError as error:
        return Part(repository, path, {}, str(error))
    _write_table(table(rows), path)
    _write_text(about, json.dumps(dict(counts), sort_keys=True))
    return Part(repository, path, dict(counts))


def _merge(plan: Build, parts: Sequence[Part]) -> dict[str, object]:
    counts: Counter[str] = Counter()
    problems = [part.problem for part in parts if part.problem]
    writers = {split: _Shards(plan.out, split) for split in SPLITS}
    seen = _Seen(plan.unwanted_hashes)
    repositories: dict[str, dict[str, object]] = {}
    for part in parts:
        if part.problem:
            continue
        counts.update({k: v for k, v in part.counts.items() if k != "rows"})
        rows = pq.read_table(part.path)
        keep, reasons = seen.select(rows)
        counts.update(reasons)
        rows = rows.filter(keep)
        split = split_of(part.repository.name, plan.validation, plan.test)
        writers[split].add(rows)
        counts[f"rows: {split}"] += rows.num_rows
        repositories[part.repository.name] = {
            "commit": part.repository.commit,
            "licence": part.repository.licence,
            "rows": rows.num_rows,
            "split": split,
        }
    for writer in writers.values():
        writer.close()
    return {
        "version": VERSION,
        "counts": dict(counts),
        "repositories": repositories,
        "problems": problems,
    }


class _Seen:
    """Remembers questions and names, in manifest order, to drop exact duplicates."""

    def __init__(self, unwanted: frozenset[str]) -> None:
        self._unwanted = unwanted
        self._pairs: set[tuple[str, str]] = set()
        self._names: Counter[str] = Counter()

    def select(self, rows: pa.Table) -> tuple[pa.Array, Counter[str]]:
        """A mask of the rows to keep, and counts of the reasons against the others."""
        reasons: Counter[str] = Counter()
        keep: list[bool] = []
        hashes: Iterable[str] = rows.column("source_hash").to_pylist()
        names: Iterable[str] = rows.column("name").to_pylist()
        for source_hash, name in zip(hashes, names, strict=True):
            reason = self._reason(source_hash, name)
            keep.append(reason is None)
            if reason is not None:
                reasons[reason] += 1
        return pa.array(keep, pa.bool_()), reasons

    def _reason(self, source_hash: str, name: str) -> str | None:
        if source_hash in self._unwanted:
            return "in an evaluation set"
        if (source_hash, name) in self._pairs:
            return "exact duplicate"
        if self._names[source_hash] >= SAME_QUESTION_NAMES:
            return "question with many names"
        self._pairs.add((source_hash, name))
        self._names[source_hash] += 1
        return None


class _Shards:
    """Writes tables as numbered shards of about `SHARD_ROWS` rows, each whole or absent."""

    def __init__(self, folder: Path, split: str) -> None:
        for stale in folder.glob(f"{split}-*.parquet"):
            stale.unlink()
        self._folder = folder
        self._split = split
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._number = 0

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if self._rows >= SHARD_ROWS:
            self.close()

    def close(self) -> None:
        if not self._rows:
            return
        rows = pa.concat_tables(self._waiting)
        _write_table(rows, self._folder / f"{self._split}-{self._number:05d}.parquet")
        self._waiting, self._rows = [], 0
        self._number += 1


def _write_table(rows: pa.Table, path: Path) -> None:
    partial = path.with_suffix(".partial")
    pq.write_table(
        rows.cast(SCHEMA), partial, compression="zstd", compression_level=3, row_group_size=20_000
    )
    _settle(partial, path)


def _write_text(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    _settle(partial, path)


def _settle(partial: Path, path: Path) -> None:
    with partial.open("rb+") as stream:
        os.fsync(stream.fileno())
    partial.replace(path)


def question_hashes(files: Iterable[Path]) -> frozenset[str]:
    """The hashes of questions in evaluation files (JSON Lines with `source_hash`)."""
    found: set[str] = set()
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            found.add(json.loads(line)["source_hash"])
    return frozenset(found)
