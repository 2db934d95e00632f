"""What travels to an engine and how often, and what is said of it."""

from __future__ import annotations

import threading
import time

import pytest

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.api_key import API_KEY
from server.predictors.base import Cancelled, StopFlag, Unavailable
from server.predictors.engine.address import read_address
from server.predictors.openai import load_openai, what_leaves
from server.predictors.status import Status
from server.settings import Settings
from tests.fake_engine import (
    Call,
    Handler,
    fake_engine,
    silence,
    status,
    vllm,
)
from tests.unit.asked_engine import KEY, QUESTION, names, predictor

pytestmark = pytest.mark.usefixtures("hurry")


def test_the_key_travels_in_its_header_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMEWRIGHT_API_KEY", KEY)
    with fake_engine() as engine:
        names(engine)
        for call in engine.calls:
            assert call.headers["Authorization"] == f"Bearer {KEY}"
            assert KEY not in f"{call.path} {call.body}"


def test_without_a_key_there_is_no_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAMEWRIGHT_API_KEY", raising=False)
    API_KEY.give("")
    with fake_engine() as engine:
        names(engine)
        assert all("Authorization" not in call.headers for call in engine.calls)


def test_a_stop_breaks_the_request_off_at_the_engine() -> None:
    with fake_engine(silence()) as engine:
        stop = StopFlag()
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(Cancelled):
            predictor(engine, openai_timeout_seconds=60).predict([QUESTION], 5, stop)
        assert engine.broken_off.wait(10)


def test_no_more_requests_are_under_way_than_allowed() -> None:
    lock, now, most = threading.Lock(), [0], [0]
    well = vllm()

    def answer(handler: Handler, call: Call) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.03)
        with lock:
            now[0] -= 1
        well(handler, call)

    with fake_engine(answer) as engine:
        questions = [Question(f"def x():\n    return {n}", prefix="") for n in range(12)]
        found = predictor(engine, openai_concurrency=3).predict(questions, 5)
        assert [one[0].name for one in found] == ["parse_headers"] * 12
        assert 1 < most[0] <= 3


def test_connections_are_used_again() -> None:
    ports: set[int] = set()
    well = vllm()

    def answer(handler: Handler, call: Call) -> None:
        ports.add(handler.client_address[1])
        well(handler, call)

    with fake_engine(answer) as engine:
        one = predictor(engine, model="names")
        for _ in range(4):
            one.predict([QUESTION], 5)
        assert len(ports) == 1


class Heard:
    """An observer."""

    def __init__(self) -> None:
        self.states: list[Status] = []
        self.told: list[str] = []

    def status(self, status: Status) -> None:
        self.states.append(status)

    def tell(self, message: str) -> None:
        self.told.append(message)

    def waits_for(self, state: str) -> Status:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.states and self.states[-1].state == state:
                return self.states[-1]
            time.sleep(0.01)
        raise AssertionError(f"never {state}: {self.states}")


def test_the_state_tells_model_and_address() -> None:
    with fake_engine() as engine:
        heard = Heard()
        one = predictor(engine)
        one.watch(heard)
        assert heard.states[0].state == "loading"
        assert heard.waits_for("ready").message == f"names at {engine.url}"
        assert heard.told == []
        one.close()


def test_after_a_failure_it_refuses_at_once_until_the_engine_is_back() -> None:
    bad, well, is_well = status(500, {"error": "no"}), vllm(), threading.Event()

    def answer(handler: Handler, call: Call) -> None:
        (well if is_well.is_set() or call.method == "GET" else bad)(handler, call)

    with fake_engine(answer) as engine:
        heard = Heard()
        one = predictor(engine)
        one.watch(heard)
        heard.waits_for("ready")
        with pytest.raises(Unavailable, match="500"):
            one.predict([QUESTION], 5)
        asked = len(engine.asked)
        with pytest.raises(Unavailable, match="500"):
            one.predict([QUESTION], 5)
        assert len(engine.asked) == asked
        is_well.set()
        heard.waits_for("ready")
        assert one.predict([QUESTION], 5)[0][0].name == "parse_headers"
        one.close()


def test_what_leaves_the_machine_is_told_once_before_it_does() -> None:
    heard = Heard()
    one = load_openai(
        Settings(endpoint="https://models.invalid/v1", openai_timeout_seconds=1, model="m")
    )
    one.watch(heard)
    assert len(heard.told) == 1
    assert "https://models.invalid/v1" in heard.told[0]
    one.close()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://localhost:1", "nothing leaves this machine"),
        ("https://a.example.org", "https://a.example.org/v1; nothing else does"),
        ("http://a.example.org", "readable on the way (plain http)"),
    ],
)
def test_what_leaves_is_said_in_a_sentence(address: str, told: str) -> None:
    assert told in what_leaves(read_address(address, allow_insecure=True))


def test_an_engine_over_plain_http_elsewhere_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(NamewrightError, match="allowInsecure"):
        load_openai(Settings(endpoint="http://192.0.2.1:8000"))
