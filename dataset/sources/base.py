"""What every source gives: units that one worker reads alone, each a stream of documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Document:
    """Python source as UTF-8 bytes, and where it comes from.

    `class_chain` is set where the source is one function cut out of its class; `split` where a
    source has official splits (`train`, `validation`, `test`); `lines` where only the
    functions that begin on one of them are wanted.
    """

    path: str
    data: bytes
    repository: str = ""
    commit: str = ""
    licence: str = ""
    class_chain: tuple[str, ...] = ()
    split: str = ""
    lines: frozenset[int] = frozenset()


class Unit(Protocol):
    """A part of a source: a repository at a commit, a folder, a file of a table. Picklable."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def key(self) -> str:
        """Equal keys promise equal rows; an interrupted build goes by it."""
        ...

    @property
    def weight(self) -> int:
        """Roughly its number of functions; the heaviest units are read first."""
        ...

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        """Its documents in a fixed order; what is left out is counted by reason.

        Raises DatasetError where the unit cannot be read.
        """
        ...
