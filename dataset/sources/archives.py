"""What the two forms of a published package have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataset.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Head:
    """What an archive says of itself: core metadata, licence files, a hash of all, its modules."""

    metadata: bytes
    licences: tuple[str, ...]
    digest: str
    modules: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A Python file in an archive, of `size` bytes; to be read before the next one."""

    path: str
    size: int
    read: Callable[[], bytes]


def damaged(path: Path, error: Exception) -> DatasetError:
    """The error of an archive that ends early or holds rubbish."""
    return DatasetError(f"{path}: cannot be read ({error}); download it again")
