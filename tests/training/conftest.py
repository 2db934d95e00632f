"""A tiny base, corpus and pairs, and a run of the embedded model, all made once; and runs of the
real commands in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tokenizers import Tokenizer

from dataset.__main__ import main as dataset_main
from tests.training.embedded_runs import RECIPE, own_examples, run_module
from training.__main__ import main as training_main
from training.embedded.encoding import Encoded, encode_examples
from training.embedded.tokenizer import train_tokenizer
from training.random_base import SHAPES, write_base

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "training" / "recipes"


@dataclass(frozen=True)
class Workshop:
    """A folder with `base`, `corpus` and `pairs.jsonl`, and a place for recipes and runs."""

    folder: Path

    def recipe(self, name: str, **changes: Any) -> Path:
        """A shipped tiny recipe on this folder's data, with changes; None takes a field away."""
        values = yaml.safe_load((RECIPES / "tiny" / f"{name}.yaml").read_text())
        values["learning_rate"] = float(values["learning_rate"])
        values |= {"model_name_or_path": str(self.folder / "base"), "report_to": "none"}
        values["data"] = str(self.folder / ("pairs.jsonl" if name == "dpo" else "corpus"))
        values |= changes
        kept = {key: value for key, value in values.items() if value is not None}
        path = Path(kept["output_dir"]).with_suffix(".yaml")
        path.write_text(yaml.safe_dump(kept))
        return path


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("workshop")
    write_base(SHAPES["tiny"], ROOT / "server", folder / "base", seed=1)
    arguments = ["--source", "folder", "--path", str(ROOT / "server"), "--workers", "1"]
    assert dataset_main(["build", *arguments, "--out", str(folder / "corpus")]) == 0
    pairs = [
        {
            "question": f"def x(rows):\n    total = {i}\n    for row in rows:\n"
            f"        total += row\n    return total * {i}",
            "chosen": f"sum_rows_{i}",
            "rejected": f"do_it_{i}",
            "repository": f"owner/project{i % 5}",
        }
        for i in range(20)
    ]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    return Workshop(folder)


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a training command; gives its status and what it printed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = training_main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_tokenizer((f"{e.text}\n_{e.name}" for e in own_examples()), 600)


@pytest.fixture(scope="session")
def encoded(tokenizer: Tokenizer) -> Encoded:
    return encode_examples(list, [own_examples()], tokenizer, workers=1)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 40 steps through the real command, on this project's own functions."""
    folder = tmp_path_factory.mktemp("run")
    run_module("dataset", "build", "--source", "folder", "--path", ROOT / "server",
               "--out", folder, "--workers", 1)  # fmt: skip
    recipe = folder / "tiny.yaml"
    recipe.write_text(RECIPE.format(data=folder, out=folder / "out", steps=40))
    run_module("training", "pretrain", "--config", recipe)
    return folder


@pytest.fixture(scope="session")
def both_ways_run(run_folder: Path) -> Path:
    """That run trained on to read prompts both ways."""
    recipe = run_folder / "both-ways.yaml"
    out = run_folder / "both-ways"
    text = RECIPE.format(data=run_folder, out=out, steps=20).replace(
        "workers: 1}", "workers: 1, both_ways: 0.5}"
    )
    recipe.write_text(text + f"start: {run_folder / 'out'}\n")
    run_module("training", "pretrain", "--config", recipe)
    return out


@pytest.fixture(scope="session")
def tower_run(run_folder: Path) -> Path:
    """That run with a second tower, which learnt from a run of other seeds."""
    recipe, out, teacher = (run_folder / name for name in ("tower.yaml", "tower", "teacher"))
    text = RECIPE.format(data=run_folder, out=teacher, steps=20).replace(
        "schedule: {", "schedule: {muon_rate: 0.05, "
    )
    recipe.write_text(text + f"seed: 5\nstart: {run_folder / 'out'}\n")
    run_module("training", "pretrain", "--config", recipe)
    text = RECIPE.format(data=run_folder, out=out, steps=40)
    text += f"start: {run_folder / 'out'}\ntower: {{teacher: {teacher}, below: 1}}\n"
    recipe.write_text(text)
    run_module("training", "pretrain", "--config", recipe)
    return out
