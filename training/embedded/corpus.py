"""Reads a corpus that `python -m dataset build` wrote, as examples to learn from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from dataset.question import Context
from training.embedded.packing import Example
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


def read_examples(folder: Path, shuffled: int | None = None) -> Iterator[Example]:
    """Every row of the folder's `train` shards, in order, or in an order drawn from a seed."""
    import pyarrow.parquet as parquet

    shards = sorted(folder.glob("train-*.parquet"))
    if not shards:
        raise TrainingError(
            f"{folder}: no train-*.parquet there; run `python -m dataset build` first"
        )
    groups = [
        (shard, group)
        for shard in shards
        for group in range(parquet.ParquetFile(shard).num_row_groups)
    ]
    generator = random.Random(shuffled)
    if shuffled is not None:
        generator.shuffle(groups)
    for shard, group in groups:
        table = parquet.ParquetFile(shard).read_row_group(group, columns=list(COLUMNS))
        rows = list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True))
        if shuffled is not None:
            # A part of each group, so that a sample sees many repositories.
            rows = generator.sample(rows, -(-len(rows) // 4))
        for text, name, stem, chain, decorators, siblings, docstring in rows:
            context = Context(
                stem or "",
                tuple(chain or ()),
                tuple(decorators or ()),
                tuple(siblings or ()),
                docstring or "",
            )
            yield Example(text, name, context)
