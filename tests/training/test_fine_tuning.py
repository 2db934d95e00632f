"""The tiny recipes, run whole on a processor: SFT with LoRA and QLoRA (NF4), then DPO."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.conftest import ROOT, Workshop
from training.finetuning.effort import effort

WEIGHTS = "adapter_model.safetensors"
Train = Callable[..., tuple[int, str, str]]
# The losses of the tiny recipes as they are shipped, on this project's own functions of the day
# they were pinned: `tests/data/training/functions.jsonl`.
PINNED = ROOT / "tests" / "data" / "training"


def log_of(run: Path) -> list[dict[str, Any]]:
    newest = max(run.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    return json.loads((newest / "trainer_state.json").read_text())["log_history"]


@pytest.fixture(scope="module")
def lora_run(workshop: Workshop) -> Path:
    """A finished LoRA run; DPO and export begin from its adapter."""
    from training.__main__ import main

    out = workshop.folder / "lora"
    assert main(["sft", "--config", str(workshop.recipe("lora", output_dir=str(out)))]) == 0
    return out


def test_lora_learns_and_leaves_an_adapter_with_a_card(lora_run: Path) -> None:
    losses = [entry["loss"] for entry in log_of(lora_run) if "loss" in entry]
    assert sum(losses[-3:]) / 3 < losses[0] - 0.3
    settings = json.loads((lora_run / "adapter" / "adapter_config.json").read_text())
    assert (settings["r"], settings["lora_alpha"]) == (8, 16)
    trained = {name.split(".")[-3] for name in load_file(lora_run / "adapter" / WEIGHTS)}
    assert trained == {f"{part}_proj" for part in ("q", "k", "v", "o", "gate", "up", "down")}
    card = (lora_run / "adapter" / "README.md").read_text()
    assert "base_model:" in card
    assert "| `lora_r` | 8 |" in card
    assert "| hardware | 1 × processor |" in card
    assert re.search(r"\| time \| \d+\.\d\d h in the last session \|", card)


def test_energy_is_told_by_the_power_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 350.00\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    cost = effort([{"loss": 1.0}, {"train_runtime": 7200.0}], 2)
    assert cost["hardware"] == "2 × a card"
    assert cost["energy"].startswith("at most 1.40 kWh")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert "energy" not in effort([{"train_runtime": 7200.0}], 2)


def test_each_evaluation_shows_names_for_held_out_functions(lora_run: Path) -> None:
    text = (lora_run / "samples.md").read_text()
    assert text.count("| actual | named |") == 2
    assert "## Step 6" in text


def test_checkpoints_are_limited_and_whole(lora_run: Path) -> None:
    names = {path.name for path in lora_run.iterdir()}
    assert {"checkpoint-8", "checkpoint-12", "adapter"} <= names
    assert not [name for name in names if "partial" in name or name == "checkpoint-4"]


@pytest.mark.parametrize(("name", "tolerance"), [("lora", 2e-3), ("qlora", 2e-2)])
def test_losses_of_the_tiny_recipe_are_the_pinned_ones(
    workshop: Workshop, train: Train, tmp_path: Path, name: str, tolerance: float
) -> None:
    base = tmp_path / "base"
    text = tmp_path / "text"
    text.mkdir()
    rows = [json.loads(line) for line in (PINNED / "functions.jsonl").read_text().splitlines()]
    (text / "functions.py").write_text("\n\n".join(row["question_text"] for row in rows))
    assert train("random-base", "--text", text, "--out", base)[0] == 0
    recipe = workshop.recipe(name, output_dir=str(tmp_path / "run"), model_name_or_path=str(base),
                             data=str(PINNED / "functions.jsonl"), max_steps=5,
                             eval_strategy="no", eval_steps=None)  # fmt: skip
    assert train("sft", "--config", recipe)[0] == 0
    losses = [entry["loss"] for entry in log_of(tmp_path / "run") if "loss" in entry]
    pinned = json.loads((PINNED / "losses.json").read_text())[name]
    assert losses == pytest.approx(pinned, rel=tolerance)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGKILL, "checkpoint-4.partial"),
        (signal.SIGKILL, "checkpoint-4"),
        (signal.SIGTERM, "checkpoint-2"),
    ],
    ids=["killed while saving", "killed after saving", "terminated"],
)
def test_a_stopped_run_that_is_resumed_gives_the_same_adapter(
    workshop: Workshop, train: Train, tmp_path: Path, number: int, moment: str
) -> None:
    changes = {"max_steps": 8, "save_steps": 2, "eval_strategy": "no", "eval_steps": None}
    whole, stopped = workshop.folder / "whole", tmp_path / "stopped"
    if not whole.exists():
        recipe = workshop.recipe("qlora", output_dir=str(whole), **changes)
        assert train("sft", "--config", recipe)[0] == 0
    recipe = workshop.recipe("qlora", output_dir=str(stopped), **changes)
    status = stop_at(recipe, stopped / moment, number)
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 128 + signal.SIGTERM)
    assert not (stopped / "adapter").exists()
    status, out, _ = train("sft", "--config", recipe, "--resume")
    assert status == 0
    assert "going on from" in out
    expected = (whole / "adapter" / WEIGHTS).read_bytes()
    assert (stopped / "adapter" / WEIGHTS).read_bytes() == expected


def stop_at(recipe: Path, moment: Path, number: int, kind: str = "sft") -> int:
    """Start the recipe in a process of its own and signal it once `moment` is there."""
    command = [sys.executable, "-m", "training", kind, "--config", str(recipe)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        deadline = time.monotonic() + 200
        while not moment.exists():
            assert process.poll() is None, "the run ended before it could be stopped"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(number)
        return process.wait(100)


def test_preferences_begin_from_the_adapter(
    workshop: Workshop, train: Train, lora_run: Path, tmp_path: Path
) -> None:
    adapter = lora_run / "adapter"
    recipe = workshop.recipe("dpo", output_dir=str(tmp_path / "dpo"), adapter=str(adapter))
    status, out, _ = train("dpo", "--config", recipe)
    assert status == 0
    assert "eval_rewards/accuracies" in out
    first = next(entry for entry in log_of(tmp_path / "dpo") if "loss" in entry)
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)
    before, after = (
        load_file(folder / WEIGHTS) for folder in (adapter, tmp_path / "dpo" / "adapter")
    )
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)
    assert not (tmp_path / "dpo" / "adapter" / "ref").exists()


def test_preferences_that_are_killed_and_resumed_give_the_same_adapter(
    workshop: Workshop, train: Train, lora_run: Path, tmp_path: Path
) -> None:
    changes = {"adapter": str(lora_run / "adapter"), "max_steps": 4, "save_steps": 2,
               "eval_strategy": "no", "eval_steps": None}  # fmt: skip
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    recipe = workshop.recipe("dpo", output_dir=str(whole), **changes)
    assert train("dpo", "--config", recipe)[0] == 0
    recipe = workshop.recipe("dpo", output_dir=str(stopped), **changes)
    assert stop_at(recipe, stopped / "checkpoint-2", signal.SIGKILL, "dpo") == -signal.SIGKILL
    assert not (stopped / "adapter").exists()
    assert train("dpo", "--config", recipe, "--resume")[0] == 0
    expected = (whole / "adapter" / WEIGHTS).read_bytes()
    assert (stopped / "adapter" / WEIGHTS).read_bytes() == expected


def test_a_finished_run_is_not_overwritten(
    workshop: Workshop, train: Train, lora_run: Path
) -> None:
    status, _, error = train("sft", "--config", lora_run.with_suffix(".yaml"))
    assert status == 2
    assert "add --resume" in error
    changed = workshop.recipe("lora", output_dir=str(lora_run), lora_alpha=8)
    status, _, error = train("sft", "--config", changed, "--resume")
    assert status == 2
    assert "lora_alpha was 16 and is 8" in error


def test_tensorboard_is_the_default_and_needs_no_network(
    workshop: Workshop, train: Train, tmp_path: Path
) -> None:
    recipe = workshop.recipe("lora", output_dir=str(tmp_path / "run"), report_to=None, max_steps=1)
    assert train("sft", "--config", recipe)[0] == 0
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))
