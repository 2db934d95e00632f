"""Bad input of fine-tuning is one clear line: the file, the field, what was expected."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import RECIPES, ROOT, Workshop
from training.errors import TrainingError
from training.finetuning import checkpoints, memory, recipe

Train = Callable[..., tuple[int, str, str]]
SFT = sorted(path for path in RECIPES.glob("*/*lora.yaml"))
DPO = sorted(RECIPES.glob("*/dpo.yaml"))


@pytest.mark.parametrize("path", SFT + DPO, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_shipped_recipes_are_sound(path: Path) -> None:
    kind = "dpo" if path in DPO else "sft"
    found = recipe.load(path, kind, [f"data={ROOT}"])
    arguments = found.arguments
    if path.parent.name != "tiny":
        batch = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
        assert batch == 32
        assert arguments.max_length == 1024
        assert arguments.optim == "paged_adamw_32bit"
        assert found.model.load_in_4bit == (path.stem != "lora")
    if kind == "sft" and path.parent.name != "tiny":
        assert (found.model.lora_r, found.model.lora_alpha) == (128, 256)
        assert found.model.lora_target_modules == "all-linear"
        assert arguments.packing
        assert arguments.completion_only_loss
    assert arguments.report_to == ["tensorboard"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora_rank": 8}, "lora_rank is not a field"),
        ({"learning_rat": 0.1}, "did you mean learning_rate?"),
        ({"lora_r": "eight"}, "lora_r: expected int, got 'eight'"),
        ({"packing": "yes please"}, "packing: expected bool, got 'yes please'"),
        ({"packing_strategy": "dense"}, "expected one of bfd, bfd_split, wrapped, got 'dense'"),
        ({"form": "alpaca"}, "form: expected one of chat, prompt-completion, got 'alpaca'"),
        ({"optim": "adamw_touch"}, "optim: expected one of adamw_torch"),
        ({"data": "/nowhere/corpus"}, "data: /nowhere/corpus is not there"),
        ({"output_dir": None}, "output_dir is missing"),
        ({"do_eval": True}, "do_eval has no effect here; set eval_strategy"),
        ({"use_peft": False}, "has no effect without use_peft: true"),
        ({"save_total_limit": 1}, "save_total_limit: expected 2 or more, got 1"),
        ({"report_to": "mlflow"}, "report_to: expected one of tensorboard, wandb, trackio, none"),
        ({"report_to": "trackio"}, "trackio is not installed; pip install trackio"),
        ({"use_liger_kernel": True}, "Liger is not installed"),
        (
            {"keep_products": True, "activation_checkpointing": True},
            "keep_products decides what is recomputed; set activation_checkpointing: false",
        ),
        (
            {"fused_layers": True, "keep_products": True, "activation_checkpointing": False},
            "fused_layers keeps products of its own; set keep_products: false",
        ),
        ({"use_cpu": None}, "no CUDA GPU here"),
        ({"model_name_or_path": "/nowhere/base"}, "model_name_or_path: no configuration of"),
    ],
)
def test_a_bad_field_is_one_line(
    workshop: Workshop, train: Train, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = workshop.recipe("lora", **{"output_dir": str(tmp_path / "run"), **changes}) if (
        changes.get("output_dir", "") is not None
    ) else without_output(workshop, tmp_path)  # fmt: skip
    status, _, error = train("sft", "--config", path)
    assert status == 2
    assert message in error
    assert str(path) in error
    assert len(error.strip().splitlines()) == 1


def test_words_and_numbers_are_read_as_yaml_1_2_has_them(workshop: Workshop) -> None:
    path = workshop.recipe("lora", output_dir=str(workshop.folder / "yaml"))
    found = recipe.load(path, "sft", ["eval_strategy=no", "learning_rate=2e-4", "packing=false"])
    assert found.values["eval_strategy"] == "no"
    assert found.arguments.learning_rate == 2e-4
    assert found.arguments.packing is False


def without_output(workshop: Workshop, folder: Path) -> Path:
    path = workshop.recipe("lora", output_dir=str(folder / "run"))
    lines = [line for line in path.read_text().splitlines() if not line.startswith("output_dir")]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rows.jsonl", '{"name": "a"}', "rows.jsonl:1: question_text missing"),
        ("rows.jsonl", "not json", "rows.jsonl:1: not JSON"),
        ("rows.jsonl", "", "has no row to train on"),
    ],
)
def test_bad_rows_are_one_line(
    workshop: Workshop, train: Train, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    recipe = workshop.recipe("lora", output_dir=str(tmp_path / "run"), data=str(tmp_path / name))
    status, _, error = train("sft", "--config", recipe)
    assert (status, message in error) == (2, True), error
    assert len(error.strip().splitlines()) == 1


def test_pairs_without_their_columns(workshop: Workshop, train: Train, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"question": "def x(): pass", "chosen": "a"}')
    recipe = workshop.recipe("dpo", output_dir=str(tmp_path / "run"), adapter=None,
                             use_peft=True, data=str(tmp_path / "pairs.jsonl"))  # fmt: skip
    status, _, error = train("dpo", "--config", recipe)
    assert status == 2
    assert "rejected missing; rows need question, chosen, rejected" in error


def test_an_adapter_for_another_base(workshop: Workshop, train: Train, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    recipe = workshop.recipe("dpo", output_dir=str(tmp_path / "run"), adapter=str(adapter))
    assert "finish `python -m training sft` first" in train("dpo", "--config", recipe)[2]
    settings = {"base_model_name_or_path": "someone/else", "peft_type": "LORA", "r": 8}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    status, _, error = train("dpo", "--config", recipe)
    assert status == 2
    assert "was trained on someone/else, not on" in error


@pytest.mark.parametrize(
    ("missing", "changes", "message"),
    [
        ("chat_template", {}, "has no chat template; set form: prompt-completion"),
        ("eos_token", {}, "has no end token; name one"),
        (None, {"eos_token": "<|end|>"}, "has no token '<|end|>'"),
    ],
)
def test_a_tokenizer_without_the_needed_tokens(
    workshop: Workshop, train: Train, tmp_path: Path, missing: str | None, changes: dict[str, Any],
    message: str,
) -> None:  # fmt: skip
    base = tmp_path / "base"
    shutil.copytree(workshop.folder / "base", base)
    file = base / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings.pop(missing or "", None)
    file.write_text(json.dumps(settings))
    (base / "special_tokens_map.json").unlink()
    recipe = workshop.recipe("lora", output_dir=str(tmp_path / "run"),
                             model_name_or_path=str(base), **changes)  # fmt: skip
    status, _, error = train("sft", "--config", recipe)
    assert status == 2
    assert message in error


def test_a_hub_that_does_not_answer(workshop: Workshop, tmp_path: Path) -> None:
    recipe = workshop.recipe("lora", output_dir=str(tmp_path / "run"),
                             model_name_or_path="owner/model-not-here")  # fmt: skip
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "training", "sft", "--config", str(recipe)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "model_name_or_path: no configuration of owner/model-not-here" in done.stderr
    assert "whether the hub can be reached" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert time.monotonic() - started < 100


def test_rows_too_short_for_the_prompt(workshop: Workshop, train: Train, tmp_path: Path) -> None:
    recipe = workshop.recipe("lora", output_dir=str(tmp_path / "run"), max_length=20)
    status, _, error = train("sft", "--config", recipe)
    assert status == 2
    assert "max_length: 20 tokens do not hold the prompt" in error


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"activation_checkpointing": False}, "activation_checkpointing: true"),
        (
            {"activation_checkpointing": False, "fused_layers": True},
            "activation_checkpointing: true",
        ),
        (
            {"activation_checkpointing": False, "keep_products": True},
            "keep_products: false and activation_checkpointing: true",
        ),
        ({}, "per_device_train_batch_size: 4 and gradient_accumulation_steps: 8"),
        ({"per_device_train_batch_size": 1}, "optim: paged_adamw_8bit"),
    ],
)
def test_running_out_of_memory_names_the_setting_to_change(
    changes: dict[str, Any], advice: str
) -> None:
    written = [f"{name}={json.dumps(value)}" for name, value in changes.items()]
    found = recipe.load(RECIPES / "codellama-7b/qlora.yaml", "sft", [f"data={ROOT}", *written])
    with pytest.raises(TrainingError) as raised, memory.told_when_full(found):
        raise torch.OutOfMemoryError("CUDA out of memory")
    assert advice in str(raised.value)


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    # A device that is always full, opened and written to: nothing may be renamed over it.
    def torch_save() -> None:
        with open("/dev/full", "wb") as stream:  # noqa: PTH123
            torch.save(torch.zeros(100_000), stream)

    def plain() -> None:
        with open("/dev/full", "w") as stream:  # noqa: PTH123
            stream.write("x" * 100_000)

    def wrapped() -> None:
        try:
            plain()
        except OSError as error:
            raise RuntimeError("saving the checkpoint failed") from error

    for write in (torch_save, plain, wrapped):
        with (
            pytest.raises(TrainingError, match="the disk is full; free some space"),
            checkpoints.told_when_full(tmp_path),
        ):
            write()


@pytest.mark.parametrize(("text", "size"), [("24GB", 24 * 10**9), ("1.5 GiB", 1.5 * 2**30)])
def test_sizes(text: str, size: float) -> None:
    assert memory.parse_size(text) == int(size)


def test_a_dry_run_says_what_is_needed(workshop: Workshop, train: Train, tmp_path: Path) -> None:
    recipe = workshop.recipe("lora", output_dir=str(tmp_path / "run"))
    status, out, _ = train("sft", "--config", recipe, "--dry-run", "--memory-limit", "24GB")
    assert status == 0
    assert "needs about" in out
    assert "fits into 24.0 GB" in out
    assert not (tmp_path / "run").exists()
    status, out, _ = train("sft", "--config", recipe, "--dry-run", "--memory-limit", "1MB")
    assert status == 1
    assert "does not fit" in out
    assert "--memory-limit lots" in train(
        "sft", "--config", recipe, "--dry-run", "--memory-limit", "lots"
    )[2]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [
            "fused_layers=true",
            "attn_implementation=packed",
            "activation_checkpointing=false",
            "per_device_train_batch_size=4",
            "gradient_accumulation_steps=8",
        ],
    ],
    ids=["as shipped", "fused"],
)
def test_the_7b_recipe_fits_a_24_gb_card(train: Train, tmp_path: Path, changes: list[str]) -> None:
    """By the dry run, which needs only the shape of the base."""
    from training.random_base import SHAPES, config

    (tmp_path / "config.json").write_text(json.dumps(config(SHAPES["codellama-7b"])))
    status, out, error = train(
        "sft", "--config", RECIPES / "codellama-7b/qlora.yaml", "--dry-run",
        "--memory-limit", "24GB", f"model_name_or_path={tmp_path}", f"data={ROOT}", *changes,
    )  # fmt: skip
    assert status == 0, error
    assert "6,738.5 M parameters, 319.8 M trained" in out
    assert "fits into 24.0 GB" in out
