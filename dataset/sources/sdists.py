"""The inside of a source archive: a gzipped tar of PyPA's source distribution format.

All of it lies in one folder `name-version`, with the core metadata in `PKG-INFO`.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dataset.errors import DatasetError
from dataset.sources.archives import Entry, Head, damaged

_METADATA = re.compile(r"(\./)?[^/]+/PKG-INFO")
_LICENCE_FILE = re.compile(r"(\./)?[^/]+/(LICEN[CS]E|COPYING)[^/]*", re.IGNORECASE)
_FAULTS = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)


def read_sdist_head(path: Path) -> Head:
    """What a source archive says of itself; raises DatasetError when it is none, or damaged."""
    metadata: bytes | None = None
    licences: list[str] = []
    modules = 0
    try:
        digest = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                if _METADATA.fullmatch(member.name):
                    metadata = _read(path, archive, member)
                elif _LICENCE_FILE.fullmatch(member.name):
                    licences.append(_read(path, archive, member).decode(errors="replace"))
                modules += member.name.endswith(".py")
    except _FAULTS as error:
        raise damaged(path, error) from error
    if metadata is None:
        raise DatasetError(f"{path}: no PKG-INFO in it; is it a source archive?")
    return Head(metadata, tuple(licences), digest, modules)


def read_sdist_files(path: Path) -> Iterator[Entry]:
    """Its Python files in the archive's order, by their paths in the folder that holds all.

    Raises DatasetError where it is damaged.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".py"):
                    inside = member.name.removeprefix("./").partition("/")[2]
                    yield Entry(inside, member.size, partial(_read, path, archive, member))
    except _FAULTS as error:
        raise damaged(path, error) from error


def _read(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise damaged(path, tarfile.ReadError(f"{member.name} is not stored in it"))
    return file.read()
