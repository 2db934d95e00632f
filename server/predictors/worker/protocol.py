"""What the server and the process that holds the model say to each other, over two pipes.

Each message is four bytes of length (big-endian) and a JSON object whose `type` names its class.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, BinaryIO, Literal, TypeAlias, cast

from server.errors import NamewrightError

_LONGEST = 64 * 1024 * 1024


class ProtocolError(NamewrightError):
    """The other side said something that is no message."""


@dataclass(frozen=True, slots=True)
class Load:
    """Load this model and prepare to look for so many names; the first message to a process."""

    model: str
    adapter: str
    mode: str
    device: str
    beams: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Name these questions; a prefix is the leading underscores, or None where unknown.

    `present` are names to score on the way: one for each question, or none at all.
    """

    number: int
    texts: list[str]
    prefixes: list[str | None]
    k: int
    present: list[str]


@dataclass(frozen=True, slots=True)
class Score:
    """The log-probability of one name for each question."""

    number: int
    texts: list[str]
    names: list[str]


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody waits for this request any longer."""

    number: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far loading is, from 0 to 1."""

    what: str
    share: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded on this device."""

    device: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The model cannot be loaded; `lasting` when trying again will not help."""

    reason: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class Names:
    """(name, log-probability) for each question, best first; and the scores of present names."""

    number: int
    found: list[list[tuple[str, float]]]
    scores: list[float]


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a `Score`, in its order."""

    number: int
    scores: list[float]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A request was given up because it was asked to be."""

    number: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A request could not be answered; `out_of_memory` where the card was too small for it."""

    number: int
    reason: str
    out_of_memory: bool


ToWorker: TypeAlias = Load | Ask | Score | Stop
ToServer: TypeAlias = Progress | Ready | Failed | Names | Scores | Stopped | Refused
Message: TypeAlias = ToWorker | ToServer
_CLASSES: dict[str, type[Any]] = {
    one.__name__: one
    for one in (
        Load, Ask, Score, Stop, Progress, Ready, Failed, Names, Scores, Stopped, Refused,
    )
}  # fmt: skip
Side: TypeAlias = Literal["worker", "server"]


def write(stream: BinaryIO, message: Message) -> None:
    """Send a message; raises OSError when nobody reads any longer."""
    body = json.dumps({"type": type(message).__name__, **asdict(message)}).encode()
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def read(stream: BinaryIO) -> Message | None:
    """The next message, or None at the end; raises ProtocolError for anything else."""
    head = stream.read(4)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    if len(head) < 4 or length > _LONGEST:
        raise ProtocolError("the model's process sent no message but something else")
    body = stream.read(length)
    if len(body) < length:
        return None
    try:
        found: object = json.loads(body)
    except ValueError as error:
        raise ProtocolError("the model's process sent a message that is not JSON") from error
    return _message(found)


def _message(found: object) -> Message:
    values = dict(cast("dict[str, Any]", found)) if isinstance(found, dict) else {}
    kind = _CLASSES.get(str(values.pop("type", "")))
    if kind is None or {one.name for one in fields(kind)} != values.keys():
        raise ProtocolError("the model's process sent a message of an unknown kind")
    if kind is Names:
        rows = cast("list[list[tuple[str, float]]]", values["found"])
        values["found"] = [[(str(name), float(score)) for name, score in row] for row in rows]
    return cast("Message", kind(**values))
