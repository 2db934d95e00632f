"""Keeps large repositories from outweighing the many small ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import cast

from dataset.parts import Part
from dataset.storage import read_tables

SURPLUS = "surplus of its repository"


def cap_repositories(parts: Sequence[Part], keep: Sequence[bytearray], most: int) -> int:
    """Clear the marks of all but about `most` kept rows of each repository; returns how many.

    Which rows stay depends on their hashes alone, so that a larger `most` only adds to them.
    """
    kept = Counter(name for _, _, name, _ in _kept_rows(parts, keep))
    dropped = 0
    for mask, place, name, source_hash in _kept_rows(parts, keep):
        if kept[name] > most and int(source_hash[:16], 16) / 16**16 >= most / kept[name]:
            mask[place] = 0
            dropped += 1
    return dropped


def _kept_rows(
    parts: Sequence[Part], keep: Sequence[bytearray]
) -> Iterator[tuple[bytearray, int, str, str]]:
    """(marks of its part, place in it, repository, hash) of every row that is marked."""
    for part, mask in zip(parts, keep, strict=True):
        place = 0
        for table in read_tables(part.path, ["repository", "source_hash"]):
            names = cast("list[str]", table.column("repository").to_pylist())
            hashes = cast("list[str]", table.column("source_hash").to_pylist())
            for name, source_hash in zip(names, hashes, strict=True):
                if mask[place]:
                    yield mask, place, name, source_hash
                place += 1
