"""Fetches the Parquet files of a dataset from the Hugging Face hub, each once.

The hub converts every dataset to Parquet and lists the files; no loading script runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from dataset.errors import DatasetError
from dataset.storage import settled

ENDPOINT = "https://huggingface.co"
_TIMEOUT = 60.0
_MAGIC = b"PAR1"


def fetch_tables(dataset: str, config: str, folder: Path, splits: tuple[str, ...] = ()) -> Path:
    """Bring a dataset's Parquet files to `folder/<split>/`; returns that folder.

    HF_ENDPOINT names another hub, HF_TOKEN opens gated datasets. Raises DatasetError that names
    the address.
    """
    endpoint = os.environ.get("HF_ENDPOINT", ENDPOINT).rstrip("/")
    address = f"{endpoint}/api/datasets/{quote(dataset)}/parquet/{quote(config)}"
    listing = _read_listing(address)
    for split, files in sorted(listing.items()):
        if splits and split not in splits:
            continue
        (folder / split).mkdir(parents=True, exist_ok=True)
        for number, url in enumerate(files):
            target = folder / split / f"{number:05d}.parquet"
            if not target.exists():
                _download(url, target)
    return folder


def _read_listing(address: str) -> dict[str, list[str]]:
    with _open(address) as answer:
        try:
            listing = json.loads(answer.read())
        except OSError as error:
            raise _silent(address, error) from error
        except ValueError as error:
            raise DatasetError(f"{address}: the hub's answer is not JSON; try again") from error
    if not isinstance(listing, dict):
        raise DatasetError(f"{address}: the hub lists no Parquet files by split")
    return {
        str(split): [str(url) for url in cast("list[object]", files)]
        for split, files in cast("dict[object, object]", listing).items()
        if isinstance(files, list)
    }


def _download(url: str, target: Path) -> None:
    with settled(target) as partial, _open(url) as answer, partial.open("wb") as stream:
        try:
            head = answer.read(len(_MAGIC))
            if head != _MAGIC:
                raise DatasetError(f"{url}: the hub's answer is not a Parquet file; try again")
            stream.write(head)
            while portion := answer.read(1 << 20):
                stream.write(portion)
        except TimeoutError as error:
            raise _silent(url, error) from error
        promised = answer.headers.get("Content-Length")
        if promised is not None and stream.tell() != int(promised):
            raise DatasetError(f"{url}: the download ended early; run the same command again")


def _open(address: str) -> Any:
    request = Request(address, headers={"User-Agent": "namewright"})
    if token := os.environ.get("HF_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    try:
        return urlopen(request, timeout=_TIMEOUT)
    except HTTPError as error:
        hint = "set HF_TOKEN" if error.code in (401, 403) else "check the dataset's name"
        raise DatasetError(f"{address}: the hub answered {error.code}; {hint}") from error
    except (URLError, TimeoutError, OSError) as error:
        raise _silent(address, error) from error


def _silent(address: str, error: OSError) -> DatasetError:
    cause = getattr(error, "reason", error)
    return DatasetError(
        f"{address}: no answer ({cause}); check the network, or fetch the files elsewhere and"
        " give their folder with --source table --path FOLDER"
    )
