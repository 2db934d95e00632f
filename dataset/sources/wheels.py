"""Reads wheels, packages in the form in which they are published, without installing them.

The form is PyPA's binary distribution format: a zip archive of the package's files, with a folder
`*.dist-info` of `METADATA` (who, which version, which licence) and `RECORD` (every file's hash).
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path

from dataset.decoding import to_utf8
from dataset.errors import DatasetError
from dataset.filters import MAX_FILE_BYTES, file_reason
from dataset.packages import LICENCE_FILE, Package, read_package
from dataset.sources.base import Document

_METADATA = re.compile(r"([^/]+\.dist-info)/METADATA")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A unit: the Python files of one wheel; `digest` is that of the list of its files' hashes."""

    path: Path
    package: Package
    digest: str
    weight: int

    @property
    def name(self) -> str:
        return self.package.name

    @property
    def key(self) -> str:
        return f"wheel {self.name} {self.package.version} {self.package.licence} {self.digest}"

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        """Its files in the order of their paths."""
        version, licence = self.package.version, self.package.licence
        with _opened(self.path) as archive:
            for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
                path = entry.filename
                if not path.endswith(".py"):
                    continue
                if entry.file_size > MAX_FILE_BYTES:
                    counts["file: too large"] += 1
                elif reason := file_reason(path, b""):
                    counts[f"file: {reason}"] += 1
                else:
                    data = to_utf8(_read(self.path, archive, path))
                    yield Document(path, data, self.name, version, licence)


def read_wheel(path: Path) -> Wheel:
    """What a wheel's metadata tells; raises DatasetError when it is none, or damaged."""
    with _opened(path) as archive:
        names = sorted(archive.namelist())
        about = next((found for name in names if (found := _METADATA.fullmatch(name))), None)
        if about is None:
            raise DatasetError(f"{path}: no METADATA in it; is it a wheel?")
        metadata = BytesParser().parsebytes(_read(path, archive, about[0]))
        licences = [
            _read(path, archive, name).decode(errors="replace")
            for name in names
            if LICENCE_FILE.fullmatch(name)
        ]
        record = _read(path, archive, f"{about[1]}/RECORD")
    return Wheel(
        path,
        read_package(metadata, licences),
        hashlib.blake2b(record, digest_size=8).hexdigest(),
        sum(name.endswith(".py") for name in names),
    )


def find_wheels(paths: Collection[Path]) -> list[Path]:
    """The wheels among `paths` and in the folders among them; raises DatasetError for others."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(path.glob("*.whl"))
        elif path.suffix == ".whl" and path.is_file():
            found.append(path)
        else:
            raise DatasetError(f"{path}: neither a wheel nor a folder of wheels")
    return found


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(path, error) from error


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except (KeyError, zipfile.BadZipFile, zlib.error, OSError, RuntimeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{path}: cannot be read ({error}); download it again")
