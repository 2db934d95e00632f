"""Greedy names in torch equal what plain reading of one prompt at a time gives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from dataset.question import Question
from server.predictors.embedded_prompt import MAX_NAME_TOKENS, Vocabulary, answer_text, encode
from tests.training.embedded_runs import own_examples, run_module
from training.embedded.attention import prompt_attention
from training.embedded.greedy import answers
from training.embedded.model import Decoder, Shape, causal_attention


def logits_of(model: Decoder, ids: list[int], prompt: int) -> torch.Tensor:
    tokens = torch.tensor([ids])
    positions = torch.arange(len(ids))[None]
    attend = prompt_attention(positions < prompt) if model.shape.both_ways else causal_attention
    return model.logits(model(tokens, positions, attend, torch.float32))[0]


@pytest.mark.parametrize("form", ["plain", "both ways", "tower"])
def test_batches_answer_as_single_prompts(
    tokenizer: Tokenizer, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.embedded.greedy.compute_dtype", lambda device: torch.float32)
    torch.manual_seed(3)
    shape = Shape(tokenizer.get_vocab_size(), 32, 3, 4, 2, 48)
    shape = replace(shape, both_ways=form == "both ways", tower_from=1 if form == "tower" else 0)
    model = Decoder(shape)
    for parameter in model.parameters():
        # At first all layers add nothing.
        torch.nn.init.normal_(parameter, std=0.3)
    vocabulary = Vocabulary.of(tokenizer)
    examples = [each for each in own_examples() if len(each.text) < 1_500][:40]
    prompts = [encode(Question(each.text), tokenizer, vocabulary) for each in examples]
    names = [[*tokenizer.encode(answer_text(each.name)).ids[:MAX_NAME_TOKENS], vocabulary.end]
             for each in examples]  # fmt: skip
    # What most names contain somewhere ends them, so that some are short and some are not.
    free = [token for one in answers(model, prompts, names, -1) for token in set(one.ids[1:])]
    end = max(set(free), key=free.count)
    found = answers(model, prompts, names, end)
    lengths = set()
    with torch.inference_mode():
        for prompt, name, answer in zip(prompts, names, found, strict=True):
            wanted: list[int] = []
            while len(wanted) < MAX_NAME_TOKENS:
                best = int(logits_of(model, [*prompt, *wanted], len(prompt))[-1].argmax())
                if best == end:
                    break
                wanted.append(best)
            assert answer.ids == wanted
            lengths.add(len(wanted))
            logits = logits_of(model, [*prompt, *name], len(prompt))[len(prompt) - 1 : -1]
            loss = functional.cross_entropy(logits, torch.tensor(name), reduction="sum")
            assert answer.loss == pytest.approx(float(loss), rel=1e-4)
    assert len(lengths) > 1


def test_runs_are_compared_on_the_same_functions(run_folder: Path, tmp_path: Path) -> None:
    told = run_module("benchmarks.embedded_forms", "--data", run_folder, "--split", "train",
                      "--limit", 30, "--json", tmp_path / "rows.json",
                      run_folder / "out", run_folder / "out")  # fmt: skip
    assert "30 functions" in told
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["context"] for row in rows] == ["none", "none", "file", "file"]
    for first, second in (rows[:2], rows[2:]):
        assert first["f1_difference"] is None
        assert second["f1_difference"]["difference"] == 0.0
        assert second["nats"] == first["nats"] > 5
