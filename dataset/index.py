"""Reads a package index: which files a package has there, and their bytes.

The interface is PyPA's simple repository API in its JSON form (PEP 691).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import urllib3
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from dataset.errors import DatasetError

_JSON = "application/vnd.pypi.simple.v1+json"
_PURE = "-none-any.whl"


class Absent(DatasetError):
    """The index does not have a release that is wanted, or not as it says; others may come."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A release to fetch: a file's name, or else the pure wheel of a version."""

    package: str
    version: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file of the index; `sha256` is "" where the index does not tell it."""

    name: str
    address: str
    sha256: str


class Index:
    """A package index at an address, over connections that are kept open; threads may share it."""

    def __init__(self, address: str, connections: int) -> None:
        self._address = address.rstrip("/")
        # The index, and the host that keeps its files.
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=connections,
            block=True,
            retries=urllib3.Retry(3, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504)),
            timeout=30,
        )

    def files(self, package: str) -> list[IndexFile]:
        """The files of a package.

        Raises Absent for an unknown package, DatasetError where no index answers.
        """
        address = f"{self._address}/{package}/"
        response = self._get(address, {"Accept": _JSON, "Accept-Encoding": "gzip"})
        try:
            listed: Sequence[dict[str, Any]] = response.json()["files"]
            return [
                IndexFile(
                    str(entry["filename"]),
                    urljoin(address, str(entry["url"])),
                    str(entry.get("hashes", {}).get("sha256", "")),
                )
                for entry in listed
                # What an index says becomes the name of a file here.
                if not set("/\\") & set(entry["filename"])
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"{address}: no list of files in JSON; give an index with PEP 691's interface"
            ) from error

    def fetch(self, file: IndexFile) -> bytes:
        """A file's bytes; raises Absent when they are not those named, DatasetError likewise."""
        data = self._get(file.address, {}).data
        if file.sha256 and hashlib.sha256(data).hexdigest() != file.sha256:
            raise Absent(f"{file.address}: its bytes are not those that the index names")
        return data

    def _get(self, address: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            response = self._pool.request("GET", address, headers=headers)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise DatasetError(
                f"{address}: cannot be reached ({error}); run the same command again, what came"
                " is kept"
            ) from error
        if response.status != 200:
            raise Absent(f"{address}: the index answers {response.status} {response.reason}")
        return response


def choose_file(wanted: Wanted, files: Sequence[IndexFile]) -> IndexFile:
    """The file that is wanted; raises Absent when the index no longer has it."""
    for file in files:
        if file.name == wanted.file or (not wanted.file and _is_pure(file.name, wanted.version)):
            return file
    what = wanted.file or f"pure wheel of version {wanted.version}"
    raise Absent(f"{wanted.package}: the index has no {what}")


def _is_pure(name: str, version: str) -> bool:
    """Whether a file is the pure wheel of a version, however the version is spelt."""
    try:
        return name.endswith(_PURE) and parse_wheel_filename(name)[1] == Version(version)
    except (InvalidWheelFilename, InvalidVersion):
        return False
