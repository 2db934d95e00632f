"""From one repository at one commit to its rows, with a count of all that was left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataset.filters import MAX_FILE_BYTES, file_reason, function_reason, is_test, is_test_path
from dataset.functions import Function, find_functions
from dataset.question import nearest_names
from dataset.row import Row, make_row
from dataset.sources.git import SourceFile, python_entries, read_files

TEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a manifest, and the git directory that holds it."""

    name: str
    commit: str
    licence: str
    git_dir: Path


def extract(repository: Repository) -> tuple[list[Row], Counter[str]]:
    """Rows in file and source order; raises DatasetError where the commit cannot be read."""
    counts: Counter[str] = Counter()
    entries = []
    for entry in python_entries(repository.git_dir, repository.commit):
        reason = "file too large" if entry.size > MAX_FILE_BYTES else file_reason(entry.path, b"")
        if reason:
            counts[f"file: {reason}"] += 1
        else:
            entries.append(entry)
    rows: list[Row] = []
    tests: list[int] = []
    for file in read_files(repository.git_dir, entries):
        reason = file_reason(file.path, file.data[:8_000])
        if reason:
            counts[f"file: {reason}"] += 1
            continue
        counts["files"] += 1
        for function, siblings in _kept(file, counts):
            if is_test(function) or (
                is_test_path(file.path) and function.name.startswith("assert")
            ):
                tests.append(len(rows))
            rows.append(
                make_row(
                    function,
                    file.path,
                    siblings,
                    repository=repository.name,
                    commit=repository.commit,
                    licence=repository.licence,
                )
            )
    surplus = _surplus_tests(rows, tests)
    counts["surplus test"] += len(surplus)
    kept = [row for index, row in enumerate(rows) if index not in surplus]
    counts["rows"] = len(kept)
    return kept, counts


def functions_with_siblings(data: bytes) -> Iterator[tuple[Function, tuple[str, ...]]]:
    """Each function of a file with the names around it in the same scope."""
    functions = find_functions(data)
    scopes: dict[tuple[tuple[str, ...], bool], list[str]] = defaultdict(list)
    places: list[int] = []
    for function in functions:
        scope = scopes[function.class_chain, function.is_nested]
        places.append(len(scope))
        scope.append(function.name)
    for function, place in zip(functions, places, strict=True):
        yield function, nearest_names(scopes[function.class_chain, function.is_nested], place)


def _kept(file: SourceFile, counts: Counter[str]) -> Iterator[tuple[Function, tuple[str, ...]]]:
    for function, siblings in functions_with_siblings(file.data):
        counts["functions"] += 1
        reason = function_reason(function)
        if reason:
            counts[reason] += 1
        else:
            yield function, siblings


def _surplus_tests(rows: list[Row], tests: list[int]) -> set[int]:
    """Test functions beyond their share; which ones stay depends on their hash alone."""
    allowed = int(TEST_SHARE * (len(rows) - len(tests)))
    ranked = sorted(tests, key=lambda index: (rows[index].source_hash, index))
    return set(ranked[allowed:])
