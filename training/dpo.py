"""Teaches a fine-tuned model which of two names people preferred (DPO, arXiv 2305.18290).

python -m dataset pairs --repo REPOSITORY --out pairs.jsonl
python -m training dpo --config training/recipes/codellama-7b/dpo.yaml
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.finetuning.recipe import Recipe, load
from training.finetuning.rows import Renderer, preference_rows, read_pairs, sample, split_pairs
from training.finetuning.run import Prepared, add_arguments, fine_tune, quiet

__all__ = ["add_arguments", "main", "prepare"]


def main(arguments: argparse.Namespace) -> int:
    quiet()
    from trl import DPOTrainer

    recipe = load(arguments.config, "dpo", arguments.changes)
    return fine_tune(recipe, arguments, DPOTrainer, prepare)


def prepare(recipe: Recipe, renderer: Renderer) -> Prepared:
    """Pairs to train on, and those of other repositories to evaluate on."""
    pairs = read_pairs(Path(recipe.data.data))
    train, held_out = split_pairs(pairs, recipe.data.eval_rows)
    train = sample(train, recipe.data.train_rows, recipe.arguments.seed)
    if not train:
        raise recipe.error("data", f"{recipe.data.data} has no pair to train on")
    shown = [(pair["question"], pair["chosen"]) for pair in held_out[: recipe.data.samples]]
    return Prepared(
        preference_rows(train, renderer),
        preference_rows(held_out, renderer) if held_out else None,
        shown,
    )
