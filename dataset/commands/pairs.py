"""`python -m dataset pairs`: renames in git histories, as two names for one question.

python -m dataset pairs --repo . --out pairs.jsonl
python -m dataset pairs --manifest repositories.tsv --repositories DIR --out pairs.jsonl
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dataset.engines import Processes
from dataset.errors import DatasetError
from dataset.history import blob_reader, changes
from dataset.local import excluded_name, local_names
from dataset.manifest import Rules, licence_of, read_excluded, read_manifest
from dataset.renames import find_pairs
from dataset.sources.git import Repository, head_commit
from dataset.storage import settled, write_text

# Raise it whenever the same history gives other pairs.
VERSION = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", nargs="+", action="extend", default=[], help="git directories")
    parser.add_argument("--manifest", action="append", default=[], help="tab-separated list")
    parser.add_argument("--repositories", help="folder that holds the manifests' git directories")
    parser.add_argument("--excluded", help="list of repositories that must not be used")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines file to write")
    parser.add_argument("--workers", type=int, default=2)


def main(arguments: argparse.Namespace) -> int:
    repositories, refused = _repositories(arguments)
    for _, message in refused:
        print(f"dataset: {message}", file=sys.stderr)
    if not repositories:
        raise DatasetError("nothing to read; give --repo, or --manifest with --repositories")
    out: Path = arguments.out
    folder = out.with_name(f"{out.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    histories = [History(repository, folder) for repository in repositories]
    console = Console(stderr=True)
    columns = (TextColumn("histories"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("histories", total=len(histories))
        Processes(arguments.workers)(
            partial(_walk, histories), len(histories), lambda _rank: progress.advance(task)
        )
    counts = _join(histories, out)
    counts.update(f"refused: {reason}" for reason, _ in refused)
    print(json.dumps(dict(counts), indent=1, sort_keys=True))
    return 0


@dataclass(frozen=True, slots=True)
class History:
    """A repository, and the folder of the file its pairs go to."""

    repository: Repository
    folder: Path

    @property
    def path(self) -> Path:
        """Named so that it is used again while repository and commit are the same."""
        key = f"{VERSION} {self.repository.key}".encode()
        name = self.repository.name.replace("/", "+")
        return self.folder / f"{name}@{hashlib.blake2b(key, digest_size=8).hexdigest()}.jsonl"


def _repositories(
    arguments: argparse.Namespace,
) -> tuple[list[Repository], list[tuple[str, str]]]:
    found: list[Repository] = []
    refused: list[tuple[str, str]] = []
    excluded = read_excluded(Path(arguments.excluded)) if arguments.excluded else frozenset[str]()
    paths = [Path(text) for text in arguments.repo]
    for path, name in zip(paths, local_names(paths), strict=True):
        known = excluded_name(path, excluded)
        if known:
            refused.append(("excluded", f"{path}: {known} is excluded from training data"))
        else:
            commit = head_commit(path)
            found.append(Repository(name, commit, licence_of(path, commit), path))
    for manifest in arguments.manifest:
        if not arguments.repositories:
            raise DatasetError("--repositories is missing: the folder of the git directories")
        rows, reasons = read_manifest(Path(manifest), Rules(Path(arguments.repositories), excluded))
        found += rows
        refused += reasons
    return found, refused


def _walk(histories: Sequence[History], rank: int) -> None:
    """Write the pairs of one history; the first line holds its counts."""
    history = histories[rank]
    if history.path.exists():
        return
    repository = history.repository
    counts: Counter[str] = Counter()
    lines: list[str] = []
    try:
        with blob_reader(repository.git_dir) as read:
            stream = changes(repository.git_dir, repository.commit, counts)
            for pair in find_pairs(stream, read, repository.name, repository.licence, counts):
                lines.append(json.dumps(pair, ensure_ascii=False))
    except DatasetError as error:
        print(f"dataset: {repository.name}: {error}", file=sys.stderr)
        return
    write_text(history.path, "\n".join([json.dumps(counts), *lines]) + "\n")


def _join(histories: Sequence[History], out: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    with settled(out) as partial_path, partial_path.open("w", encoding="utf-8") as stream:
        for history in histories:
            if not history.path.exists():
                counts["histories not read"] += 1
                continue
            with history.path.open(encoding="utf-8") as lines:
                counts.update(json.loads(next(lines)))
                counts["histories"] += 1
                for line in lines:
                    stream.write(line)
                    counts["pairs"] += 1
    return counts
