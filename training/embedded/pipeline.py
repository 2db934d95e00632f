"""The stages that make the embedded model from a corpus: tokenizer, encoding, training, export.

Each stage leaves its result in the run's folder and is not repeated when that is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from server.predictors.embedded_prompt import Vocabulary
from training.embedded.packing import Dropout, Encoded, Example, Ragged, encode_examples
from training.embedded.schedule import Schedule
from training.embedded.tokenizer import train_tokenizer
from training.errors import TrainingError


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
    dropout: Dropout = field(default_factory=Dropout)
    summaries: bool = True


@dataclass(frozen=True)
class PretrainRecipe:
    data: Path
    out: Path
    seed: int = 1
    vocabulary: int = 16_384
    tokenizer_sample: int = 300_000
    encode_workers: int = 2
    save_minutes: float = 4.0
    shape: ShapeRecipe = field(default_factory=ShapeRecipe)
    schedule: Schedule = field(default_factory=Schedule)
    packing: PackingRecipe = field(default_factory=PackingRecipe)


def prepare(recipe: PretrainRecipe, examples: Iterator[Example] | None = None) -> None:
    """Train the tokenizer and encode the corpus, unless the run's folder has them already."""
    from training.embedded.corpus import read_examples

    recipe.out.mkdir(parents=True, exist_ok=True)
    tokenizer_file, encoded_file = recipe.out / "tokenizer.json", recipe.out / "encoded.npz"
    if not tokenizer_file.exists():
        sample = islice(read_examples(recipe.data, shuffled=recipe.seed), recipe.tokenizer_sample)
        texts = (f"{e.text}\n_{e.name}\n{e.context.docstring}" for e in sample)
        train_tokenizer(texts, recipe.vocabulary).save(str(tokenizer_file))
    if not encoded_file.exists():
        tokenizer = Tokenizer.from_file(str(tokenizer_file))
        rows = examples if examples is not None else read_examples(recipe.data)
        save_encoded(encode_examples(rows, tokenizer, recipe.encode_workers), encoded_file)


def save_encoded(encoded: Encoded, path: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    for column, ragged in encoded.columns.items():
        arrays[f"{column}.flat"] = ragged.flat
        arrays[f"{column}.lengths"] = np.diff(ragged.offsets).astype(np.uint16)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


def load_encoded(path: Path) -> Encoded:
    with np.load(path, allow_pickle=False) as arrays:
        return Encoded(
            {
                column: Ragged(
                    arrays[f"{column}.flat"],
                    np.concatenate(
                        [
                            np.zeros(1, np.int64),
                            arrays[f"{column}.lengths"].astype(np.int64).cumsum(),
                        ]
                    ),
                )
                for column in sorted({name.split(".")[0] for name in arrays.files})
            }
        )


def train(recipe: PretrainRecipe, resume: bool) -> None:
    """Train on the devices at hand and leave `checkpoint.pt` and `log.txt` in the run's folder."""
    import torch
    import torch.distributed as dist

    from training.embedded.batches import Plan, batches
    from training.embedded.loop import Device, Trainer
    from training.embedded.model import Decoder, Shape

    vocabulary = Vocabulary.of(Tokenizer.from_file(str(recipe.out / "tokenizer.json")))
    encoded = load_encoded(recipe.out / "encoded.npz")
    place = Device.from_environment()
    torch.manual_seed(recipe.seed)
    torch.set_float32_matmul_precision("high")
    shape = Shape(vocabulary=recipe.vocabulary, **asdict(recipe.shape))
    trainer = Trainer(Decoder(shape), recipe.schedule, place, vocabulary.begin)
    checkpoint = recipe.out / "checkpoint.pt"
    if resume:
        if not checkpoint.exists():
            raise TrainingError(f"{checkpoint}: no checkpoint to go on from; leave out --resume")
        trainer.resume(checkpoint)
    plan = Plan(
        length=recipe.packing.length,
        rows=recipe.packing.rows,
        seed=recipe.seed + trainer.step,
        rank=place.rank,
        world=place.world,
        workers=recipe.packing.workers,
        dropout=recipe.packing.dropout,
        summaries=recipe.packing.summaries,
    )
    trainer.run(
        batches(encoded, vocabulary, plan), recipe.out / "log.txt", checkpoint, recipe.save_minutes
    )
    if place.rank == 0:
        weights = {name: value.bfloat16() for name, value in trainer.model.state_dict().items()}
        torch.save(weights, recipe.out / "weights.pt")
        (recipe.out / "shape.json").write_text(json.dumps(asdict(shape)))
    if dist.is_initialized():
        dist.destroy_process_group()
