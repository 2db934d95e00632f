"""Resolves `https://github.com/owner/repo/blob/sha/path#L1-L2` addresses to the functions there."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from dataset.errors import DatasetError
from dataset.extract import functions_with_siblings
from dataset.functions import Function, decode
from dataset.manifest import locate
from dataset.question import masked_text
from dataset.row import text_hash
from dataset.sources.git import Entry, python_entries, read_files

_ADDRESS = re.compile(r"https?://[^/]+/([^/]+/[^/]+)/blob/([0-9a-f]{7,40})/(.+\.py)#L(\d+)-L(\d+)$")


class EvaluationRow(TypedDict):
    """A function to be named, as `python -m training evaluate` reads it."""

    source: str
    name: str
    class_name: str
    path: str
    siblings: list[str]
    decorators: list[str]
    repository: str
    commit: str
    line: int
    source_hash: str


@dataclass(frozen=True, slots=True)
class Address:
    repository: str
    commit: str
    path: str
    line: int


def read_addresses(lines: Iterable[str]) -> list[Address]:
    """Parse addresses, one a line; raises DatasetError with the number of a malformed one."""
    found: list[Address] = []
    for number, line in enumerate(lines, 1):
        match = _ADDRESS.match(line.strip())
        if match is None:
            raise DatasetError(f"line {number}: expected …/owner/repo/blob/sha/path.py#L1-L2")
        repository, commit, path, first, _ = match.groups()
        found.append(Address(repository, commit, path, int(first)))
    return found


def resolve(
    addresses: Iterable[Address], repositories: Path, reasons: Counter[str]
) -> Iterator[EvaluationRow]:
    """The functions at the addresses; what cannot be resolved is counted by reason."""
    groups: dict[tuple[str, str], list[Address]] = defaultdict(list)
    for address in addresses:
        groups[address.repository, address.commit].append(address)
    for (repository, commit), members in groups.items():
        git_dir = locate(repositories, repository)
        if git_dir is None:
            reasons["repository not there"] += len(members)
            continue
        try:
            entries = {entry.path: entry for entry in python_entries(git_dir, commit)}
        except DatasetError:
            reasons["commit not there"] += len(members)
            continue
        yield from _resolve_commit(git_dir, entries, members, reasons)


def _resolve_commit(
    git_dir: Path, entries: dict[str, Entry], members: list[Address], reasons: Counter[str]
) -> Iterator[EvaluationRow]:
    by_path: dict[str, list[Address]] = defaultdict(list)
    for address in members:
        by_path[address.path].append(address)
    reasons["file not there"] += sum(len(by_path[path]) for path in by_path.keys() - entries.keys())
    wanted = [entries[path] for path in by_path if path in entries]
    for file in read_files(git_dir, wanted):
        functions = {
            line: (function, siblings)
            for function, siblings in functions_with_siblings(file.data)
            for line in range(_first_line(function), function.line + 1)
        }
        for address in by_path[file.path]:
            if address.line in functions:
                reasons["resolved"] += 1
                yield evaluation_row(*functions[address.line], address)
            else:
                reasons["no function at the line"] += 1


def evaluation_row(
    function: Function, siblings: tuple[str, ...], address: Address
) -> EvaluationRow:
    """The row of a function; its source is dedented by its first line's indentation."""
    return {
        "source": _source(function),
        "name": function.name,
        "class_name": ".".join(function.class_chain),
        "path": address.path,
        "siblings": list(siblings),
        "decorators": list(function.decorators),
        "repository": address.repository,
        "commit": address.commit,
        "line": function.line,
        "source_hash": text_hash(masked_text(function)),
    }


def _source(function: Function) -> str:
    line_start = function.source.rfind(b"\n", 0, function.span.start) + 1
    indent = decode(function.source[line_start : function.span.start])
    if indent.strip():
        return function.text
    lines = function.text.replace("\r\n", "\n").split("\n")
    return "\n".join([lines[0], *(line.removeprefix(indent) for line in lines[1:])])


def _first_line(function: Function) -> int:
    return function.line - function.source.count(
        b"\n", function.outer_span.start, function.span.start
    )
