"""Which split a repository belongs to, whatever else a corpus holds."""

from __future__ import annotations

import hashlib

SPLITS = ("train", "validation", "test")


def split_of(repository: str, validation: float, test: float) -> str:
    """The split of a repository by a hash of its name; fractions are of repositories."""
    digest = hashlib.sha256(repository.lower().encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < validation:
        return "validation"
    return "test" if place < validation + test else "train"
