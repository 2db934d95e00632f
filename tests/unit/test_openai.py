"""The predictor that asks an engine, against a real HTTP server that answers well and badly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dataset.forms import ask_chat, llama2_prompt
from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.api_key import API_KEY
from server.predictors.base import Cancelled, StopFlag, Unavailable
from server.predictors.engine import engine as asking
from server.predictors.engine.address import read_address
from server.predictors.openai import OpenAIPredictor, load_openai, what_leaves
from server.predictors.status import Status
from server.settings import Settings
from tests.fake_engine import (
    Call,
    FakeEngine,
    Handler,
    fake_engine,
    one_at_a_time,
    says,
    silence,
    status,
    vllm,
)

TEXT = "def x(text):\n    headers = text.splitlines()\n    return headers"
QUESTION = Question(TEXT, prefix="")
KEY = "sk-not-to-be-seen"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are short here."""
    monkeypatch.setattr(asking, "_FIRST_PAUSE_SECONDS", 0.02)


def predictor(engine: FakeEngine, **settings: Any) -> OpenAIPredictor:
    values = {"endpoint": engine.url, "openai_timeout_seconds": 5, **settings}
    return load_openai(Settings(**values))


def names(engine: FakeEngine, k: int = 5, **settings: Any) -> list[str]:
    return [one.name for one in predictor(engine, **settings).predict([QUESTION], k)[0]]


@pytest.mark.parametrize("api", ["chat", "completions"])
@pytest.mark.parametrize("streams", [True, False])
def test_vllm_answers_with_scored_names(api: str, streams: bool) -> None:
    with fake_engine(vllm(streams=streams)) as engine:
        found = predictor(engine, openai_api=api).predict([QUESTION], 5)[0]
        assert [(one.name, round(one.probability, 3)) for one in found] == [
            ("parse_headers", 0.6),
            ("read_headers", 0.2),
            ("split_lines", 0.1),
        ]
        assert len(engine.asked) == 1


def test_the_prompt_is_that_of_the_fine_tuning() -> None:
    with fake_engine() as engine:
        names(engine)
        names(engine, openai_api="completions")
        chat, completions = engine.asked
        assert chat.body["messages"] == ask_chat(TEXT)
        assert completions.body["prompt"] == llama2_prompt(ask_chat(TEXT))


def test_the_first_model_that_is_listed_answers_unless_one_is_named() -> None:
    with fake_engine() as engine:
        names(engine)
        names(engine, model="base")
        assert [call.body["model"] for call in engine.asked] == ["names", "base"]


def test_an_engine_that_lists_nothing_chooses_its_model_itself() -> None:
    with fake_engine(models=()) as engine:
        assert names(engine)[0] == "parse_headers"
        assert "model" not in engine.asked[0].body


def test_models_have_identities_of_their_own() -> None:
    with fake_engine() as engine, fake_engine() as other:
        told = {
            predictor(one, model=model).identity.fingerprint
            for one in (engine, other)
            for model in ("names", "base")
        }
        assert len(told) == 4


def test_the_identity_is_that_of_the_model_that_answered() -> None:
    with fake_engine() as engine:
        one = predictor(engine)
        one.predict([QUESTION], 5)
        before = one.identity
        assert before.version == "names"
        one.predict([QUESTION], 5)
        assert one.identity == before


def test_an_engine_of_one_answer_at_a_time_is_asked_several_times() -> None:
    with fake_engine(one_at_a_time(["read", "parse", "parse", "two words"])) as engine:
        assert names(engine) == ["parse", "read"]
        assert len({call.body["seed"] for call in engine.asked}) == len(engine.asked) == 7


def test_an_engine_that_does_not_sample_is_not_asked_on_and_on() -> None:
    with fake_engine(one_at_a_time(["parse"])) as engine:
        assert names(engine) == ["parse"]
        assert len(engine.asked) == 3


def test_a_list_of_names_is_enough() -> None:
    with fake_engine(says("1. parse_it\n2. read_it\n3. split_it")) as engine:
        assert names(engine, 3) == ["parse_it", "read_it", "split_it"]
        assert len(engine.asked) == 1


def refuses(*fields: str, code: int = 400, text: str = "unexpected field") -> Any:
    """Answers like an engine that does not know some fields of the request."""
    well = one_at_a_time(["parse"])

    def answer(handler: Handler, call: Call) -> None:
        if any(field in call.body for field in fields):
            handler.json({"error": {"message": text}}, code)
        else:
            well(handler, call)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        refuses("n"),
        refuses("logprobs", code=422),
        refuses("n", "logprobs", "seed"),
        refuses("logprobs", code=500, text="logprobs is not supported for this model"),
        refuses("messages", code=404, text="Not Found"),
        refuses("messages", text="the tokenizer has no chat template"),
        refuses("messages", "logprobs", "n", "seed"),
    ],
    ids=["n", "logprobs", "extras", "500-logprobs", "no-chat", "no-template", "plainest"],
)
def test_an_engine_is_asked_in_the_way_it_understands(answer: Any) -> None:
    with fake_engine(answer) as engine:
        one = predictor(engine)
        assert [c.name for c in one.predict([QUESTION], 5)[0]] == ["parse"]
        learnt = len(engine.asked)
        one.predict([Question("def x():\n    return 1", prefix="")], 5)
        assert len(engine.asked) - learnt == 3


def test_chat_alone_is_not_left_for_completions() -> None:
    refused = pytest.raises(Unavailable, match="does not know")
    with fake_engine(refuses("messages", code=404)) as engine, refused:
        names(engine, openai_api="chat")


def test_a_question_too_long_for_the_engine_loses_its_last_lines() -> None:
    well = vllm()

    def answer(handler: Handler, call: Call) -> None:
        if len(call.question) > 1500:
            said = "This model's maximum context length is 512 tokens."
            handler.json({"error": {"message": said}}, 400)
        else:
            well(handler, call)

    long = "def x():\n" + "    step_number_one()\n" * 1000
    with fake_engine(answer) as engine:
        one = predictor(engine)
        assert one.predict([Question(long, prefix="")], 5)[0][0].name == "parse_headers"
        question = engine.asked[-1].question
        assert question.endswith("    step_number_one()\n```")
        assert engine.asked[-1].body["n"] > 1


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


def test_scores_come_from_the_samples() -> None:
    with fake_engine() as engine:
        one = predictor(engine)
        present, other = one.score([QUESTION, QUESTION], ["read_headers", "do_work"])
        assert present == pytest.approx(-1.609, abs=0.01)
        assert other < -2.3
        assert len(engine.asked) == 1


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
