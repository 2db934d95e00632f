"""What a fine-tuned run leaves: a shared adapter, and a merged model that answers as it did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.training.conftest import Workshop

Train = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(workshop: Workshop) -> Path:
    from training.__main__ import main

    out = workshop.folder / "for-export"
    changes = {"max_steps": 3, "eval_strategy": "no", "eval_steps": None}
    recipe = workshop.recipe("qlora", output_dir=str(out), **changes)
    assert main(["sft", "--config", str(recipe)]) == 0
    return out


def test_the_adapter_is_shared_with_its_card(run: Path, train: Train, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    arguments = ("--form", "adapter", "--run", run, "--out", out, "--base", "owner/base")
    assert train("export", *arguments)[0] == 0
    settings = json.loads((out / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == "owner/base"
    assert "base_model: owner/base" in (out / "README.md").read_text()
    assert not (out / "training_args.bin").exists()


def test_the_merged_model_answers_as_base_and_adapter_do(
    run: Path, workshop: Workshop, train: Train, tmp_path: Path
) -> None:
    assert train("export", "--form", "merged", "--run", run, "--out", tmp_path)[0] == 0
    base = AutoModelForCausalLM.from_pretrained(workshop.folder / "base", dtype=torch.float32)
    model = PeftModel.from_pretrained(base, str(run / "adapter")).eval()
    merged = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = torch.tensor([tokenizer("def x(rows): return sum(rows)")["input_ids"]])
    with torch.no_grad():
        expected, given = model(input_ids=ids).logits, merged(input_ids=ids).logits
        plain = AutoModelForCausalLM.from_pretrained(workshop.folder / "base").eval()
        without = plain(input_ids=ids).logits.float()
    # Only the rounding of the merged weights to bf16 is between them.
    assert (given - expected).abs().max() < 0.1 * (without - expected).abs().max()
    assert not hasattr(merged.config, "quantization_config")
    assert tokenizer.chat_template


def test_an_unfinished_run_is_one_line(train: Train, tmp_path: Path) -> None:
    status, _, error = train("export", "--form", "merged", "--run", tmp_path, "--out", tmp_path)
    assert status == 2
    assert "finish `python -m training sft` first" in error
