"""How a training run moves its rates and weights; free of torch, so that recipes can name it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how rates and weights move; `minutes` 0 means by `steps` alone."""

    minutes: float = 0.0
    steps: int = 0
    muon_rate: float = 0.02
    adam_rate: float = 0.003
    muon_decay: float = 0.1
    warmup_steps: int = 100
    cooldown: float = 0.6
    body_weight_first: float = 1.0
    body_weight_last: float = 0.05
    answer_weight: float = 5.0
    summary_weight: float = 0.5
    identifier_weight: float = 0.5
    # Every so many steps, and after the last one, the weights are kept as a file (0: never).
    snapshot_steps: int = 0


@dataclass(frozen=True)
class TowerRecipe:
    """A second tower for the network of `start`: `teacher` is the folder of a run or of a served
    model, whose answers the tower learns over the network's first `below` layers; tokens of the
    body count `body_share` as much as the answers'."""

    teacher: Path
    below: int = 3
    body_share: float = 0.5


@dataclass(frozen=True)
class Refresh:
    """The last stage: `data` is a corpus of repositories that pre-training left out, `bare` the
    share of its functions that show no context; `held_out` of them are measured, not learnt;
    `minutes` ends it by the clock where the examples last longer (0: never)."""

    data: Path
    examples: int = 8_000
    batch: int = 32
    rate: float = 1e-4
    bare: float = 0.5
    held_out: int = 0
    minutes: float = 0.0
