"""A model answered by transformers' `generate`: names, their scores, and bad input."""

from __future__ import annotations

import math

import pytest
import torch

from dataset.question import Question
from tests.training.conftest import Workshop
from training.errors import TrainingError
from training.evaluation.generation import Generator
from training.evaluation.predictors import open_predictor

QUESTIONS = [
    Question("def x(rows):\n    return sum(rows)"),
    Question("def x(path):\n    with open(path) as stream:\n        return stream.read()"),
]


def test_names_come_with_the_probability_that_scoring_gives_them(workshop: Workshop) -> None:
    opened = open_predictor(f"base:generate={workshop.folder / 'base'}")
    assert opened.label == "base"
    generator = opened.predictor
    names = ["total", "read_text"]
    alone = [
        generator.score([question], [name])[0]
        for question, name in zip(QUESTIONS, names, strict=True)
    ]
    together = generator.score(QUESTIONS, names)
    assert together == pytest.approx(alone, rel=1e-4)
    assert all(score < 0 for score in together)


def test_padding_does_not_change_the_answers(workshop: Workshop) -> None:
    generator = open_predictor(f"generate={workshop.folder / 'base'}").predictor
    together = generator.predict(QUESTIONS, 5)
    for question, found in zip(QUESTIONS, together, strict=True):
        (alone,) = generator.predict([question], 5)
        assert [c.name for c in alone] == [c.name for c in found]
        scores = [c.log_probability for c in found]
        assert scores == sorted(scores, reverse=True)
        assert all(c.name.isidentifier() and c.log_probability <= 0 for c in found)


def test_a_certain_model_answers_with_its_name(workshop: Workshop) -> None:
    """A head that always prefers one token's path makes that path's text the answer."""
    generator = open_predictor(f"generate={workshop.folder / 'base'}").predictor
    assert isinstance(generator, Generator)
    tokenizer = generator._renderer.tokenizer
    prompt, wanted = generator._renderer.tokens(QUESTIONS[0].text, "total")
    scripted = iter([*wanted, *[tokenizer.eos_token_id] * 32])

    class Certain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def generate(self, input_ids: torch.Tensor, num_beams: int, **_: object) -> object:
            tail = torch.tensor([next(scripted) for _ in wanted])
            sequences = torch.cat([input_ids, tail[None]], dim=1).expand(num_beams, -1)
            scores = torch.tensor([math.log(0.9)] + [-9.0] * (num_beams - 1))
            return type("Made", (), {"sequences": sequences, "sequences_scores": scores})

    generator._model = Certain()
    (found,) = generator.predict(QUESTIONS[:1], 5)
    assert [c.name for c in found] == ["total"]
    assert found[0].probability == pytest.approx(0.9)
    assert prompt


def test_what_cannot_be_loaded_is_one_line() -> None:
    with pytest.raises(TrainingError, match="generate=/nowhere/base,: cannot be loaded"):
        open_predictor("generate=/nowhere/base")
    with pytest.raises(TrainingError, match="expected generate=MODEL"):
        open_predictor("generate=")
