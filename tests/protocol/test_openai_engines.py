"""A real engine answers: `transformers serve` on the processor, with a tiny Llama made here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataset.question import Question
from server.cli import main
from server.predictors.base import Unavailable
from server.predictors.openai import load_openai
from server.settings import Settings
from tests.protocol.editor import WITH_MODEL, editor, vscode
from tests.protocol.test_openai import names
from tests.real_engine import transformers_serve
from tests.tiny_llama import NAMES, write_tiny_llama

QUESTION = Question("def x(text):\n    return text.splitlines()", prefix="")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine") / "model"
    write_tiny_llama(folder)
    return folder


@pytest.fixture(scope="module")
def engine(model: Path) -> Iterator[str]:
    with transformers_serve(model) as url:
        yield url


@pytest.mark.parametrize("api", ["auto", "chat", "completions"])
def test_transformers_serve_answers(api: str, engine: str, model: Path) -> None:
    predictor = load_openai(Settings(endpoint=engine, model=str(model), openai_api=api))
    found = predictor.predict([QUESTION, Question("def x():\n    return 1")], 5)
    for candidates in found:
        assert {one.name for one in candidates} <= set(NAMES)
        assert candidates
        assert 0 < math.fsum(one.probability for one in candidates) < 1
    # It has neither `n` nor log-probabilities.
    asked = dict(predictor.facts())["asked for"]
    assert asked.endswith("one answer at a time, without scores")
    predictor.close()


def test_a_model_it_does_not_serve_is_one_line(engine: str) -> None:
    predictor = load_openai(Settings(endpoint=engine, model="another-model"))
    with pytest.raises(Unavailable, match="another-model") as error:
        predictor.predict([QUESTION], 5)
    assert "\n" not in str(error.value)


def test_the_set_up_is_checked(
    engine: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--endpoint", engine, "--model", str(model)]) == 0
    told = capsys.readouterr().out
    assert engine in told
    assert any(name in told for name in NAMES)


async def test_the_language_server_offers_its_names(
    engine: str, model: Path, tmp_path: Path
) -> None:
    options = {"predictor": "openai", "endpoint": engine, "model": str(model)}
    async with editor(tmp_path, vscode(), options=options, server=WITH_MODEL) as one:
        titles = await names(one, one.open())
        assert any(f"`{name}`" in title for title in titles for name in NAMES)
        assert one.client.messages == []
