"""Reads plain folders of Python files, and packages that are installed beside this one."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import cast

from dataset.decoding import to_utf8
from dataset.errors import DatasetError
from dataset.filters import MAX_FILE_BYTES, file_reason
from dataset.licences import UNKNOWN
from dataset.packages import LICENCE_FILE, Package, read_package
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


def installed_package(name: str) -> tuple[Folder, Package]:
    """The files of an installed distribution, and what its metadata tells.

    Raises DatasetError when it is not installed.
    """
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise DatasetError(f"{name}: not installed here; pip install {name}") from error
    files = distribution.files or ()
    code = tuple(str(path) for path in files if path.suffix == ".py" and ".." not in path.parts)
    if not code:
        raise DatasetError(f"{name}: its installation lists no Python files")
    licences = [
        path.read_text(errors="replace")
        for file in files
        if LICENCE_FILE.fullmatch(str(file)) and (path := Path(str(file.locate()))).is_file()
    ]
    about = read_package(cast(Message, distribution.metadata), licences)
    root = Path(str(distribution.locate_file("")))
    return Folder(name, root, about.licence, about.version, code, len(code)), about
