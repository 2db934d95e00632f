"""Reads what engines answer: whole JSON or a stream of events, chat or completions, into samples.

The shapes are those of OpenAI's API reference as vLLM, llama.cpp, LM Studio, Ollama and
`transformers serve` document theirs; what only some of them send may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard, cast

from server.predictors.engine.transport import Broken, Reply

_DATA = b"data:"
_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: its text, its natural log-probability where told, whether it came to its end."""

    text: str
    log_probability: float | None
    is_complete: bool


@dataclass(slots=True)
class _Growing:
    text: list[str] = field(default_factory=list[str])
    log_probabilities: list[float] = field(default_factory=list[float])
    finish: str = ""

    def sample(self) -> Sample:
        told = self.log_probabilities
        return Sample(
            "".join(self.text), min(0.0, sum(told)) if told else None, self.finish != "length"
        )


def read_samples(reply: Reply, wanted: int) -> list[Sample]:
    """The samples of a reply, in the engine's order.

    Raises Broken for what is no such answer, or ends before its end.
    """
    growing: dict[int, _Growing] = {}
    is_stream = reply.media_type == "text/event-stream"
    for event in _events(reply) if is_stream else _documents(reply):
        if event is None:
            break
        for choice in _choices(event):
            _grow(growing, choice)
        # Some engines leave the end of the stream out, or keep the connection open after it.
        if len(growing) >= wanted and all(one.finish for one in growing.values()):
            break
    else:
        if is_stream and not all(one.finish for one in growing.values()):
            raise Broken("the engine broke its answer off half-way")
    if not growing:
        raise Broken("the engine's answer holds no choices")
    return [growing[index].sample() for index in sorted(growing)]


def read_json(reply: Reply) -> object:
    """The whole reply as JSON; raises Broken when it is none."""
    return _parsed(b"".join(reply.lines))


def read_models(answer: object) -> list[str]:
    """The names of the models of an answer to `/models`."""
    data = answer.get("data") if is_object(answer) else None
    listed = cast(list[object], data) if isinstance(data, list) else []
    names = [one.get("id") for one in listed if is_object(one)]
    return [name for name in names if isinstance(name, str) and name]


def error_text(answer: object) -> str:
    """What an engine says of an error, in one line; empty when it says nothing."""
    for key in ("error", "detail", "message"):
        said = answer.get(key) if is_object(answer) else None
        if is_object(said):
            said = said.get("message")
        if isinstance(said, str) and said.strip():
            return " ".join(said.split())
    return ""


def is_object(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a value is a JSON object."""
    return isinstance(value, Mapping)


def _events(reply: Reply) -> Iterator[object | None]:
    """The JSON of each event; None is the engine's mark of the end."""
    for line in reply.lines:
        # Other lines are comments, names of events and the blank lines between them.
        if not line.startswith(_DATA):
            continue
        if not line.endswith(b"\n"):
            raise Broken("the engine broke its answer off half-way")
        data = line[len(_DATA) :].strip()
        if data == _DONE:
            yield None
            return
        if data:
            yield _parsed(data)


def _documents(reply: Reply) -> Iterator[object | None]:
    yield read_json(reply)


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Broken("the engine's answer is not JSON") from error


def _choices(event: object) -> Sequence[Mapping[str, object]]:
    if not is_object(event):
        raise Broken("the engine's answer is not a JSON object")
    if event.get("error"):
        raise Broken(f"the engine reports an error ({error_text(event)[:120] or 'without a text'})")
    choices = event.get("choices")
    listed = cast(list[object], choices) if isinstance(choices, list) else []
    return [one for one in listed if is_object(one)]


def _grow(growing: dict[int, _Growing], choice: Mapping[str, object]) -> None:
    index = choice.get("index")
    one = growing.setdefault(index if isinstance(index, int) else 0, _Growing())
    turn = choice.get("delta") or choice.get("message")
    text = turn.get("content") if is_object(turn) else choice.get("text")
    if isinstance(text, str):
        one.text.append(text)
    one.log_probabilities += _log_probabilities(choice.get("logprobs"))
    finish = choice.get("finish_reason")
    if isinstance(finish, str) and finish:
        one.finish = finish


def _log_probabilities(told: object) -> list[float]:
    """Of each token: chat tells objects, completions a list of numbers."""
    if not is_object(told):
        return []
    content, plain = told.get("content"), told.get("token_logprobs")
    values: list[object] = cast(list[object], plain) if isinstance(plain, list) else []
    if isinstance(content, list):
        tokens = cast(list[object], content)
        values = [one.get("logprob") for one in tokens if is_object(one)]
    return [float(one) for one in values if isinstance(one, int | float)]
