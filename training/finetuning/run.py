"""The way of a fine-tuning run, the same for `sft` and `dpo`: check, prepare, train, save."""

from __future__ import annotations

import argparse
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.finetuning import checkpoints, memory
from training.finetuning.recipe import Recipe
from training.finetuning.rows import Renderer

STOPPED = 128


@dataclass(frozen=True)
class Prepared:
    """Datasets to train and evaluate on, and (question, name) of the functions to show."""

    train: Any
    evaluation: Any | None
    shown: Sequence[tuple[str, str]]


Prepare = Callable[[Recipe, Renderer], Prepared]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a fine-tuning command."""
    parser.add_argument("--config", type=Path, required=True, help="a recipe (YAML)")
    parser.add_argument("--dry-run", action="store_true", help="say what it needs, then stop")
    parser.add_argument("--memory-limit", metavar="SIZE", help="of the GPU, such as 24GB")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("changes", nargs="*", metavar="FIELD=VALUE", help="over the recipe's")


def fine_tune(
    recipe: Recipe, options: argparse.Namespace, trainer_class: type, prepare: Prepare
) -> int:
    """Run the recipe; the exit status is 0, 1 when a dry run finds too little memory, or 128 and
    the number of the signal that stopped the run."""
    from training.finetuning import model as models

    limit = memory.parse_size(options.memory_limit) if options.memory_limit else None
    if recipe.data.adapter:
        models.check_adapter(recipe)
    need = memory.estimate(recipe, models.load_config(recipe))
    if options.dry_run:
        print(need.told())
        return _dry_run(need, limit)
    models.check_device(recipe, need.parameters)
    _say(recipe, need.told())
    _say(recipe, memory.limit_memory(limit))
    renderer = Renderer(
        models.load_tokenizer(recipe),
        recipe.data.form,
        recipe.data.system,
        recipe.arguments.max_length,
    )
    folder = Path(recipe.arguments.output_dir)
    begin = checkpoints.start(folder, recipe.values, options.resume)
    with (
        checkpoints.Signals() as signals,
        checkpoints.told_when_full(folder),
        memory.told_when_full(recipe),
    ):
        trainer = make_trainer(recipe, renderer, trainer_class, prepare(recipe, renderer), signals)
        if options.resume:
            _say(recipe, f"going on from {begin}" if begin else "no checkpoint yet: from the start")
        trainer.train(resume_from_checkpoint=str(begin) if begin else None)
        if signals.received is not None:
            step = trainer.state.global_step
            _say(recipe, f"stopped at step {step} and saved; go on with --resume")
            return STOPPED + signals.received
        _save(recipe, trainer, renderer, folder / "adapter")
    _say(recipe, memory.used())
    _say(recipe, f"the adapter is in {folder / 'adapter'}")
    return 0


def _dry_run(need: memory.Need, limit: int | None) -> int:
    import torch

    available = limit
    if available is None and torch.cuda.is_available():
        available = torch.cuda.get_device_properties(0).total_memory
    if available is None:
        return 0
    fits = need.total <= available
    print(f"{'fits' if fits else 'does not fit'} into {available / 1e9:.1f} GB")
    return 0 if fits else 1


def make_trainer(
    recipe: Recipe, renderer: Renderer, trainer_class: type, rows: Prepared, signals: Any
) -> Any:
    """A TRL trainer for the recipe: model loaded, checkpoints whole or absent, progress told."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback
    from trl import get_peft_config

    from training.finetuning.model import adapter_settings, load_model
    from training.finetuning.progress import Progress, Samples, StopOnSignal

    arguments = recipe.arguments
    folder = Path(arguments.output_dir)
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(folder / "tensorboard"))
    evaluates = str(arguments.eval_strategy) not in ("no", "IntervalStrategy.NO")
    if evaluates and rows.evaluation is None:
        raise recipe.error("eval_strategy", f"{recipe.data.data} has no held-out rows; set it: no")
    model = load_model(recipe)
    if recipe.data.keep_products:
        from training.finetuning.recomputation import keep_products

        settings = adapter_settings(recipe)
        base = model.get_base_model() if recipe.data.adapter else model
        keep_products(base, settings.r if settings is not None else 0)
    # The trainer would warn that these were meant for a model it does not load.
    arguments.model_init_kwargs = None
    trainer = checkpoints.atomic(trainer_class)(
        model=model,
        args=arguments,
        train_dataset=rows.train,
        eval_dataset=rows.evaluation if evaluates else None,
        processing_class=renderer.tokenizer,
        peft_config=None if recipe.data.adapter else get_peft_config(recipe.model),
        callbacks=[
            Progress(),
            StopOnSignal(signals),
            Samples(rows.shown, renderer, folder / "samples.md",
                    "tensorboard" in arguments.report_to),
        ],
    )  # fmt: skip
    fused = recipe.data.fused_layers
    if arguments.device.type == "cuda" and (fused or recipe.model.attn_implementation == "packed"):
        from training.finetuning.kernel_check import check_kernels

        check_kernels(arguments.device, fused)
    if fused:
        from training.finetuning.fused import fuse

        fuse(trainer.model)
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _save(recipe: Recipe, trainer: Any, renderer: Renderer, out: Path) -> None:
    from training.finetuning.effort import effort
    from training.model_card import adapter_card

    partial = out.with_name("adapter.partial")
    if "ref" in getattr(trainer.model, "peft_config", {}):
        # The reference of DPO is the adapter that it began with; nobody needs it twice.
        trainer.model.delete_adapter("ref")
    # With FSDP every process takes part in gathering the adapter.
    if trainer.is_fsdp_enabled:
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(partial), _internal_call=True)
    trainer.accelerator.wait_for_everyone()
    if trainer.args.should_save:
        history = trainer.state.log_history
        card = adapter_card(recipe.values, history, effort(history, trainer.args.world_size))
        (partial / "README.md").write_text(card, encoding="utf-8")
        checkpoints.publish(partial, out)


def _say(recipe: Recipe, text: str) -> None:
    if recipe.arguments.process_index == 0:
        print(text, flush=True)


def quiet() -> None:
    """Only what this project says is shown; the libraries' notes are for their developers."""
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning)
    import datasets
    import huggingface_hub
    import transformers

    # The hub's client tells each of its retries.
    huggingface_hub.logging.set_verbosity(logging.CRITICAL)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    logging.getLogger("trl").setLevel(logging.ERROR)
