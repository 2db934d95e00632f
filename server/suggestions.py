"""From a place in a file to the names offered there, for as much of it as is known already."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from dataset.functions import Function
from dataset.question import Question, ask, bare, sibling_names
from server.documents import Snapshot
from server.line_index import Encoding, Place
from server.naming import fit_to_offer, names_taken
from server.predictors.base import Candidate
from server.predictors.cache import Answer
from server.predictors.queue import PredictionQueue
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """A function of one snapshot and the question it asks."""

    snapshot: Snapshot
    function: Function
    question: Question


@dataclass(frozen=True, slots=True)
class Offer:
    """Names to offer, best first; none when the present name is best or nothing fits."""

    names: tuple[Candidate, ...]
    present_is_best: bool
    present_probability: float


def asked_at(
    snapshot: Snapshot, place: Place, encoding: Encoding, settings: Settings
) -> Asked | None:
    """The question at a place, or None where names are not offered."""
    offset = _first_word(snapshot, snapshot.lines.offset(place, encoding))
    function = snapshot.function_at(offset)
    if function is None or is_special(function.name):
        return None
    if settings.scope == "definition" and offset > _header_line_end(snapshot, function):
        return None
    return Asked(snapshot, function, _question(snapshot, function, settings.use_context))


def look_up(
    snapshot: Snapshot, place: Place, encoding: Encoding, settings: Settings, queue: PredictionQueue
) -> tuple[Asked | None, Offer | None]:
    """The question at a place and, when its answer is cached, what to offer."""
    asked = asked_at(snapshot, place, encoding, settings)
    if asked is None:
        return None, None
    answer = queue.cached(asked.question, asked.function.name)
    return asked, None if answer is None else offer(asked, answer, settings)


def offer(asked: Asked, answer: Answer, settings: Settings) -> Offer:
    """What to offer, given the model's answer."""
    snapshot, function = asked.snapshot, asked.function
    key = (function.name_span, answer, settings)
    known = snapshot.notes.get(key)
    if not isinstance(known, Offer):
        known = snapshot.notes[key] = _offer(snapshot, function, answer, settings)
    return known


def _offer(snapshot: Snapshot, function: Function, answer: Answer, settings: Settings) -> Offer:
    present = answer.present_log_probability
    taken = names_taken(function, snapshot.functions, snapshot.tree)
    names = fit_to_offer(answer.candidates, function, taken, settings.candidates, present)
    likely = tuple(name for name in names if name.probability >= settings.minimum_probability)
    best = max((one.log_probability for one in answer.candidates), default=float("inf"))
    return Offer(likely, present >= best, Candidate("", present).probability)


def is_special(name: str) -> bool:
    """Whether Python itself calls the function by this name (`__init__`)."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def _first_word(snapshot: Snapshot, offset: int) -> int:
    """An offset in the indentation of a line means what stands on that line."""
    source = snapshot.source
    start = max(source.rfind(b"\n", 0, offset), source.rfind(b"\r", 0, offset)) + 1
    if source[start:offset].strip():
        return offset
    while offset < len(source) and source[offset : offset + 1] in (b" ", b"\t", b"\f"):
        offset += 1
    return offset


def _header_line_end(snapshot: Snapshot, function: Function) -> int:
    line = snapshot.lines.place(function.header_span.end, "utf-8").line
    return snapshot.lines.line_start(line) + len(snapshot.lines.line_text(line))


def _question(snapshot: Snapshot, function: Function, use_context: bool) -> Question:
    key = (function.name_span, use_context)
    known = snapshot.notes.get(key)
    if not isinstance(known, Question):
        siblings = sibling_names(function, snapshot.functions)
        known = ask(function, path=file_name_of(snapshot), siblings=siblings)
        known = snapshot.notes[key] = known if use_context else bare(known)
    return known


def file_name_of(snapshot: Snapshot) -> str:
    """The name of the file, or of the notebook a cell belongs to."""
    if snapshot.path is not None:
        return os.fsencode(snapshot.path.name).decode("utf-8", "replace")
    try:
        return PurePosixPath(unquote(urlsplit(snapshot.uri).path)).name
    except ValueError:
        return ""
