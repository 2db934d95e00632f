"""Judges the present names of functions in batches: which does the model find unlikely, and why.

A misfit's confidence is the probability of the best name that fits the place minus that of the
present one: high only where the model is sure of another name and does not expect this one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tree_sitter import Tree

from dataset.functions import Function, decode, find_functions, parse
from dataset.question import Question, ask, sibling_names
from server.naming import fit_to_offer, is_given_by_framework, names_taken
from server.predictors import together
from server.predictors.base import Candidate, NamePredictor

_OFFERED = 3
# How many names are looked for, of which some will not fit the place: as many as editors ask for.
ASKED = 5
_STUB = re.compile(r":\s*(?:#.*)?\s(?:pass|\.\.\.|raise NotImplementedError\b.*|return)\s*$")
_ACCESSOR_PARTS = ("setter", "deleter", "getter")


@dataclass(frozen=True, slots=True)
class Misfit:
    """One function whose name misleads; line and columns count from 1, columns in UTF-16 units."""

    path: Path
    line: int
    column: int
    end_column: int
    name: str
    qualified_name: str
    is_method: bool
    probability: float
    suggestions: tuple[Candidate, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Subject:
    """A function to judge, with what the model is asked about it."""

    path: Path
    function: Function
    functions: Sequence[Function]
    question: Question


def subjects(path: Path, source: bytes) -> Iterator[Subject]:
    """The functions of a file whose names are free to change and have a body to judge them by."""
    functions = find_functions(source)
    for function in functions:
        if not _is_free(function):
            continue
        siblings = sibling_names(function, functions)
        question = ask(function, path=str(path), siblings=siblings)
        if not _STUB.search(question.text):
            yield Subject(path, function, functions, question)


def find_misfits(
    judged: Sequence[Subject],
    predictor: NamePredictor,
    min_confidence: float,
    advance: Callable[[int], None],
) -> list[Misfit]:
    """Misfits of at least `min_confidence` (0 to 1), most certain first.

    `advance` is told how many functions each finished batch held.
    """
    answered: list[tuple[Subject, list[Candidate], float]] = []
    # Questions of like length share a batch, so that little of it is padding.
    ordered = sorted(judged, key=lambda subject: len(subject.question.text))
    while ordered:
        size = together.batch_of(predictor)
        batch, ordered = ordered[:size], ordered[size:]
        answers, scores = together.judge(
            predictor,
            [subject.question for subject in batch],
            [subject.function.name for subject in batch],
            ASKED,
        )
        answered += zip(batch, answers, scores, strict=True)
        advance(len(batch))
    # File by file, so that each is parsed once.
    answered.sort(key=lambda one: str(one[0].path))
    found = (judge(*one) for one in answered)
    misfits = [one for one in found if one is not None and one.confidence >= min_confidence]
    return sorted(misfits, key=lambda m: (-m.confidence, str(m.path), m.line))


def judge(subject: Subject, candidates: Sequence[Candidate], present: float) -> Misfit | None:
    """A misfit where a name fits the place and is likelier than the present one.

    `present` is the present name's log-probability.
    """
    function = subject.function
    # No spelling of the candidates is likelier than all of them together.
    if math.fsum(one.probability for one in candidates) <= math.exp(min(present, 0.0)):
        return None
    taken = names_taken(function, subject.functions, _tree(function.source))
    offers = fit_to_offer(candidates, function, taken, _OFFERED, present)
    if not offers:
        return None
    probability = math.exp(min(present, 0.0))
    start, end = _columns(function)
    return Misfit(
        path=subject.path,
        line=function.line,
        column=start,
        end_column=end,
        name=function.name,
        qualified_name=".".join((*function.class_chain, function.name)),
        is_method=function.is_method,
        probability=probability,
        suggestions=tuple(offers),
        confidence=max(0.0, offers[0].probability - probability),
    )


@lru_cache(maxsize=2)
def _tree(source: bytes) -> Tree:
    """Functions of one file are judged one after the other."""
    return parse(source)


def _is_free(function: Function) -> bool:
    """Whether the name is the author's choice, not a protocol's, a framework's or a test's."""
    name = function.name
    return not (
        name.startswith("test")
        or name.strip("_") == ""
        or is_given_by_framework(name)
        or function.is_overload
        or any(part.rsplit(".", 1)[-1] in _ACCESSOR_PARTS for part in function.decorators)
    )


def _columns(function: Function) -> tuple[int, int]:
    source = function.source
    start, end = function.name_span
    line_start = max(source.rfind(b"\n", 0, start), source.rfind(b"\r", 0, start)) + 1
    before = _utf16_length(decode(source[line_start:start]).removeprefix("\ufeff"))
    return before + 1, before + 1 + _utf16_length(decode(source[start:end]))


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
