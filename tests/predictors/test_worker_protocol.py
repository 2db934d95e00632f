"""Messages between the server and the model's process."""

from __future__ import annotations

import io

import pytest

from server.predictors.worker import protocol
from server.predictors.worker.protocol import (
    Ask,
    Failed,
    Load,
    Names,
    Progress,
    ProtocolError,
    Ready,
    Refused,
    Score,
    Scores,
    Stop,
    Stopped,
)

MESSAGES = [
    Load("base", "adapter", "memory", "cuda:0", 6),
    Ask(1, ["def x(): …"], [None, "_", ""], 5, ["run"]),
    Score(2, ["def x(): pass"], ["run"]),
    Stop(1),
    Progress("loading the weights", 0.5),
    Ready("cpu"),
    Failed("no room", False),
    Names(1, [[("parse_headers", -0.5)], []], [-0.5, -2.0]),
    Scores(2, [-1.5]),
    Stopped(1),
    Refused(1, "too long", True),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_a_message_arrives_as_it_was_sent(message: protocol.Message) -> None:
    pipe = io.BytesIO()
    protocol.write(pipe, message)
    protocol.write(pipe, Stop(9))
    pipe.seek(0)
    assert protocol.read(pipe) == message
    assert protocol.read(pipe) == Stop(9)
    assert protocol.read(pipe) is None


@pytest.mark.parametrize(
    "sent",
    [
        b"Traceback (most recent call last):",
        b"\x00\x00",
        b"\x00\x00\x00\x05hello",
        b"\x00\x00\x00\x02[]",
        b'\x00\x00\x00\x10{"type":"Other"}',
        b'\x00\x00\x00\x0f{"type":"Stop"}',
    ],
)
def test_what_is_no_message_is_refused(sent: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.read(io.BytesIO(sent))


def test_a_message_cut_short_is_the_end() -> None:
    pipe = io.BytesIO()
    protocol.write(pipe, Ready("cpu"))
    assert protocol.read(io.BytesIO(pipe.getvalue()[:-3])) is None
