"""The mean of a run's last weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.embedded_runs import RECIPE, refused, train


def state_of(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def kept_run(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine steps from the shared run, every second one kept and the last, the last two averaged."""
    folder = tmp_path_factory.mktemp("kept")
    text = RECIPE.format(data=run_folder, out=folder / "out", steps=9)
    text = text.replace("warmup_steps: 3", "snapshot_steps: 2")
    (folder / "kept.yaml").write_text(text + f"start: {run_folder / 'out'}\naverage_last: 2\n")
    train("pretrain", "--config", folder / "kept.yaml")
    return folder


def test_the_result_is_the_mean_of_the_last_weights(kept_run: Path) -> None:
    files = sorted((kept_run / "out" / "snapshots").iterdir())
    assert [int(file.stem) for file in files] == [2, 4, 6, 8, 9]
    before, last = map(state_of, files[-2:])
    for name, value in state_of(kept_run / "out" / "weights.pt").items():
        assert value.equal(((before[name] + last[name]) / 2).bfloat16())
    assert not before["layers.0.attention.q.weight"].equal(last["layers.0.attention.q.weight"])


def test_another_mean_takes_no_training(kept_run: Path) -> None:
    config = ("--config", kept_run / "kept.yaml")
    log = (kept_run / "out" / "log.txt").read_text()
    train("pretrain", *config, "--stage", "average", "average_last=5")
    files = sorted((kept_run / "out" / "snapshots").iterdir())
    states = [state_of(file) for file in files]
    for name, value in state_of(kept_run / "out" / "weights.pt").items():
        mean = torch.stack([state[name] for state in states]).mean(0)
        torch.testing.assert_close(value.float(), mean, rtol=0.01, atol=1e-4)
    assert (kept_run / "out" / "log.txt").read_text() == log
    told = refused("training", "pretrain", *config, "--stage", "average", "average_last=6")
    assert "average_last: 6 are wanted, and" in told
    told = refused("training", "pretrain", *config, "--stage", "average", "average_last=0")
    assert "average_last: how many snapshots?" in told
    told = refused("training", "pretrain", *config, "--stage", "average", "start_share=0.1")
    assert "start_share: " in told


def test_a_run_begun_anew_forgets_what_was_kept(kept_run: Path) -> None:
    shorter = ("schedule.steps=4", "average_last=3")
    told = refused("training", "pretrain", "--config", kept_run / "kept.yaml", *shorter)
    assert "holds 2" in told


def test_a_mean_of_nothing_is_refused_before_the_training(run_folder: Path) -> None:
    told = refused("training", "pretrain", "--config", run_folder / "tiny.yaml", "--stage", "train",
                   "average_last=2")  # fmt: skip
    assert "average_last: nothing is kept; set schedule.snapshot_steps" in told
