"""Resolves `https://github.com/owner/repo/blob/sha/path#L1-L2` addresses to the functions there."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from dataset.errors import DatasetError
from dataset.extract import functions_with_siblings, is_wanted
from dataset.functions import Function, decode
from dataset.manifest import LAYOUTS, locate
from dataset.question import masked_text
from dataset.row import text_hash
from dataset.sources.base import Document
from dataset.sources.git import Repository, python_entries, read_files

_ADDRESS = re.compile(r"https?://[^/]+/([^/]+/[^/]+)/blob/([0-9a-f]{7,64})/(.+\.py)#L(\d+)-L(\d+)$")


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
    licence: str
    line: int
    source_hash: str


@dataclass(frozen=True, slots=True)
class Address:
    """The first line of a function in a file of a commit."""

    repository: str
    commit: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class AddressedFunctions:
    """A unit: the functions at some addresses in one commit of a repository."""

    repository: Repository
    addresses: tuple[Address, ...]

    @property
    def name(self) -> str:
        return self.repository.name

    @property
    def key(self) -> str:
        digest = hashlib.blake2b(repr(self.addresses).encode(), digest_size=8).hexdigest()
        return f"addresses {self.repository.key} {digest}"

    @property
    def weight(self) -> int:
        return len(self.addresses)

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        """The files that hold the functions, each with the lines that are wanted."""
        repository = self.repository
        by_path: dict[str, set[int]] = defaultdict(set)
        for address in self.addresses:
            by_path[address.path].add(address.line)
        entries = python_entries(repository.git_dir, repository.commit)
        wanted = [entry for entry in entries if entry.path in by_path]
        missing = by_path.keys() - {entry.path for entry in wanted}
        counts["address: file not there"] += sum(len(by_path[path]) for path in missing)
        for file in read_files(repository.git_dir, wanted):
            yield Document(
                file.path,
                file.data,
                repository.name,
                repository.commit,
                repository.licence,
                lines=frozenset(by_path[file.path]),
            )


def read_addresses(lines: Iterable[str], place: str = "line ") -> list[Address]:
    """Parse addresses, one a line; raises DatasetError with the number of a malformed one.

    Empty lines and lines that begin with `#` are left out. `place` goes before the number.
    """
    found: list[Address] = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        match = _ADDRESS.match(line)
        if match is None:
            raise DatasetError(
                f"{place}{number}: expected …/owner/repo/blob/sha/path.py#L1-L2, got {line!r}"
            )
        repository, commit, path, first, _ = match.groups()
        found.append(Address(repository, commit, path, int(first)))
    return found


def group_addresses(
    addresses: Iterable[Address], repositories: Path, layouts: Sequence[str] = LAYOUTS
) -> tuple[list[AddressedFunctions], Counter[str]]:
    """Units by repository and commit in a fixed order; addresses without a clone are counted."""
    groups: dict[tuple[str, str], list[Address]] = defaultdict(list)
    for address in addresses:
        groups[address.repository, address.commit].append(address)
    found: list[AddressedFunctions] = []
    reasons: Counter[str] = Counter()
    for (name, commit), members in groups.items():
        git_dir = locate(repositories, name, layouts)
        if git_dir is None:
            reasons["repository not there"] += len(members)
        else:
            repository = Repository(name, commit, "unknown", git_dir)
            found.append(AddressedFunctions(repository, tuple(members)))
    return found, reasons


def resolve(
    addresses: Iterable[Address], repositories: Path, reasons: Counter[str]
) -> Iterator[EvaluationRow]:
    """The functions at the addresses; what cannot be resolved is counted by reason."""
    groups, absent = group_addresses(addresses, repositories)
    reasons.update(absent)
    for group in groups:
        counts: Counter[str] = Counter()
        found = 0
        try:
            for document in group.documents(counts):
                for function, siblings in functions_with_siblings(document.data):
                    if is_wanted(function, document):
                        found += 1
                        yield evaluation_row(function, siblings, document)
        except DatasetError:
            reasons["commit not there"] += len(group.addresses)
            continue
        reasons["resolved"] += found
        reasons["file not there"] += counts["address: file not there"]
        lost = len(group.addresses) - found - counts["address: file not there"]
        reasons["no function at the line"] += max(0, lost)


def evaluation_row(
    function: Function, siblings: tuple[str, ...], document: Document
) -> EvaluationRow:
    """The row of a function; its source is dedented by its first line's indentation."""
    return {
        "source": _source(function),
        "name": function.name,
        "class_name": ".".join(function.class_chain),
        "path": document.path,
        "siblings": list(siblings),
        "decorators": list(function.decorators),
        "repository": document.repository,
        "commit": document.commit,
        "licence": document.licence,
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
