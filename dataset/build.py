"""Builds a corpus: units to parts in parallel, duplicates out, split, and written as shards."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypedDict

import pyarrow as pa

from dataset.caps import SURPLUS, cap_repositories
from dataset.deduplicate import TEST_SHARE, EvaluationSet, ExactDuplicates, LeakEntry
from dataset.engines import Engine
from dataset.errors import DatasetError
from dataset.extract import Choice
from dataset.near_duplicates import (
    NEAR_DUPLICATE,
    NEAR_LEAK,
    NearOptions,
    find_near_duplicates,
)
from dataset.parts import VERSION, Job, Part, make_part, read_part
from dataset.row import SCHEMA
from dataset.shards import ShardWriter
from dataset.sources.base import Unit
from dataset.split import split_of
from dataset.storage import FULL, read_tables, remove_partials, write_text

STATS = "stats.json"


class RepositoryEntry(TypedDict):
    """What the statistics say of a repository; `commits` counts the rows of each."""

    licence: str
    split: str
    commits: dict[str, int]


@dataclass(frozen=True)
class Build:
    """What to build and where; fractions are of repositories, by a hash of their names."""

    units: Sequence[Unit]
    out: Path
    engine: Engine
    # Where the few tasks after the reading run; Slurm only takes tasks in and cannot be waited for.
    near_engine: Engine | None = None
    validation: float = 0.01
    test: float = 0.01
    evaluation: Sequence[EvaluationSet] = ()
    excluded: Collection[str] = frozenset()
    licences: Sequence[str] = ()
    test_share: float = TEST_SHARE
    choice: Choice = field(default_factory=Choice)
    near: NearOptions | None = None
    # At most about so many rows of one repository; 0: all.
    repository_rows: int = 0
    refused: Sequence[tuple[str, str]] = ()


def build(plan: Build, progress: Callable[[Part], None]) -> dict[str, object]:
    """Write `<split>-NNNNN.parquet` and `stats.json` to the folder; returns the statistics.

    Parts of an earlier, interrupted build are used again; the result is the same bytes, whatever
    the engine and the number of workers. A folder without `stats.json` is not a whole corpus.
    Raises DatasetError.
    """
    folder = plan.out / "parts"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{plan.out}: cannot be written ({error.strerror})") from error
    remove_partials(folder)
    remove_partials(plan.out)
    jobs = [Job(unit, folder, plan.choice) for unit in plan.units]
    parts = make_parts(jobs, plan.engine, progress)
    if parts and all(part.problem for part in parts):
        raise DatasetError(f"{plan.out}: nothing could be read; first: {parts[0].problem}")
    stats = _merge(plan, parts)
    write_text(plan.out / STATS, json.dumps(stats, indent=1, sort_keys=True) + "\n")
    return stats


def make_parts(jobs: Sequence[Job], engine: Engine, progress: Callable[[Part], None]) -> list[Part]:
    """The parts of all jobs, in their order; the heaviest are made first."""
    missing: list[Job] = []
    for job in jobs:
        part = read_part(job)
        if part is None or part.problem:
            missing.append(job)
        else:
            progress(part)
    missing.sort(key=lambda job: -job.unit.weight)

    def done(rank: int) -> None:
        progress(_made(missing[rank]))

    engine(partial(_run_job, missing), len(missing), done)
    return [_made(job) for job in jobs]


def _run_job(jobs: Sequence[Job], rank: int) -> None:
    make_part(jobs[rank])


def _made(job: Job) -> Part:
    part = read_part(job)
    if part is None:
        raise DatasetError(f"{job.path}: the part of {job.unit.name} was not written; run again")
    return part


def _merge(plan: Build, parts: Sequence[Part]) -> dict[str, object]:
    counts: Counter[str] = Counter()
    exact = ExactDuplicates(plan.evaluation, plan.excluded, plan.licences, plan.test_share)
    good = [part for part in parts if not part.problem]
    for part in good:
        counts.update({k: v for k, v in part.counts.items() if k != "rows"})
    keep = exact.select(good)
    counts.update(exact.reasons)
    leaks: dict[str, LeakEntry] = {
        known.name: {
            "functions": len(known.texts),
            "exact": exact.leaks[known.name],
            "near": None,
        }
        for known in plan.evaluation
    }
    # Before the search for near-duplicates, which takes the longest.
    if plan.repository_rows:
        counts[SURPLUS] = cap_repositories(good, keep, plan.repository_rows)
    if plan.near is not None:
        found = find_near_duplicates(
            good,
            keep,
            plan.evaluation,
            plan.near,
            plan.out / "near",
            plan.near_engine or plan.engine,
        )
        counts.update({NEAR_DUPLICATE: found.duplicates, NEAR_LEAK: found.leaked})
        for name, near in found.leaks.items():
            leaks[name]["near"] = near
        shutil.rmtree(plan.out / "near", ignore_errors=True)
    for reason, _ in plan.refused:
        counts[f"refused: {reason}"] += 1
    heads = exact.families.heads()
    repositories, files, rows = _write_shards(plan, good, keep, heads)
    counts.update(rows)
    return {
        "version": VERSION,
        "counts": dict(counts),
        "leaks": leaks,
        "repositories": repositories,
        "families": _families(heads),
        "files": files,
        "problems": [f"{part.name}: {part.problem}" for part in parts if part.problem],
        "refused": [message for _, message in plan.refused],
    }


def _families(heads: Mapping[str, str]) -> list[list[str]]:
    """Repositories that share much of their code, and so their split."""
    members: dict[str, list[str]] = {}
    for name, head in heads.items():
        members.setdefault(head, []).append(name)
    return sorted(sorted(names) for names in members.values() if len(names) > 1)


def _write_shards(
    plan: Build, parts: Sequence[Part], keep: Sequence[bytearray], heads: Mapping[str, str]
) -> tuple[dict[str, RepositoryEntry], dict[str, dict[str, object]], Counter[str]]:
    repositories: dict[str, RepositoryEntry] = {}
    counts: Counter[str] = Counter()
    shards = ShardWriter(plan.out)
    try:
        for part, mask in zip(parts, keep, strict=True):
            place = 0
            for group in read_tables(part.path):
                chosen = mask[place : place + group.num_rows]
                place += group.num_rows
                for split, rows in _by_split(group, chosen, plan, heads):
                    shards.add(split, rows)
                    counts[f"rows: {split}"] += rows.num_rows
                    _note(repositories, rows, split)
        # Without its statistics a half-replaced set of shards cannot be taken for whole.
        (plan.out / STATS).unlink(missing_ok=True)
        return repositories, shards.publish(), counts
    except OSError as error:
        shards.abandon()
        if error.errno in FULL:
            raise DatasetError(
                f"{plan.out}: the disk is full; free some space and run the same command again"
            ) from error
        raise


def _by_split(
    group: pa.Table, chosen: bytearray, plan: Build, heads: Mapping[str, str]
) -> list[tuple[str, pa.Table]]:
    """The chosen rows of a row group by split, in the order the splits appear."""
    rows = group.filter(pa.array(map(bool, chosen), pa.bool_()))
    official = rows.column("split").to_pylist()
    names = rows.column("repository").to_pylist()
    known: dict[tuple[object, object], str] = {}
    places: dict[str, list[int]] = {}
    for index, key in enumerate(zip(official, names, strict=True)):
        split = known.get(key)
        if split is None:
            split = str(key[0]) or split_of(heads[str(key[1])], plan.validation, plan.test)
            known[key] = split
        places.setdefault(split, []).append(index)
    plain = rows.select(SCHEMA.names)
    if len(places) == 1:
        return [(split, plain) for split in places]
    return [(split, plain.take(pa.array(indices))) for split, indices in places.items()]


def _note(repositories: dict[str, RepositoryEntry], rows: pa.Table, split: str) -> None:
    columns = (rows.column(name).to_pylist() for name in ("repository", "commit", "licence"))
    for (name, commit, licence), count in Counter(zip(*columns, strict=True)).items():
        entry = repositories.setdefault(
            str(name), {"licence": str(licence), "split": split, "commits": {}}
        )
        commits = entry["commits"]
        commits[str(commit)] = commits.get(str(commit), 0) + count
