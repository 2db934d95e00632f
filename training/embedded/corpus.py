"""Reads a corpus that `python -m dataset build` wrote, as examples to learn from."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dataset.question import Context
from training.embedded.encoding import Example
from training.errors import TrainingError

COLUMNS = (
    "question_text",
    "name",
    "file_stem",
    "class_chain",
    "decorators",
    "siblings",
    "docstring",
)


class RowGroup(NamedTuple):
    """A row group of one shard: what one process reads at a time."""

    shard: Path
    number: int
    late: frozenset[str] = frozenset()


def row_groups(
    folder: Path, split: str = "train", late: frozenset[str] = frozenset()
) -> list[RowGroup]:
    """The row groups of a split, in order; functions of the repositories `late` are marked so.

    Raises TrainingError where there are no shards.
    """
    import pyarrow.parquet as parquet

    shards = sorted(folder.glob(f"{split}-*.parquet"))
    if not shards:
        raise TrainingError(
            f"{folder}: no {split}-*.parquet there; run `python -m dataset build` first"
        )
    return [
        RowGroup(shard, number, late)
        for shard in shards
        for number in range(parquet.ParquetFile(shard).num_row_groups)
    ]


def read_group(group: RowGroup) -> list[Example]:
    """The examples of a row group."""
    import pyarrow.parquet as parquet

    wanted = [*COLUMNS, "repository"]
    table = parquet.ParquetFile(group.shard).read_row_group(group.number, columns=wanted)
    rows = zip(*(table.column(name).to_pylist() for name in wanted), strict=True)
    return [
        Example(
            text,
            name,
            Context(
                stem or "",
                tuple(chain or ()),
                tuple(decorators or ()),
                tuple(siblings or ()),
                docstring or "",
            ),
            repository in group.late,
        )
        for text, name, stem, chain, decorators, siblings, docstring, repository in rows
    ]


def sample_examples(groups: Sequence[RowGroup], seed: int) -> Iterator[Example]:
    """A quarter of each row group, groups in an order drawn from the seed: many repositories."""
    generator = random.Random(seed)
    for group in generator.sample(groups, len(groups)):
        rows = read_group(group)
        yield from generator.sample(rows, -(-len(rows) // 4))


def small_repositories(folder: Path, below: int) -> frozenset[str]:
    """Repositories with fewer functions in the corpus than `below`.

    Raises TrainingError without the corpus's statistics.
    """
    path = folder / "stats.json"
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["repositories"]
    except (OSError, KeyError, ValueError) as error:
        raise TrainingError(f"{path}: no statistics of the corpus; build it again") from error
    return frozenset(
        name for name, entry in entries.items() if sum(entry["commits"].values()) < below
    )
