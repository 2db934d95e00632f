"""A question for engines, and the predictor that asks one."""

from __future__ import annotations

from typing import Any

from dataset.question import Question
from server.predictors.openai import OpenAIPredictor, load_openai
from server.settings import Settings
from tests.fake_engine import FakeEngine

TEXT = "def x(text):\n    headers = text.splitlines()\n    return headers"
QUESTION = Question(TEXT, prefix="")
KEY = "sk-not-to-be-seen"


def predictor(engine: FakeEngine, **settings: Any) -> OpenAIPredictor:
    values = {"endpoint": engine.url, "openai_timeout_seconds": 5, **settings}
    return load_openai(Settings(**values))


def names(engine: FakeEngine, k: int = 5, **settings: Any) -> list[str]:
    return [one.name for one in predictor(engine, **settings).predict([QUESTION], k)[0]]
