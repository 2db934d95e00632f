"""`python -m dataset fetch`: the releases that a list names, from a package index to a folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from dataset.errors import DatasetError
from dataset.index import Absent, Index, Wanted, choose_file
from dataset.manifest import read_lines
from dataset.packages import normalised
from dataset.storage import remove_partials, settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--releases", type=Path, required=True, help="list with the columns package and version"
    )
    parser.add_argument("--index", required=True, help="address of a package index, .../simple")
    parser.add_argument("--out", type=Path, required=True, help="folder to fetch into")
    parser.add_argument("--workers", type=int, default=16, help="files fetched at a time (16)")


def main(arguments: argparse.Namespace) -> int:
    wanted = read_wanted(arguments.releases)
    out: Path = arguments.out
    workers = max(1, arguments.workers)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written ({error.strerror})") from error
    remove_partials(out)
    counts: Counter[str] = Counter()
    first = ""
    one = partial(fetch_one, Index(arguments.index, workers), out)
    pool = ThreadPoolExecutor(workers)
    try:
        running = as_completed([pool.submit(one, each) for each in wanted])
        console = Console(stderr=True)
        for future in track(running, "fetch", len(wanted), console=console):
            try:
                counts[future.result()] += 1
            except Absent as error:
                counts["absent"] += 1
                first = first or str(error)
                print(f"dataset: {error}", file=sys.stderr)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if counts["absent"] == len(wanted):
        raise DatasetError(f"nothing could be fetched; first: {first}")
    print(json.dumps(dict(counts), indent=1, sort_keys=True))
    return 0


def read_wanted(path: Path) -> list[Wanted]:
    """The releases of a tab-separated list with a line of headings.

    `package` and `version` are needed, `file` names another file than the pure wheel. Raises
    DatasetError with the number of a malformed line.
    """
    headings, *lines = read_lines(path) or [""]
    columns = headings.split("\t")
    if not {"package", "version"} <= set(columns):
        raise DatasetError(f"{path}:1: expected headings with `package` and `version`")
    wanted: list[Wanted] = []
    for number, line in enumerate(lines, 2):
        if not line or line.startswith("#"):
            continue
        cells = dict(zip(columns, line.split("\t"), strict=False))
        package, version = cells.get("package", ""), cells.get("version", "")
        file = cells.get("file", "")
        if not (package and version) or set("/\\") & set(package + file):
            raise DatasetError(f"{path}:{number}: expected a package and its version, got {line!r}")
        wanted.append(Wanted(normalised(package), version, file))
    if not wanted:
        raise DatasetError(f"{path}: names no release")
    return wanted


def fetch_one(index: Index, out: Path, wanted: Wanted) -> str:
    """Fetch a release unless it is there; returns which of the two. Raises Absent, DatasetError."""
    if wanted.file and (out / wanted.file).exists():
        return "there already"
    file = choose_file(wanted, index.files(wanted.package))
    path = out / file.name
    if path.exists():
        return "there already"
    data = index.fetch(file)
    try:
        with settled(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror})") from error
    return "fetched"
