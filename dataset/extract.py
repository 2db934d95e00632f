"""From a document to the rows of its functions, with a count of all that was left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataset.filters import (
    ASCII_NAMES,
    ENGLISH_NAMES,
    Filter,
    file_reason,
    function_reason,
    is_test,
)
from dataset.functions import Function, find_functions
from dataset.headers import COPYLEFT_HEADER, has_foreign_copyleft
from dataset.question import nearest_names
from dataset.row import Row, make_row
from dataset.sources.base import Document, Unit


@dataclass(frozen=True, slots=True)
class Choice:
    """Which optional filters apply."""

    ascii_names: bool = False
    english_names: bool = False

    @property
    def optional(self) -> tuple[Filter, ...]:
        chosen = ((self.ascii_names, ASCII_NAMES), (self.english_names, ENGLISH_NAMES))
        return tuple(filter_ for wanted, filter_ in chosen if wanted)


def rows_of(unit: Unit, choice: Choice, counts: Counter[str]) -> Iterator[tuple[Row, str]]:
    """Rows of a unit in source order, each with its official split ("" where there is none).

    Raises DatasetError where the unit cannot be read.
    """
    optional = choice.optional
    for document in unit.documents(counts):
        reason = document_reason(document)
        if reason:
            counts[f"file: {reason}"] += 1
            continue
        counts["files"] += 1
        counts["bytes"] += len(document.data)
        for function, siblings in kept_functions(document, counts, optional):
            test = is_test(function, document.path)
            yield make_row(function, document, siblings, is_test=test), document.split


def document_reason(document: Document) -> str | None:
    """Why a document is left out as a whole, or None."""
    reason = file_reason(document.path, document.data[:8_000])
    if reason is None and has_foreign_copyleft(document.data, document.licence):
        return COPYLEFT_HEADER
    return reason


def kept_functions(
    document: Document, counts: Counter[str], optional: Sequence[Filter] = ()
) -> Iterator[tuple[Function, tuple[str, ...]]]:
    """The functions that pass all filters, with their siblings."""
    for function, siblings in functions_with_siblings(document.data):
        if document.lines and not is_wanted(function, document):
            continue
        counts["functions"] += 1
        reason = function_reason(function) or next(
            (extra.name for extra in optional if extra.rejects(function)), None
        )
        if reason:
            counts[reason] += 1
        else:
            yield function, siblings


def is_wanted(function: Function, document: Document) -> bool:
    """Whether a function, or the first of its decorators, begins on one of the lines asked for."""
    above = function.source.count(b"\n", function.outer_span.start, function.span.start)
    return any(line in document.lines for line in range(function.line - above, function.line + 1))


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
