"""The stages that make the embedded model from a corpus: tokenizer, encoding, training, export.

Each stage leaves its result in the run's folder and is not repeated when that is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from server.predictors.embedded_prompt import Vocabulary
from training.embedded.encoding import encode_examples, line_starts, load_encoded, save_encoded
from training.embedded.identifiers import MASK
from training.embedded.packing import Dropout, Packed, pack
from training.embedded.recipe import PretrainRecipe
from training.embedded.schedule import Refresh, TowerRecipe
from training.embedded.tokenizer import train_tokenizer
from training.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor

    from training.embedded.corpus import RowGroup
    from training.embedded.loop import Device, Trainer
    from training.embedded.model import Decoder

SPLITS = {"train": "encoded.npz", "validation": "validation.npz"}
REFRESH = "refresh.npz"


def prepare(recipe: PretrainRecipe) -> None:
    """Train the tokenizer and encode the corpus, unless the run's folder has them already."""
    from training.embedded.corpus import read_group, sample_examples, small_repositories

    recipe.out.mkdir(parents=True, exist_ok=True)
    tokenizer_file = recipe.out / "tokenizer.json"
    below = recipe.packing.late_below
    late = frozenset[str]()
    if below:
        late = late.union(*(small_repositories(folder, below) for folder in recipe.data))
    if recipe.start is not None and not tokenizer_file.exists():
        if not (recipe.start / "tokenizer.json").exists():
            raise TrainingError(
                f"{recipe.start}: no tokenizer.json there; give the folder of a run or a model"
            )
        shutil.copyfile(recipe.start / "tokenizer.json", tokenizer_file)
    if not tokenizer_file.exists():
        sample = sample_examples(_groups(recipe.data), recipe.seed)
        texts = (
            f"{e.text}\n_{e.name}\n{e.context.docstring}"
            for e in islice(sample, recipe.tokenizer_sample)
        )
        more = (MASK,) if recipe.packing.masked else ()
        tokenizer = train_tokenizer(
            texts, recipe.vocabulary, more, whole_identifiers=recipe.whole_identifiers
        )
        tokenizer.save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    for split, file in SPLITS.items():
        if (recipe.out / file).exists():
            continue
        if groups := _groups(recipe.data, split, late):
            encoded = encode_examples(read_group, groups, tokenizer, recipe.encode_workers)
            save_encoded(encoded, recipe.out / file)
    if recipe.refresh is not None:
        _prepare_refresh(recipe.refresh, tokenizer, recipe)


def _prepare_refresh(refresh: Refresh, tokenizer: Tokenizer, recipe: PretrainRecipe) -> None:
    from training.embedded.corpus import read_group, row_groups

    if not (recipe.out / REFRESH).exists():
        groups = row_groups(refresh.data)
        encoded = encode_examples(read_group, groups, tokenizer, recipe.encode_workers)
        save_encoded(encoded, recipe.out / REFRESH)


def _groups(
    folders: Sequence[Path], split: str = "train", late: frozenset[str] = frozenset()
) -> list[RowGroup]:
    """The row groups of a split in all the folders; not each has one but for training."""
    from training.embedded.corpus import row_groups

    return [
        group
        for folder in folders
        if split == "train" or any(folder.glob(f"{split}-*.parquet"))
        for group in row_groups(folder, split, late)
    ]


def train(recipe: PretrainRecipe, resume: bool) -> None:
    """Train on the devices at hand and leave `checkpoint.pt` and `log.txt` in the run's folder."""
    import torch
    import torch.distributed as dist

    from training.embedded.averaging import forget, mean_of_last
    from training.embedded.batches import Plan, batches
    from training.embedded.loop import Device, Trainer
    from training.embedded.model import Decoder, Shape
    from training.embedded.restore import load_run

    tokenizer = Tokenizer.from_file(str(recipe.out / "tokenizer.json"))
    vocabulary = Vocabulary.of(tokenizer)
    starts = line_starts(tokenizer)
    encoded = load_encoded(recipe.out / SPLITS["train"])
    if recipe.packing.length < encoded.longest():
        raise TrainingError(
            f"packing.length: {recipe.packing.length} tokens do not hold the longest example;"
            f" give {encoded.longest()} or more"
        )
    if recipe.packing.masked and encoded.mask is None:
        raise TrainingError(
            f"packing.masked: the tokenizer of {recipe.out} has no {MASK}; give another `out`,"
            " and no `start` that lacks it"
        )
    if recipe.average_last and not recipe.schedule.snapshot_steps:
        raise TrainingError("average_last: nothing is kept; set schedule.snapshot_steps")
    place = Device.from_environment()
    torch.manual_seed(recipe.seed)
    torch.set_float32_matmul_precision("high")
    both_ways = recipe.packing.both_ways > 0
    shape = Shape(vocabulary=recipe.vocabulary, **asdict(recipe.shape), both_ways=both_ways)
    if recipe.start is None:
        model = Decoder(shape, recipe.dropout)
    else:
        model = load_run(recipe.start, recipe.out / "start", recipe.dropout)
        # A network that has read one way can learn to read both.
        model.shape = replace(model.shape, both_ways=both_ways)
        if model.shape != replace(shape, tower_from=model.shape.tower_from):
            raise TrainingError(f"{recipe.start}: its shape is {model.shape}, the recipe's {shape}")
    begun = {name: value.clone() for name, value in model.state_dict().items()}
    if recipe.tower is None:
        trainer = Trainer(model, recipe.schedule, place, vocabulary.begin)
    else:
        trainer = _tower_trainer(recipe, recipe.tower, model, place, vocabulary.begin)
    checkpoint = recipe.out / "checkpoint.pt"
    if resume:
        if not checkpoint.exists():
            raise TrainingError(f"{checkpoint}: no checkpoint to go on from; leave out --resume")
        trainer.resume(checkpoint)
    elif place.rank == 0:
        forget(recipe.out)
    plan = Plan(recipe.packing, recipe.seed + trainer.step, place.rank, place.world)
    trainer.run(
        batches(encoded, vocabulary, starts, plan),
        recipe.out / "log.txt",
        checkpoint,
        recipe.save_minutes,
        _validation(recipe, vocabulary),
    )
    if place.rank == 0:
        if recipe.average_last:
            trainer.model.load_state_dict(mean_of_last(recipe.out, recipe.average_last))
        if recipe.start is not None and recipe.start_share:
            _blend(trainer.model, begun, recipe.start_share)
        _save(trainer.model, recipe.out)
    if dist.is_initialized():
        dist.destroy_process_group()


def average(recipe: PretrainRecipe) -> None:
    """Make a trained run's weights the mean of its last `average_last` snapshots."""
    from training.embedded.averaging import mean_of_last
    from training.embedded.restore import load_run

    if not recipe.average_last:
        raise TrainingError("average_last: how many snapshots? give the recipe 2 or more")
    if recipe.start_share:
        raise TrainingError("start_share: a mean with the first weights is made as a run ends only")
    if not (recipe.out / "shape.json").exists():
        raise TrainingError(f"{recipe.out}: no trained run there; run the stage `train` first")
    model = load_run(recipe.out)
    model.load_state_dict(mean_of_last(recipe.out, recipe.average_last))
    _save(model, recipe.out)


def _tower_trainer(
    recipe: PretrainRecipe, tower: TowerRecipe, model: Decoder, place: Device, begin: int
) -> Trainer:
    from training.embedded.restore import load_run
    from training.embedded.tower import TowerTrainer, with_tower

    if recipe.start is None or recipe.start_share:
        raise TrainingError(
            "tower: wants `start`, whose network stays as it is, and no `start_share`"
        )
    teacher = load_run(tower.teacher, recipe.out / "teacher")
    both = with_tower(model, teacher, tower.below)
    return TowerTrainer(both, teacher, tower, recipe.schedule, place, begin)


def refresh(recipe: PretrainRecipe) -> None:
    """Train a finished run on unseen repositories; the result is the run's folder `refreshed`.

    Where the folder holds no run, the shipped model is taught further. Raises TrainingError
    without the recipe's section `refresh`.
    """
    import torch

    from server.predictors.weights import SHIPPED
    from training.embedded.refresh import refresh as train_on
    from training.embedded.restore import load_run, restore

    if recipe.refresh is None:
        raise TrainingError("the recipe has no section `refresh`; give it one with its `data`")
    if not (recipe.out / "weights.pt").exists():
        restore(SHIPPED, recipe.out)
    torch.manual_seed(recipe.seed)
    model = load_run(recipe.out)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    out = recipe.out / "refreshed"
    out.mkdir(exist_ok=True)
    shutil.copyfile(recipe.out / "tokenizer.json", out / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    _prepare_refresh(recipe.refresh, tokenizer, recipe)
    encoded, vocabulary = load_encoded(recipe.out / REFRESH), Vocabulary.of(tokenizer)
    train_on(model, encoded, vocabulary, recipe.refresh, recipe.seed, recipe.out / "log.txt")
    _save(model, out)


def _blend(model: Decoder, begun: dict[str, Tensor], share: float) -> None:
    """Weights between those at the beginning and those at the end."""
    state = model.state_dict()
    for name, value in begun.items():
        state[name].lerp_(value.to(state[name].device), share)


def _save(model: Decoder, out: Path) -> None:
    """Write the weights as bf16, and the network's shape."""
    import torch

    weights = {name: value.bfloat16() for name, value in model.state_dict().items()}
    torch.save(weights, out / "weights.pt")
    (out / "shape.json").write_text(json.dumps(asdict(model.shape)))


def _validation(recipe: PretrainRecipe, vocabulary: Vocabulary) -> Packed | None:
    """One batch of the validation split, half of it without context; None where there is none."""
    path = recipe.out / SPLITS["validation"]
    if not path.exists():
        return None
    encoded = load_encoded(path)
    order = np.random.default_rng(recipe.seed).permutation(len(encoded))
    packing = recipe.packing
    packed = pack(encoded, order, vocabulary, Dropout(0.5, 1.0), recipe.seed, packing.length,
                  both_ways=float(packing.both_ways > 0))  # fmt: skip
    if len(packed.tokens) < packing.rows:
        return None
    return Packed(packed.tokens[: packing.rows], packed.kinds[: packing.rows])
