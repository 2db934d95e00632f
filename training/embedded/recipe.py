"""What a recipe of the embedded model says; free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from training.embedded.packing import Dropout
from training.embedded.schedule import Refresh, Schedule, TowerRecipe


@dataclass(frozen=True)
class ShapeRecipe:
    width: int = 768
    layers: int = 7
    heads: int = 12
    key_value_heads: int = 2
    feed_forward: int = 2_048


@dataclass(frozen=True)
class PackingRecipe:
    """`length` tokens a row, `rows` a step on each device, `workers` processes for each device."""

    length: int = 2_048
    rows: int = 64
    workers: int = 8
    # Functions of repositories with fewer than `late_below` come in after `early_epochs` epochs:
    # the rates then fall over code that was not seen before, and is not known by heart.
    late_below: int = 0
    early_epochs: int = 0
    # Of names that more examples than these have, an epoch shows fewer: the root of the excess (0:
    # all).
    frequent_above: int = 0
    dropout: Dropout = field(default_factory=Dropout)
    summaries: bool = True
    # Share of the examples whose prompt is read both ways, and not learnt; above 0 the model that
    # comes of it reads all prompts so.
    both_ways: float = 0.0
    # Share of the examples one of whose identifiers is masked, and learnt behind the name.
    masked: float = 0.0


@dataclass(frozen=True)
class PretrainRecipe:
    # One corpus or several.
    data: tuple[Path, ...]
    out: Path
    seed: int = 1
    vocabulary: int = 16_384
    tokenizer_sample: int = 300_000
    # Tokens may hold whole identifiers, not only a word of one: for comparison, since the server
    # counts the leading underscores of a name as tokens of their own.
    whole_identifiers: bool = False
    encode_workers: int = 2
    save_minutes: float = 4.0
    # A run's folder, or a served model's, whose tokenizer and weights the training begins with.
    start: Path | None = None
    # Share of those weights in the result, which generalises better than either (WiSE-FT,
    # arXiv 2109.01903).
    start_share: float = 0.0
    # Share of the values that each layer adds which are left out in a step of the training.
    dropout: float = 0.0
    # The result is the mean of so many snapshots, the last ones (0: the last weights).
    average_last: int = 0
    shape: ShapeRecipe = field(default_factory=ShapeRecipe)
    schedule: Schedule = field(default_factory=Schedule)
    packing: PackingRecipe = field(default_factory=PackingRecipe)
    refresh: Refresh | None = None
    # Instead of the network of `start`, train a second tower for it.
    tower: TowerRecipe | None = None
