"""An engine that fails, breaks off or answers nonsense: one line says so, without key or source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.predictors.base import Unavailable
from tests.fake_engine import (
    Call,
    Handler,
    fake_engine,
    says,
    silence,
    status,
    vllm,
)
from tests.unit.asked_engine import KEY, names

pytestmark = pytest.mark.usefixtures("hurry")


def fails_at_first(times: int, code: int = 503, **headers: str) -> Any:
    well, bad, count = vllm(), status(code, {"error": "overloaded"}, **headers), [0]

    def answer(handler: Handler, call: Call) -> None:
        count[0] += 1
        (bad if count[0] <= times else well)(handler, call)

    return answer


@pytest.mark.parametrize(
    "answer", [fails_at_first(1, 500), fails_at_first(2), fails_at_first(1, 429, Retry_After="0")]
)
def test_a_passing_failure_is_tried_again(answer: Any) -> None:
    with fake_engine(answer) as engine:
        assert names(engine)[0] == "parse_headers"


def half_a_stream(handler: Handler, call: Call) -> None:
    part = 'data: {"choices":[{"index":0,"delta":{"content":"parse_"},"finish_reason":null}]}'
    handler.stream([part], ends=False)


def half_a_line(handler: Handler, call: Call) -> None:
    handler.text(200, 'data: {"choices":[{"index":0,"delta":{"con', "text/event-stream")


def half_a_body(handler: Handler, call: Call) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "400")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def error_in_the_stream(handler: Handler, call: Call) -> None:
    handler.stream(['data: {"error": {"message": "out of memory"}}'])


def says_what_it_was_sent(handler: Handler, call: Call) -> None:
    said = f"bad request with {call.headers.get('Authorization')}: {call.question}"
    handler.json({"error": {"message": said}}, 400)


BAD: dict[str, tuple[Callable[[Handler, Call], None], str]] = {
    "html": (lambda h, c: h.text(200, "<html>Log in</html>", "text/html"), "web page"),
    "html-500": (lambda h, c: h.text(500, "<html>…</html>", "text/html; charset=utf-8"), "(500)"),
    "401": (status(401, {"error": {"message": f"key {KEY} is wrong"}}), "refuses the key (401)"),
    "403": (status(403, {"detail": "no"}), "refuses the key (403)"),
    "404": (status(404, {"error": {"message": "The model does not exist."}}), "(404: The model"),
    "429": (status(429, {"error": "slow down"}), "(429)"),
    "429-for-long": (status(429, {}, Retry_After="3600"), "(429)"),
    "500": (status(500, {"error": {"message": "out of memory"}}), "(500: out of memory)"),
    "redirect": (status(307, {}, Location="https://elsewhere.example.org/"), "redirects"),
    "garbage": (lambda h, c: h.text(200, "{]", "application/json"), "not JSON"),
    "nothing": (lambda h, c: h.text(200, "", "application/json"), "not JSON"),
    "a-number": (lambda h, c: h.json(7), "not a JSON object"),
    "no-choices": (lambda h, c: h.json({"choices": None}), "no choices"),
    "deep": (lambda h, c: h.text(200, "[" * 90_000, "application/json"), "not JSON"),
    "half-a-stream": (half_a_stream, "broke its answer off"),
    "half-a-line": (half_a_line, "broke its answer off"),
    "half-a-body": (half_a_body, "broke its answer off"),
    "error-in-stream": (error_in_the_stream, "out of memory"),
    "echo": (says_what_it_was_sent, "does not take the question (400)"),
    "silence": (silence(), "was silent for 1 s"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_is_one_line_without_key_or_source(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAMEWRIGHT_API_KEY", KEY)
    answer, told = BAD[kind]
    with fake_engine(answer) as engine, pytest.raises(Unavailable) as error:
        names(engine, openai_timeout_seconds=1)
    message = str(error.value)
    assert told in message
    assert "\n" not in message
    assert KEY not in message
    assert "splitlines" not in message


@pytest.mark.parametrize("text", ["parse headers", "def parse(x): pass", "class", "", "import os;"])
def test_an_answer_that_is_no_name_is_dropped(text: str) -> None:
    with fake_engine(says(text)) as engine:
        assert names(engine) == []


def test_nothing_listens() -> None:
    with fake_engine() as engine:
        pass
    with pytest.raises(Unavailable, match=r"nothing listens at .* is the engine running"):
        names(engine, openai_timeout_seconds=1)
