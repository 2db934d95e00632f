"""The predictor that asks an engine, a real HTTP server: how it asks, and what it makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataset.forms import ask_chat, llama2_prompt
from dataset.question import Question
from server.predictors.base import Unavailable
from tests.fake_engine import (
    Call,
    Handler,
    fake_engine,
    one_at_a_time,
    says,
    vllm,
)
from tests.unit.asked_engine import QUESTION, TEXT, names, predictor
from training.__main__ import main as training

pytestmark = pytest.mark.usefixtures("hurry")


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


def test_scores_come_from_the_samples() -> None:
    with fake_engine() as engine:
        one = predictor(engine)
        present, other = one.score([QUESTION, QUESTION], ["read_headers", "do_work"])
        assert present == pytest.approx(-1.609, abs=0.01)
        assert other < -2.3
        assert len(engine.asked) == 1


def test_an_engine_can_be_evaluated(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.json"
    source = "def parse_headers(text):\n    return text.splitlines()\n"
    rows.write_text(json.dumps({"source": source}) + "\n")
    with fake_engine() as engine:
        chosen = f"openai={engine.url},base"
        arguments = ["--data", str(rows), "--json", str(out), "--context", "none"]
        assert training(["evaluate", "--predictor", chosen, *arguments]) == 0
        assert {call.body["model"] for call in engine.asked} == {"base"}
    assert '"exact_match": 1.0' in out.read_text()
