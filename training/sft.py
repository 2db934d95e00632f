"""Fine-tunes a chat model to name functions (LoRA or QLoRA) on the rows of a corpus.

python -m training sft --config training/recipes/codellama-7b/qlora.yaml --dry-run
python -m training sft --config training/recipes/codellama-7b/qlora.yaml --memory-limit 24GB
python -m training sft --config training/recipes/codellama-7b/qlora.yaml --resume
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.finetuning.recipe import Recipe, load
from training.finetuning.rows import Renderer, answer_rows, read_rows, sample
from training.finetuning.run import Prepared, add_arguments, fine_tune, quiet

__all__ = ["add_arguments", "main", "prepare"]


def main(arguments: argparse.Namespace) -> int:
    quiet()
    from trl import SFTTrainer

    recipe = load(arguments.config, "sft", arguments.changes)
    return fine_tune(recipe, arguments, SFTTrainer, prepare)


def prepare(recipe: Recipe, renderer: Renderer) -> Prepared:
    """Rows of the corpus: a seeded sample to train on, and held-out ones."""
    data, seed = Path(recipe.data.data), recipe.arguments.seed
    only_answer = recipe.arguments.completion_only_loss is not False
    if any(data.glob("validation-*.parquet")):
        train = sample(read_rows(data, "train"), recipe.data.train_rows, seed)
        held_out = sample(read_rows(data, "validation"), recipe.data.eval_rows or 1, seed)
        held_out = held_out[: recipe.data.eval_rows]
    else:
        # A file, or a corpus of one repository, has no splits: its last rows are held out.
        rows = list(read_rows(data, "train"))
        count = min(recipe.data.eval_rows, len(rows) // 10)
        held_out = rows[len(rows) - count :]
        train = sample(rows[: len(rows) - count], recipe.data.train_rows, seed)
    if not train:
        raise recipe.error("data", f"{data} has no row to train on")
    shown = [(row["question_text"], row["name"]) for row in held_out[: recipe.data.samples]]
    return Prepared(
        answer_rows(train, renderer, only_answer),
        answer_rows(held_out, renderer, only_answer) if held_out else None,
        shown,
    )
