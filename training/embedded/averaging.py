"""The mean of a run's last weights, which may generalise better than the last alone.

Checkpoint averaging (arXiv 1706.03762 section 6.1) and, while rates stay high, stochastic weight
averaging (arXiv 1803.05407).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from dataset.storage import settled
from training.embedded.model import Decoder
from training.errors import TrainingError

_FOLDER = "snapshots"


def keep(model: Decoder, run: Path, step: int) -> None:
    """Write the weights (fp32) as they are after a step, whole or not at all."""
    folder = run / _FOLDER
    folder.mkdir(exist_ok=True)
    with settled(folder / f"{step:08}.pt") as partial:
        torch.save(model.state_dict(), partial)


def forget(run: Path) -> None:
    """Remove what an earlier run kept in the same folder."""
    for file in (run / _FOLDER).glob("*.pt"):
        file.unlink()


def mean_of_last(run: Path, count: int) -> dict[str, Tensor]:
    """The mean of the last `count` weights that `keep` wrote.

    Raises TrainingError where there are fewer.
    """
    files = sorted((run / _FOLDER).glob("*.pt"))[-count:]
    if len(files) < count:
        raise TrainingError(
            f"average_last: {count} are wanted, and {run / _FOLDER} holds {len(files)};"
            " set schedule.snapshot_steps lower and train again"
        )
    total: dict[str, Tensor] = {}
    for file in files:
        state = torch.load(file, map_location="cpu", weights_only=True)
        for name, value in state.items():
            total[name] = total[name] + value if name in total else value
    return {name: value / count for name, value in total.items()}
