"""Reads plain folders of Python files, and packages that are installed beside this one."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from dataset.decoding import to_utf8
from dataset.errors import DatasetError
from dataset.filters import MAX_FILE_BYTES, file_reason
from dataset.licences import UNKNOWN
from dataset.sources.base import Document


@dataclass(frozen=True, slots=True)
class Folder:
    """A unit: some Python files below `root`; all of them where `files` is ()."""

    name: str
    root: Path
    licence: str = UNKNOWN
    version: str = ""
    files: tuple[str, ...] = ()
    weight: int = 0

    @property
    def key(self) -> str:
        """Follows the names, sizes and times of the files, so that an edit is noticed."""
        digest = hashlib.blake2b(digest_size=8)
        for path in self._paths(Counter()):
            state = (self.root / path).stat()
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
        return f"folder {self.name} {self.version} {self.licence} {digest.hexdigest()}"

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        """Its files in the order of their paths; links are never followed."""
        if not self.root.is_dir():
            raise DatasetError(f"{self.root}: no such folder")
        for path in self._paths(counts):
            try:
                data = (self.root / path).read_bytes()
            except OSError:
                counts["file: unreadable"] += 1
                continue
            yield Document(path, to_utf8(data), self.name, self.version, self.licence)

    def _paths(self, counts: Counter[str]) -> Iterator[str]:
        for path in sorted(self.files) if self.files else _walk(self.root):
            full = self.root / path
            if full.is_symlink() or not full.is_file():
                counts["file: link"] += 1
            elif full.stat().st_size > MAX_FILE_BYTES:
                counts["file: too large"] += 1
            elif reason := file_reason(path, b""):
                counts[f"file: {reason}"] += 1
            else:
                yield path


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                yield (Path(folder) / name).relative_to(root).as_posix()


def installed_package(name: str) -> Folder:
    """The files of an installed distribution; raises DatasetError when it is not installed."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise DatasetError(f"{name}: not installed here; pip install {name}") from error
    files = tuple(
        str(path)
        for path in distribution.files or ()
        if path.suffix == ".py" and ".." not in path.parts
    )
    if not files:
        raise DatasetError(f"{name}: its installation lists no Python files")
    about = distribution.metadata
    stated = [about[key] for key in ("License-Expression", "License") if key in about]
    licence = next((text for text in stated if text), UNKNOWN)
    root = Path(str(distribution.locate_file("")))
    return Folder(name, root, licence.split("\n")[0][:60], distribution.version, files, len(files))
