"""The command `namewright.names`: names for a function as plain data, for a client's own list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from lsprotocol import types as lsp

from server.errors import NamewrightError
from server.features.code_actions import wait_for_offer
from server.features.commands import uri_and_place
from server.features.configuration import as_json
from server.line_index import Encoding, LineIndex
from server.predictors.base import Candidate
from server.session import Session
from server.suggestions import Asked, Offer, look_up

NAMES_COMMAND = "namewright.names"
_NO_OPTIONS: Mapping[str, object] = {}


async def names_at(session: Session, argument: object) -> dict[str, object]:
    """The function around a place and the names it could have; shows nothing by itself.

    Whoever asks for it means the function, wherever in its body the cursor is. With
    `"predict": false` the model is not asked and `names` is empty. Raises NamewrightError when
    there is no function, or the predictor cannot answer.
    """
    uri, place = uri_and_place(argument)
    snapshot = session.documents.get(uri)
    if snapshot is None:
        raise NamewrightError("this file is not open; open it and ask again")
    settings = replace(session.settings, scope="body")
    encoding, queue = session.profile.encoding, session.queue
    asked, known = await session.analyse(
        lambda: look_up(snapshot, place, encoding, settings, queue)
    )
    if asked is None:
        raise NamewrightError("there is no function here; put the cursor into one")
    if known is None and _predicts(argument):
        known = await wait_for_offer(session, asked)
    return _to_wire(session, asked, known)


def name_range(lines: LineIndex, start: int, end: int, encoding: Encoding) -> lsp.Range:
    """Where bytes `start` to `end` of a file are, in the client's positions."""
    first, last = lines.place(start, encoding), lines.place(end, encoding)
    return lsp.Range(lsp.Position(first.line, first.column), lsp.Position(last.line, last.column))


def candidates_to_wire(names: tuple[Candidate, ...]) -> list[dict[str, object]]:
    """Names and probabilities as JSON."""
    return [{"name": one.name, "probability": one.probability} for one in names]


def options_of(argument: object) -> Mapping[str, object]:
    """The members of a command's argument; none where it is not an object."""
    value = as_json(argument)
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else _NO_OPTIONS


def _to_wire(session: Session, asked: Asked, known: Offer | None) -> dict[str, object]:
    start, end = asked.function.name_span
    identity = session.queue.identity
    return {
        "function": asked.function.name,
        "range": name_range(asked.snapshot.lines, start, end, session.profile.encoding),
        "presentProbability": known.present_probability if known else None,
        "presentIsBest": known.present_is_best if known else False,
        "predictor": identity.name if identity else session.settings.predictor,
        "names": candidates_to_wire(known.names if known else ()),
    }


def _predicts(argument: object) -> bool:
    return options_of(argument).get("predict", True) is not False
