"""Packages in the forms in which they are published, read without installing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path

from dataset.decoding import to_utf8
from dataset.errors import DatasetError
from dataset.filters import MAX_FILE_BYTES, file_reason
from dataset.packages import Package, read_package
from dataset.sources.base import Document
from dataset.sources.sdists import read_sdist_files, read_sdist_head
from dataset.sources.wheels import read_wheel_files, read_wheel_head

_FORMS = {
    ".whl": ("wheel", read_wheel_head, read_wheel_files),
    ".tar.gz": ("sdist", read_sdist_head, read_sdist_files),
}


@dataclass(frozen=True, slots=True)
class Release:
    """A unit: the Python files of one archive; `digest` is a hash of all that it holds."""

    path: Path
    package: Package
    digest: str
    weight: int

    @property
    def name(self) -> str:
        return self.package.name

    @property
    def key(self) -> str:
        form, _, _ = _FORMS[_suffix(self.path)]
        return f"{form} {self.name} {self.package.version} {self.package.licence} {self.digest}"

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        """Its files, those of a wheel in the order of their paths."""
        _, _, read_files = _FORMS[_suffix(self.path)]
        version, licence = self.package.version, self.package.licence
        for entry in read_files(self.path):
            if entry.size > MAX_FILE_BYTES:
                counts["file: too large"] += 1
            elif reason := file_reason(entry.path, b""):
                counts[f"file: {reason}"] += 1
            else:
                yield Document(entry.path, to_utf8(entry.read()), self.name, version, licence)


def read_release(path: Path) -> Release:
    """What an archive's metadata tells; raises DatasetError when it is none, or damaged."""
    _, read_head, _ = _FORMS[_suffix(path)]
    head = read_head(path)
    metadata = BytesParser().parsebytes(head.metadata, headersonly=True)
    return Release(path, read_package(metadata, head.licences), head.digest, head.modules)


def find_releases(paths: Collection[Path]) -> list[Path]:
    """The archives among `paths` and in the folders among them; raises DatasetError for others."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if _suffix(file))
        elif _suffix(path) and path.is_file():
            found.append(path)
        else:
            raise DatasetError(
                f"{path}: neither a wheel (.whl) or source archive (.tar.gz) nor a folder of them"
            )
    return found


def _suffix(path: Path) -> str:
    return next((suffix for suffix in _FORMS if path.name.endswith(suffix)), "")
