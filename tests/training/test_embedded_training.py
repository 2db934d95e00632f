"""The embedded model is trained, resumed, refreshed and begun from another."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from server.predictors.embedded_prompt import Vocabulary
from tests.training.embedded_runs import (
    RECIPE,
    answer_losses,
    refused,
    run_module,
    train,
)
from training.embedded.attention import (
    packed_attention,
    positions_and_documents,
    prompt_attention,
)
from training.embedded.encoding import Encoded, load_encoded
from training.embedded.loop import Device, Trainer
from training.embedded.model import Attend, Decoder, Shape, causal_attention
from training.embedded.packing import Dropout, pack
from training.embedded.schedule import Schedule


def test_packed_functions_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    model = Decoder(Shape(vocabulary=50, width=32, layers=2, heads=2, key_value_heads=1,
                          feed_forward=48))  # fmt: skip
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    first, second = torch.tensor([[1, 7, 8, 9]]), torch.tensor([[1, 20, 21]])
    row = torch.cat((first, second), 1)
    positions, documents = positions_and_documents(row, begin=1)
    together = model(row, positions, packed_attention(documents), torch.float32)
    for part, place in ((first, slice(0, 4)), (second, slice(4, 7))):
        alone = model(part, torch.arange(part.shape[1])[None], causal_attention, torch.float32)
        torch.testing.assert_close(together[:, place], alone)


def test_tokens_of_a_prompt_that_is_read_both_ways_see_all_of_it_and_no_answer() -> None:
    tokens = torch.tensor([[1, 7, 8, 9, 5, 1, 20, 21, 22]])
    prompts = torch.tensor([[True, True, True, False, False, True, True, False, False]])
    _, documents = positions_and_documents(tokens, begin=1)
    seen = _seen(packed_attention(documents, prompts), tokens.shape[1])
    assert seen == [
        {0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2, 3}, {0, 1, 2, 3, 4},
        {5, 6}, {5, 6}, {5, 6, 7}, {5, 6, 7, 8},
    ]  # fmt: skip
    alone = prompt_attention(torch.tensor([[True, True, False]]))
    assert _seen(alone, 3) == [{0, 1}, {0, 1}, {0, 1, 2}]


def _seen(attend: Attend, length: int) -> list[set[int]]:
    """Which places each place looks at: with equal scores it sees their values' mean."""
    flat = torch.zeros(1, length, 1, 16)
    values = torch.zeros(1, length, 1, 16)
    values[0, :, 0, :length] = torch.eye(length)
    found = attend(flat, flat, values)[0, :, 0, :length]
    return [set(row.nonzero().flatten().tolist()) for row in found]


def test_a_run_that_reads_both_ways_learns_and_is_taught_further(
    run_folder: Path, both_ways_run: Path
) -> None:
    lines = (both_ways_run / "log.txt").read_text().splitlines()
    losses = [float(line.split("answer_loss ")[1].split()[0]) for line in lines]
    assert losses[-1] < losses[0]
    assert json.loads((both_ways_run / "shape.json").read_text())["both_ways"] is True
    recipe = run_folder / "both-ways-refresh.yaml"
    text = RECIPE.format(data=run_folder, out=both_ways_run, steps=1)
    recipe.write_text(text + f"refresh: {{data: {run_folder}, examples: 32, batch: 16}}\n")
    train("pretrain", "--config", recipe, "--stage", "refresh")
    last = (both_ways_run / "log.txt").read_text().splitlines()[-1]
    refreshed = float(last.split("answer_loss ")[1].split()[0])
    # Read one way, the loss would be that of another question.
    assert refreshed < losses[0]


def test_training_learns(run_folder: Path) -> None:
    losses = answer_losses(run_folder)
    assert losses[0] > 5.0
    assert losses[-1] < losses[0] - 1.0


def test_the_clock_begins_when_the_first_step_is_done(
    tokenizer: Tokenizer, encoded: Encoded, tmp_path: Path
) -> None:
    """Compiling, which is part of it, may take as long as a short run has."""
    vocabulary = Vocabulary.of(tokenizer)
    shape = Shape(vocabulary=tokenizer.get_vocab_size(), width=32, layers=1, heads=2,
                  key_value_heads=1, feed_forward=48)  # fmt: skip
    schedule = Schedule(minutes=0.5 / 60)
    trainer = Trainer(Decoder(shape), schedule, Device(torch.device("cpu")), vocabulary.begin)
    packed = pack(encoded, np.arange(4), vocabulary, Dropout(), seed=1, length=encoded.longest())
    learn, slow = trainer._loss, [True]

    def slow_at_first(*arguments: Any) -> Any:
        if slow.pop() if slow else False:
            time.sleep(1.0)
        return learn(*arguments)

    trainer._loss = slow_at_first
    begun = time.monotonic()
    trainer.run(iter(lambda: packed, None), tmp_path / "log.txt", tmp_path / "checkpoint.pt", 0)
    assert trainer.step > 1
    assert time.monotonic() - begun > 1.4


def test_resumed_training_goes_on_from_the_checkpoint(run_folder: Path) -> None:
    (run_folder / "more.yaml").write_text(
        RECIPE.format(data=run_folder, out=run_folder / "out", steps=50)
    )
    before = len(answer_losses(run_folder))
    train("pretrain", "--config", run_folder / "more.yaml", "--resume")
    added = (run_folder / "out" / "log.txt").read_text().splitlines()[before:]
    assert added
    assert added[-1].startswith("step 50 ")


def test_a_finished_run_is_refreshed_on_other_functions(run_folder: Path) -> None:
    recipe = run_folder / "refresh.yaml"
    recipe.write_text(
        RECIPE.format(data=run_folder, out=run_folder / "out", steps=40)
        + f"refresh: {{data: {run_folder}, examples: 96, batch: 16, rate: 0.003}}\n"
    )
    train("pretrain", "--config", recipe, "--stage", "refresh")
    before, after = (
        torch.load(path / "weights.pt", weights_only=True)
        for path in (run_folder / "out", run_folder / "out" / "refreshed")
    )
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert "embedding.weight" not in changed
    assert "layers.0.attention.q.weight" in changed
    lines = (run_folder / "out" / "log.txt").read_text().splitlines()
    assert lines[-1].startswith("refresh step 6 of 6 answer_loss ")


def test_where_there_is_no_run_the_shipped_model_is_taught(run_folder: Path) -> None:
    recipe = run_folder / "own.yaml"
    recipe.write_text(
        f"data: {run_folder}\nout: {run_folder / 'own'}\nseed: 1\nencode_workers: 1\n"
        f"refresh: {{data: {run_folder}, examples: 4, batch: 2, rate: 0.001}}\n"
    )
    train("pretrain", "--config", recipe, "--stage", "refresh")
    served = run_folder / "own-served"
    train("export", "--run", run_folder / "own" / "refreshed", "--out", served, "--version", "own")
    told = run_module("server", "suggest", "examples/orders.py", "--line", "23",
                      "--json", "--set", f"embedded.weights={served}")  # fmt: skip
    assert json.loads(told)["suggestions"]


@pytest.mark.parametrize("begin", ["run", "served"])
def test_training_begins_with_the_weights_of_another(
    run_folder: Path, tmp_path: Path, begin: str
) -> None:
    start = run_folder / "out"
    if begin == "served":
        start = tmp_path / "served"
        train("export", "--run", run_folder / "out", "--out", start, "--version", "tiny")
    recipe = tmp_path / "further.yaml"
    recipe.write_text(
        RECIPE.format(data=run_folder, out=tmp_path / "out", steps=1) + f"start: {start}\n"
    )
    train("pretrain", "--config", recipe)
    # The loss of its first step is that of the weights it begins with.
    assert answer_losses(tmp_path)[0] < answer_losses(run_folder)[0] - 1.0


def test_a_share_of_the_first_weights_stays(run_folder: Path, tmp_path: Path) -> None:
    states = []
    for share in (0.0, 0.25, 1.0):
        recipe, out = tmp_path / "further.yaml", tmp_path / str(share)
        text = RECIPE.format(data=run_folder, out=out, steps=3).replace("warmup_steps: 3", "")
        text += f"start: {run_folder / 'out'}\nstart_share: {share}\ndropout: 0.1\n"
        recipe.write_text(text.replace(", }", "}"))
        train("pretrain", "--config", recipe)
        states.append(torch.load(out / "weights.pt", weights_only=True))
    begun = torch.load(run_folder / "out" / "weights.pt", weights_only=True)
    end, between, first = states
    for name, value in begun.items():
        assert first[name].equal(value)
        torch.testing.assert_close(
            between[name].float(), end[name].float().lerp(value.float(), 0.25), rtol=0.01, atol=1e-3
        )
    assert not end["layers.0.attention.q.weight"].equal(begun["layers.0.attention.q.weight"])


@pytest.mark.parametrize(
    ("start", "words"), [("nowhere", "no tokenizer.json there"), ("other", "its shape is")]
)
def test_a_start_that_does_not_fit_is_named(
    run_folder: Path, tmp_path: Path, start: str, words: str
) -> None:
    folder = tmp_path / start
    if start == "other":
        folder.mkdir()
        for name in ("weights.pt", "tokenizer.json", "shape.json"):
            (folder / name).write_bytes((run_folder / "out" / name).read_bytes())
    recipe = tmp_path / "further.yaml"
    text = RECIPE.format(data=run_folder, out=tmp_path / "out", steps=1)
    recipe.write_text(text.replace("layers: 2", "layers: 3") + f"start: {folder}\n")
    assert words in refused("training", "pretrain", "--config", recipe)


def test_rows_too_short_for_an_example_are_named(run_folder: Path) -> None:
    config = run_folder / "tiny.yaml"
    told = refused("training", "pretrain", "--config", config, "packing.length=64")
    assert "packing.length: 64 tokens do not hold the longest example; give " in told


def test_a_run_reads_all_its_corpora(run_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "two.yaml"
    recipe.write_text(
        RECIPE.format(data=f"[{run_folder}, {run_folder}]", out=tmp_path / "out", steps=1)
        + f"start: {run_folder / 'out'}\n"
    )
    train("pretrain", "--config", recipe, "--stage", "prepare")
    once, twice = (
        load_encoded(path / "encoded.npz") for path in (run_folder / "out", tmp_path / "out")
    )
    assert len(twice) == 2 * len(once)


def test_refreshing_needs_its_section(run_folder: Path) -> None:
    config = run_folder / "tiny.yaml"
    told = refused("training", "pretrain", "--stage", "refresh", "--config", config)
    assert told.startswith("training: the recipe has no section `refresh`")
