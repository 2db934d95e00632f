"""`python -m dataset build`: any source to a corpus folder.

python -m dataset build --source git --path .
python -m dataset build --config dataset/recipes/manifest.yaml
python -m dataset build --source codesearchnet --out corpus/csn
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from rich.console import Console

from dataset.build import Build, build
from dataset.commands.choose_source import SOURCES, choose_units
from dataset.commands.progress import PartProgress
from dataset.config import load_config
from dataset.deduplicate import TEST_SHARE, read_evaluation_sets
from dataset.engines import ENGINES, Processes, make_engine
from dataset.extract import Choice
from dataset.manifest import read_excluded
from dataset.near_duplicates import NearOptions


@dataclass(frozen=True)
class Options:
    """The fields of a recipe; the command line has the same ones.

    source        git, folder, packages, releases, table, hub, codesearchnet or addresses
    path          a repository, folder, table, list of addresses, installed package, wheel,
                  source archive or folder of these two; also several
    manifests     lists of repositories (git), tab-separated
    repositories  folder that holds their git directories
    layouts       where in it: patterns of {owner} and {name}
    clone_from    pattern of addresses to clone what is missing, such as
                  https://github.com/{owner}/{name}.git
    excluded      list of repositories that must not be used
    licences      allowed licences or families of them; none given: all
    newer_than    a date: repositories begun on it or later are the test split
    dataset       name on the hub, and its configuration
    columns       of a table: code, path, repository, commit, licence, function, split, language
    against       evaluation rows (JSON Lines) to keep out
    near          leave out near-duplicates, too
    ascii_names   leave out names beyond ASCII
    english_names  leave out names beyond ASCII or with a word of another language
    repository_rows  at most about so many functions of one repository (0: all)
    tests         at most so many test cases, as a share of a repository's other functions
    out           folder to write
    engine        processes, local, slurm or ray; the last three are datatrove's
    engine_options  for the constructor of datatrove's executor
    """

    out: str = "corpus"
    source: str = "git"
    path: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    repositories: str = ""
    layouts: tuple[str, ...] = ()
    clone_from: str = ""
    excluded: str = ""
    licences: tuple[str, ...] = ()
    newer_than: str = ""
    dataset: str = ""
    configuration: str = "default"
    columns: dict[str, str] = field(default_factory=dict[str, str])
    against: tuple[str, ...] = ()
    near: bool = False
    repository_rows: int = 0
    ascii_names: bool = False
    english_names: bool = False
    tests: float = TEST_SHARE
    workers: int = 2
    engine: str = "processes"
    engine_options: dict[str, Any] = field(default_factory=dict[str, Any])
    validation: float = 0.01
    test: float = 0.01


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a recipe (YAML) with the fields below")
    parser.add_argument("--source", choices=SOURCES)
    parser.add_argument(
        "--path", action="append", help="a repository, folder, table, package or archive of one"
    )
    parser.add_argument("--manifest", dest="manifests", action="append", help="tab-separated list")
    parser.add_argument("--repositories", help="folder that holds the manifests' git directories")
    parser.add_argument("--layout", dest="layouts", action="append", help="such as {owner}/{name}")
    parser.add_argument("--clone-from", help="such as https://github.com/{owner}/{name}.git")
    parser.add_argument("--excluded", help="list of repositories that must not be used")
    parser.add_argument("--licence", dest="licences", action="append", help="an allowed licence")
    parser.add_argument("--newer-than", help="date from which new repositories are the test split")
    parser.add_argument("--dataset", help="name of a dataset on the hub")
    parser.add_argument("--configuration", help="its configuration")
    parser.add_argument(
        "--against", action="append", help="evaluation rows (JSON Lines) to keep out"
    )
    parser.add_argument("--near", action="store_const", const=True, help="no near-duplicates")
    parser.add_argument("--repository-rows", type=int, help="at most so many of one repository")
    parser.add_argument("--ascii-names", action="store_const", const=True)
    parser.add_argument("--english-names", action="store_const", const=True)
    parser.add_argument("--tests", type=float, help="share of a repository's other functions")
    parser.add_argument("--out", help="folder to write (corpus)")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--validation", type=float, help="share of the repositories")
    parser.add_argument("--test", type=float, help="share of the repositories")


def _row_licences(options: Options) -> tuple[str, ...]:
    """Repositories and packages are judged before they are read; of other sources the rows."""
    return () if options.source in ("git", "packages", "releases") else options.licences


def main(arguments: argparse.Namespace) -> int:
    known = {field.name for field in fields(Options)}
    given = {k: v for k, v in vars(arguments).items() if k in known and v is not None}
    options = load_config(arguments.config, given, Options)
    out = Path(options.out)
    units, refused = choose_units(options)
    for _, message in refused:
        print(f"dataset: {message}", file=sys.stderr)
    own = bool(options.path) and options.source in ("git", "folder", "packages")
    plan = Build(
        units,
        out,
        make_engine(options.engine, options.workers, out / "logs", options.engine_options),
        Processes(min(options.workers, os.cpu_count() or 1)) if options.engine == "slurm" else None,
        0.0 if own else options.validation,
        # The repositories that are new enough are the test split, and nothing else.
        0.0 if own or options.newer_than else options.test,
        read_evaluation_sets(map(Path, options.against)),
        read_excluded(Path(options.excluded)) if options.excluded else frozenset(),
        _row_licences(options),
        options.tests,
        Choice(options.ascii_names, options.english_names),
        NearOptions() if options.near else None,
        options.repository_rows,
        refused,
    )
    with PartProgress(len(units), Console(stderr=True)) as progress:
        stats = build(plan, progress.note)
    print(json.dumps(stats["counts"], indent=1, sort_keys=True))
    print(
        f"dataset: written to {out}; `python -m dataset stats {out}` describes it", file=sys.stderr
    )
    return 0
