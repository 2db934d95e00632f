"""From the options of a build to the units of its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Protocol

from dataset.errors import DatasetError
from dataset.licences import is_allowed
from dataset.local import excluded_name, local_names
from dataset.manifest import LAYOUTS, Rules, licence_of, read_excluded, read_lines, read_manifest
from dataset.packages import Package
from dataset.sources.addresses import group_addresses, read_addresses
from dataset.sources.base import Unit
from dataset.sources.folder import Folder, installed_package
from dataset.sources.git import Repository, head_commit
from dataset.sources.hub import fetch_tables
from dataset.sources.releases import find_releases, read_release
from dataset.sources.tables import Columns, table_files

CODESEARCHNET = "code-search-net/code_search_net"
Refused = list[tuple[str, str]]


class SourceOptions(Protocol):
    """The part of a build's options that says what to read."""

    @property
    def out(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def path(self) -> tuple[str, ...]: ...
    @property
    def manifests(self) -> tuple[str, ...]: ...
    @property
    def repositories(self) -> str: ...
    @property
    def layouts(self) -> tuple[str, ...]: ...
    @property
    def clone_from(self) -> str: ...
    @property
    def excluded(self) -> str: ...
    @property
    def licences(self) -> tuple[str, ...]: ...
    @property
    def newer_than(self) -> str: ...
    @property
    def dataset(self) -> str: ...
    @property
    def configuration(self) -> str: ...
    @property
    def columns(self) -> dict[str, str]: ...


def choose_units(options: SourceOptions) -> tuple[list[Unit], Refused]:
    """The units to read, and (reason, message) for each one refused; raises DatasetError."""
    if options.source not in _READERS:
        raise DatasetError(f"source {options.source!r} is unknown; known are {', '.join(SOURCES)}")
    units, refused = _READERS[options.source](options)
    if not units:
        if refused:
            raise DatasetError(f"nothing to read; refused: {len(refused)}, first: {refused[0][1]}")
        raise DatasetError("nothing to read; give --path, or --manifest with --repositories")
    # What two manifests name is read once.
    return list(dict.fromkeys(units)), refused


def _git(options: SourceOptions) -> tuple[list[Unit], Refused]:
    units: list[Unit] = []
    refused: Refused = []
    paths = [Path(path) for path in options.path]
    excluded = _rules(options).excluded
    for path, name in zip(paths, local_names(paths), strict=True):
        known = excluded_name(path, excluded)
        if known:
            refused.append(("excluded", f"{path}: {known} is excluded from training data"))
        else:
            commit = head_commit(path)
            licence = licence_of(path, commit)
            if options.licences and not is_allowed(licence, options.licences):
                refused.append(
                    ("licence", f"{path}: has the licence {licence}, which is not allowed")
                )
            else:
                units.append(Repository(name, commit, licence, path, newer_than=options.newer_than))
    if options.manifests and not options.repositories:
        raise DatasetError("--repositories is missing: the folder that holds the git directories")
    rules = _rules(options)
    for manifest in options.manifests:
        found, reasons = read_manifest(Path(manifest), rules)
        units += found
        refused += reasons
    return units, refused


def _rules(options: SourceOptions) -> Rules:
    return Rules(
        Path(options.repositories),
        read_excluded(Path(options.excluded)) if options.excluded else frozenset(),
        options.licences,
        options.layouts or LAYOUTS,
        options.clone_from,
        options.newer_than,
    )


def _folder(options: SourceOptions) -> tuple[list[Unit], Refused]:
    units: list[Unit] = []
    refused: Refused = []
    paths = [Path(path) for path in options.path]
    excluded = _rules(options).excluded
    for path, name in zip(paths, local_names(paths), strict=True):
        if not path.is_dir():
            raise DatasetError(f"{path}: no such folder")
        known = excluded_name(path, excluded)
        if known:
            refused.append(("excluded", f"{path}: {known} is excluded from training data"))
        else:
            units.append(Folder(name, path))
    return units, refused


def _packages(options: SourceOptions) -> tuple[list[Unit], Refused]:
    units: list[Unit] = []
    refused: Refused = []
    rules = _rules(options)
    for name in options.path:
        unit, package = installed_package(name)
        reason = _refusal(package, rules)
        if reason:
            refused.append(reason)
        else:
            units.append(unit)
    return units, refused


def _releases(options: SourceOptions) -> tuple[list[Unit], Refused]:
    units: list[Unit] = []
    refused: Refused = []
    rules = _rules(options)
    for path in find_releases([Path(path) for path in options.path]):
        try:
            unit = read_release(path)
        except DatasetError as error:
            refused.append(("unreadable", str(error)))
            continue
        reason = _refusal(unit.package, rules)
        if reason:
            refused.append(reason)
        else:
            units.append(unit)
    return units, refused


def _refusal(package: Package, rules: Rules) -> tuple[str, str] | None:
    known = package.excluded_as(rules.excluded)
    if known:
        return "excluded", f"{package.name}: {known} is excluded from training data"
    if rules.licences and not is_allowed(package.licence, rules.licences):
        return "licence", f"{package.name}: has the licence {package.licence}, which is not allowed"
    return None


def _table(options: SourceOptions) -> tuple[list[Unit], Refused]:
    columns = _columns(options.columns)
    return [unit for path in options.path for unit in table_files(Path(path), columns)], []


def _hub(options: SourceOptions) -> tuple[list[Unit], Refused]:
    if not options.dataset:
        raise DatasetError("--dataset is missing: the name of a dataset on the hub")
    return _fetched(options, options.dataset, options.configuration)


def _codesearchnet(options: SourceOptions) -> tuple[list[Unit], Refused]:
    if options.path:
        return _table(options)
    return _fetched(options, options.dataset or CODESEARCHNET, "python")


def _fetched(
    options: SourceOptions, dataset: str, configuration: str
) -> tuple[list[Unit], Refused]:
    folder = Path(options.out) / "downloads" / f"{dataset.replace('/', '+')}+{configuration}"
    fetch_tables(dataset, configuration, folder)
    return [*table_files(folder, _columns(options.columns))], []


def _columns(named: dict[str, str]) -> Columns | None:
    if not named:
        return None
    known = [field.name for field in fields(Columns)]
    if "code" not in named or set(named) - set(known):
        raise DatasetError(f"columns: `code` and any of {', '.join(known[1:])} are known")
    return Columns(**named)


def _addresses(options: SourceOptions) -> tuple[list[Unit], Refused]:
    units: list[Unit] = []
    refused: Refused = []
    excluded = _rules(options).excluded
    for path in options.path:
        found, absent = group_addresses(
            read_addresses(read_lines(Path(path)), f"{path}:"),
            Path(options.repositories),
            options.layouts or LAYOUTS,
        )
        for group in found:
            if group.name.lower() in excluded:
                refused.append(("excluded", f"{group.name} is excluded from training data"))
            else:
                units.append(group)
        refused += [(reason, f"{path}: {count} x {reason}") for reason, count in absent.items()]
    return units, refused


_READERS: dict[str, Callable[[SourceOptions], tuple[list[Unit], Refused]]] = {
    "git": _git,
    "folder": _folder,
    "packages": _packages,
    "releases": _releases,
    "table": _table,
    "hub": _hub,
    "codesearchnet": _codesearchnet,
    "addresses": _addresses,
}
SOURCES: Sequence[str] = tuple(_READERS)
