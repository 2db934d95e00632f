"""Reads a fine-tuning recipe: TRL's own fields and a few of ours, each checked before anything
heavy starts. A field that means nothing is an error."""

from __future__ import annotations

import difflib
import importlib.util
import os
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from dataset.forms import FORMS, SYSTEM
from training.errors import TrainingError
from training.recipe_file import read_changes, read_recipe

# Trainer reads none of these, so a recipe that sets one expects what does not happen.
_UNUSED = {
    "do_train": "the command says what is done",
    "do_eval": "set eval_strategy",
    "do_predict": "use `python -m training evaluate`",
    "resume_from_checkpoint": "give --resume on the command line",
    "dataset_text_field": "rows are made by `form`",
    "dataset_kwargs": "rows are made by `form`",
    "assistant_only_loss": "set completion_only_loss",
}
# A field, and the other without which it would change nothing.
_NEEDS = {
    "lora_r": "use_peft",
    "lora_alpha": "use_peft",
    "lora_dropout": "use_peft",
    "lora_target_modules": "use_peft",
    "bnb_4bit_quant_type": "load_in_4bit",
    "use_bnb_nested_quant": "load_in_4bit",
    "bnb_4bit_quant_storage": "load_in_4bit",
    "packing_strategy": "packing",
    "eval_packing": "packing",
}
_TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb", "trackio": "trackio"}


@dataclass
class DataRecipe:
    """What a recipe says beside TRL's fields."""

    data: str = field(
        default="", metadata={"help": "a corpus, a Parquet or JSON Lines file; pairs for dpo"}
    )
    form: str = field(default="chat", metadata={"choices": list(FORMS), "help": "form of rows"})
    system: str = field(default=SYSTEM, metadata={"help": "the system prompt"})
    train_rows: int = field(default=0, metadata={"help": "a seeded sample of rows; 0 takes all"})
    eval_rows: int = field(default=200, metadata={"help": "held-out rows at each evaluation"})
    samples: int = field(default=8, metadata={"help": "rows shown with their names"})
    keep_products: bool = field(
        default=False, metadata={"help": "recompute only what is cheap; needs no checkpointing"}
    )
    fused_layers: bool = field(
        default=False, metadata={"help": "layers as a few large functions; keeps what is dear"}
    )
    adapter: str = field(default="", metadata={"help": "a trained adapter to go on from"})


@dataclass(frozen=True)
class Recipe:
    """A checked recipe; `model` is TRL's ModelConfig, `arguments` its SFTConfig or DPOConfig."""

    path: Path
    model: Any
    arguments: Any
    data: DataRecipe
    values: Mapping[str, Any]

    @property
    def on_cpu(self) -> bool:
        """Whether the recipe asks for a processor."""
        return bool(self.values.get("use_cpu"))

    def error(self, name: str, message: str) -> TrainingError:
        """An error about one field of the recipe."""
        return TrainingError(f"{self.path}: {name}: {message}")


def load(path: Path, kind: Literal["sft", "dpo"], changes: Iterable[str] = ()) -> Recipe:
    """The recipe at `path` with `changes` (`field=value`) over it, as TRL's parser builds it.

    Raises TrainingError naming the file, the field and what was expected.
    """
    values = {**read_recipe(path), **read_changes(changes)}
    values.setdefault("report_to", "tensorboard")
    if kind == "dpo":
        from trl import DPOConfig as Arguments
    else:
        from trl import SFTConfig as Arguments
    import torch
    from trl import ModelConfig, TrlParser

    forms = (Arguments, ModelConfig, DataRecipe)
    _check(path, values, forms)
    parser = TrlParser(forms)
    # Arguments for a GPU cannot be built without one, though a dry run needs no more than them.
    place = {} if torch.cuda.is_available() else {"use_cpu": True}
    parser.set_defaults_with_config(**{**values, **place})
    try:
        arguments, model, data = parser.parse_args_into_dataclasses(args=[])
    except (ValueError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise TrainingError(f"{path}: {reason}") from error
    return Recipe(path, model, arguments, data, values)


def is_sharded(fsdp: Any) -> bool:
    """Whether FSDP shards the model: by the recipe, or by the file given to `accelerate launch`."""
    return bool(fsdp) or os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("true", "1")


def _check(path: Path, values: Mapping[str, Any], forms: tuple[type, ...]) -> None:
    hints: dict[str, Any] = {}
    choices: dict[str, list[Any]] = {}
    for form in forms:
        hints |= {name: hint for name, hint in get_type_hints(form).items() if name[0] != "_"}
        choices |= {f.name: f.metadata["choices"] for f in fields(form) if "choices" in f.metadata}
    for name, value in values.items():
        if name in _UNUSED:
            raise TrainingError(f"{path}: {name} has no effect here; {_UNUSED[name]}")
        if name not in hints:
            near = difflib.get_close_matches(str(name), hints, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise TrainingError(f"{path}: {name} is not a field{hint}")
        allowed = choices.get(name) or _options(hints[name])
        if allowed and isinstance(value, str) and value not in allowed:
            shown = difflib.get_close_matches(value, allowed, 3) if len(allowed) > 9 else allowed
            raise TrainingError(
                f"{path}: {name}: expected one of {', '.join(map(str, shown or allowed))},"
                f" got {value!r}"
            )
        if not _fits(value, hints[name]):
            raise TrainingError(f"{path}: {name}: expected {_told(hints[name])}, got {value!r}")
        if name in _NEEDS and not values.get(_NEEDS[name]):
            raise TrainingError(f"{path}: {name} has no effect without {_NEEDS[name]}: true")
    for name in ("model_name_or_path", "output_dir", "data"):
        if not values.get(name):
            raise TrainingError(f"{path}: {name} is missing; give a text")
    if not Path(values["data"]).exists():
        raise TrainingError(f"{path}: data: {values['data']} is not there; give a corpus or a file")
    if values.get("keep_products") and values.get("activation_checkpointing") is not False:
        raise TrainingError(
            f"{path}: keep_products decides what is recomputed; set activation_checkpointing: false"
        )
    if values.get("fused_layers"):
        if values.get("keep_products"):
            raise TrainingError(
                f"{path}: fused_layers keeps products of its own; set keep_products: false"
            )
        if is_sharded(values.get("fsdp")):
            raise TrainingError(f"{path}: fused_layers does not work with FSDP; set it: false")
    if is_sharded(values.get("fsdp")):
        _check_sharded(path, values)
    if values.get("save_total_limit") == 1:
        raise TrainingError(f"{path}: save_total_limit: expected 2 or more, got 1")
    if values.get("use_liger_kernel") and importlib.util.find_spec("liger_kernel") is None:
        raise TrainingError(
            f"{path}: use_liger_kernel: Liger is not installed; pip install 'namewright[train-gpu]'"
        )
    _check_trackers(path, values["report_to"])


def _check_sharded(path: Path, values: Mapping[str, Any]) -> None:
    optimizer = str(values.get("optim", ""))
    if any(part in optimizer for part in ("paged", "8bit", "bnb")):
        raise TrainingError(
            f"{path}: optim: {optimizer} is bitsandbytes', which cannot step shards of FSDP;"
            " set it: adamw_torch_fused"
        )
    if values.get("load_in_4bit") and "float" not in str(values.get("bnb_4bit_quant_storage")):
        raise TrainingError(
            f"{path}: bnb_4bit_quant_storage: FSDP shards 4-bit weights only in the type of the"
            " others; set it: bfloat16"
        )


def _check_trackers(path: Path, value: Any) -> None:
    for name in [value] if isinstance(value, str) else value or []:
        if name == "none":
            continue
        if name not in _TRACKERS:
            known = ", ".join([*_TRACKERS, "none"])
            raise TrainingError(f"{path}: report_to: expected one of {known}, got {name!r}")
        if importlib.util.find_spec(_TRACKERS[name]) is None:
            raise TrainingError(
                f"{path}: report_to: {name} is not installed; pip install {_TRACKERS[name]}"
            )


def _parts(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(part for option in get_args(hint) for part in _parts(option))
    return (hint,)


def _options(hint: Any) -> list[Any]:
    """The values of an enumeration or Literal within the hint; none when any value will do."""
    found: list[Any] = []
    for part in _parts(hint):
        if isinstance(part, type) and issubclass(part, Enum):
            found += [member.value for member in part]
        elif get_origin(part) is Literal:
            found += get_args(part)
    return found


def _fits(value: Any, hint: Any) -> bool:
    return any(_fits_one(value, part) for part in _parts(hint))


def _fits_one(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is type(None):
        return value is None
    origin = get_origin(hint) or hint
    if origin is Literal:
        return value in get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Enum):
        return value in [member.value for member in origin]
    if origin is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if origin is list:
        inner = get_args(hint)
        return isinstance(value, list) and all(_fits(v, inner[0]) if inner else True for v in value)
    return isinstance(origin, type) and type(value) is origin


def _told(hint: Any) -> str:
    names = [getattr(p, "__name__", str(p)) for p in _parts(hint) if p is not type(None)]
    return " or ".join(dict.fromkeys(names))
