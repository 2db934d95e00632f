"""`python -m dataset build`: repositories at pinned commits to a corpus folder."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from dataset.build import Build, Part, build, question_hashes
from dataset.config import load_config
from dataset.errors import DatasetError
from dataset.extract import Repository
from dataset.manifest import head_commit, read_excluded, read_manifest


@dataclass(frozen=True)
class Options:
    """The fields of a recipe; the command line has the same ones."""

    out: str
    source: str = "git"
    manifests: tuple[str, ...] = ()
    repositories: str = ""
    path: str = ""
    excluded: str = ""
    against: tuple[str, ...] = ()
    workers: int = 2
    validation: float = 0.01
    test: float = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a recipe (YAML) with the fields below")
    parser.add_argument("--source", choices=("git",), default=None)
    parser.add_argument("--manifest", dest="manifests", action="append", help="tab-separated list")
    parser.add_argument("--repositories", help="folder that holds the manifests' git directories")
    parser.add_argument("--path", help="one repository of your own, at its HEAD")
    parser.add_argument("--excluded", help="list of repositories that must not be used")
    parser.add_argument(
        "--against", action="append", help="evaluation rows (JSON Lines) to keep out"
    )
    parser.add_argument("--out", help="folder to write")
    parser.add_argument("--workers", type=int)


def main(arguments: argparse.Namespace) -> int:
    given = {k: v for k, v in vars(arguments).items() if v is not None}
    options = load_config(given.pop("config", None), given, Options)
    repositories, problems = _repositories(options)
    for problem in problems:
        print(f"dataset: {problem}", file=sys.stderr)
    if not repositories:
        raise DatasetError("no repository to read; give --path or --manifest with --repositories")
    whole = bool(options.path)
    plan = Build(
        repositories,
        Path(options.out),
        options.workers,
        0.0 if whole else options.validation,
        0.0 if whole else options.test,
        question_hashes(map(Path, options.against)),
    )
    stats = _run(plan)
    print(json.dumps(stats["counts"], indent=1, sort_keys=True))
    return 0


def _repositories(options: Options) -> tuple[list[Repository], list[str]]:
    if options.path:
        git_dir = Path(options.path)
        name = git_dir.resolve().name
        return [Repository(f"local/{name}", head_commit(git_dir), "unknown", git_dir)], []
    excluded = read_excluded(Path(options.excluded)) if options.excluded else frozenset[str]()
    found: list[Repository] = []
    problems: list[str] = []
    for manifest in options.manifests:
        rows, reasons = read_manifest(Path(manifest), Path(options.repositories), excluded)
        found += rows
        problems += reasons
    return found, problems


def _run(plan: Build) -> dict[str, object]:
    rows = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("repositories", total=len(plan.repositories), rows=0)

        def done(part: Part) -> None:
            nonlocal rows
            rows += part.counts.get("rows", 0)
            if part.problem:
                progress.console.print(f"dataset: {part.problem}", highlight=False)
            progress.update(task, advance=1, rows=rows)

        return build(plan, done)
