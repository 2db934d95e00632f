"""Units that fail in ways no source should; workers find them by import."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dataset.errors import DatasetError
from dataset.sources.base import Document

CODE = b"def read_rows(path):\n    return open(path).read().split()\n"


def give() -> bytes:
    return CODE


def meet_a_bug() -> bytes:
    raise ZeroDivisionError("a bug")


def be_unreadable() -> bytes:
    raise DatasetError("the unit is unreadable; mend it")


def be_killed() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def fail_at_one(rank: int) -> None:
    """A task."""
    if rank == 1:
        raise ZeroDivisionError("a bug")


@dataclass(frozen=True, slots=True)
class OneFile:
    """A unit of one file that `content` gives."""

    name: str
    content: Callable[[], bytes] = give
    weight: int = 1

    @property
    def key(self) -> str:
        return f"one {self.name}"

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        yield Document(f"{self.name}.py", self.content(), f"local/{self.name}")
