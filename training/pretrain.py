"""Trains the embedded model from a corpus.

python -m training pretrain --config training/recipes/embedded/base.yaml
torchrun --nproc-per-node 2 -m training pretrain --config … --stage train
python -m training pretrain --config … --stage train schedule.minutes=5
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.embedded.pipeline import average, prepare, refresh, train
from training.embedded.recipe import PretrainRecipe
from training.recipe import load_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="a recipe (YAML)")
    parser.add_argument(
        "--stage",
        choices=("all", "prepare", "train", "average", "refresh"),
        default="all",
        help="prepare: tokenizer and encoding (processors alone); train: the network;"
        " average: another mean of a run's snapshots; refresh: a finished run on repositories it"
        " never saw",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("changes", nargs="*", metavar="FIELD=VALUE", help="over the recipe's")


def main(arguments: argparse.Namespace) -> int:
    recipe = load_recipe(arguments.config, PretrainRecipe, arguments.changes)
    if arguments.stage in ("all", "prepare"):
        prepare(recipe)
    if arguments.stage in ("all", "train"):
        train(recipe, arguments.resume)
    if arguments.stage == "average":
        average(recipe)
    if arguments.stage == "refresh" or (arguments.stage == "all" and recipe.refresh is not None):
        refresh(recipe)
    return 0
