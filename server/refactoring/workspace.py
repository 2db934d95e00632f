"""The folders a rename may touch, the unsaved texts in them, and the index that both share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from server.refactoring.index import ProjectIndex

_INDEXES: dict[tuple[Path, ...], ProjectIndex] = {}
_GUARD = Lock()


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders a rename may touch; `overlays` are unsaved buffers, which are the truth."""

    roots: tuple[Path, ...]
    overlays: Mapping[Path, bytes] = field(default_factory=dict[Path, bytes])

    @property
    def index(self) -> ProjectIndex:
        """The index of these roots, one per process; `current_index` brings it up to date."""
        with _GUARD:
            if self.roots not in _INDEXES:
                _INDEXES[self.roots] = ProjectIndex(self.roots)
            return _INDEXES[self.roots]

    def current_index(self) -> ProjectIndex:
        """Return the index after taking in what changed on disk and in the overlays."""
        index = self.index
        for path in index.overlaid() - self.overlays.keys():
            index.update(path, None)
        index.refresh()
        for path, data in self.overlays.items():
            index.update(path, data)
        return index
