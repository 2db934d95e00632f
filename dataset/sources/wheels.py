"""The inside of a wheel: a zip archive of PyPA's binary distribution format.

It holds the package's files and a folder `*.dist-info` of `METADATA` (who, which version, which
licence) and `RECORD` (every file's hash).
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dataset.errors import DatasetError
from dataset.packages import LICENCE_FILE
from dataset.sources.archives import Entry, Head, damaged

_METADATA = re.compile(r"([^/]+\.dist-info)/METADATA")


def read_wheel_head(path: Path) -> Head:
    """What a wheel says of itself; raises DatasetError when it is none, or damaged."""
    with _opened(path) as archive:
        names = sorted(archive.namelist())
        about = next((found for name in names if (found := _METADATA.fullmatch(name))), None)
        if about is None:
            raise DatasetError(f"{path}: no METADATA in it; is it a wheel?")
        return Head(
            _read(path, archive, about[0]),
            tuple(
                _read(path, archive, name).decode(errors="replace")
                for name in names
                if LICENCE_FILE.fullmatch(name)
            ),
            hashlib.blake2b(_read(path, archive, f"{about[1]}/RECORD"), digest_size=8).hexdigest(),
            sum(name.endswith(".py") for name in names),
        )


def read_wheel_files(path: Path) -> Iterator[Entry]:
    """Its Python files in the order of their paths; raises DatasetError where it is damaged."""
    with _opened(path) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            name = entry.filename
            if name.endswith(".py"):
                yield Entry(name, entry.file_size, partial(_read, path, archive, name))


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise damaged(path, error) from error


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except (KeyError, zipfile.BadZipFile, zlib.error, OSError, RuntimeError) as error:
        raise damaged(path, error) from error
