"""A tiny base with a real tokenizer whose names end, an adapter for it, and settings on a CPU."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.gpu_inputs import write_adapter
from server.predictors.worker.checkpoint import open_model
from server.predictors.worker.model import Model, Wanted, load_model
from server.predictors.worker.prompt import Prompts, load_tokenizer
from server.settings import Settings
from training.random_base import SHAPES, write_base

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    # The model's process too.
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights whose answers are less even than chance, and end as names do."""
    folder = tmp_path_factory.mktemp("models") / "tiny-base"
    write_base(SHAPES["tiny"], ROOT / "server", folder, seed=1)
    size = SHAPES["tiny"].vocabulary
    ends = Prompts(load_tokenizer([folder]), 512).grammar(size).ends
    path = open_model(folder).tensors["lm_head.weight"].path
    tensors = load_file(path)
    tensors["lm_head.weight"] *= 8
    tensors["lm_head.weight"][ends] *= 2
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def adapter(base: Path) -> Path:
    folder = base.with_name("adapter")
    write_adapter(SHAPES["tiny"], folder, 8)
    return folder


@pytest.fixture(scope="session")
def settings(base: Path) -> Settings:
    return Settings(
        predictor="transformers",
        model=str(base),
        transformers_device="cpu",
        transformers_mode="speed",
    )


@pytest.fixture(scope="session")
def model(base: Path) -> Model:
    return load_model(Wanted(str(base), "", "speed", "cpu"), lambda what, share: None, steps=8)
