"""Loads the base model, its tokenizer and an earlier adapter; what fails is one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.finetuning.recipe import Recipe, is_sharded

# A base larger than this is of no use on a processor.
_LARGEST_ON_CPU = 500_000_000


def load_tokenizer(recipe: Recipe) -> Any:
    """The tokenizer of the base; raises TrainingError when it cannot be had or lacks a token."""
    from transformers import AutoTokenizer

    name = recipe.model.model_name_or_path
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=recipe.model.model_revision)
    except Exception as error:
        raise _unloadable(recipe, "tokenizer", error) from error
    end = recipe.arguments.eos_token if hasattr(recipe.arguments, "eos_token") else None
    if end is not None:
        if end not in tokenizer.get_vocab():
            raise recipe.error("eos_token", f"the tokenizer of {name} has no token {end!r}")
        tokenizer.eos_token = end
    if tokenizer.eos_token_id is None:
        raise recipe.error("eos_token", f"the tokenizer of {name} has no end token; name one")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_config(recipe: Recipe) -> Any:
    """The configuration of the base."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            recipe.model.model_name_or_path, revision=recipe.model.model_revision
        )
    except Exception as error:
        raise _unloadable(recipe, "configuration", error) from error


def check_device(recipe: Recipe, parameters: int) -> None:
    """Raises TrainingError when there is no GPU and the recipe or the base needs one."""
    import torch

    if torch.cuda.is_available() and not recipe.on_cpu:
        return
    if not recipe.on_cpu:
        raise recipe.error(
            "use_cpu", "no CUDA GPU here; use a machine with one, or a tiny recipe (use_cpu: true)"
        )
    if parameters > _LARGEST_ON_CPU:
        raise recipe.error("use_cpu", f"{parameters / 1e9:.1f} billion parameters need a GPU")


def load_model(recipe: Recipe) -> Any:
    """The base (4-bit where the recipe says so), with the earlier adapter ready to be trained on.

    Raises TrainingError when it cannot be had, or when the adapter belongs to another base.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from trl import get_quantization_config

    from training.finetuning import packed_attention

    packed_attention.register()
    model, arguments = recipe.model, recipe.arguments
    place = "cpu" if arguments.use_cpu else {"": arguments.local_process_index}
    try:
        base = AutoModelForCausalLM.from_pretrained(
            model.model_name_or_path,
            revision=model.model_revision,
            dtype=getattr(torch, model.dtype) if model.dtype != "auto" else "auto",
            attn_implementation=model.attn_implementation,
            quantization_config=get_quantization_config(model),
            device_map=None if is_sharded(arguments.fsdp) else place,
            **(arguments.model_init_kwargs or {}),
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise _unloadable(recipe, "model", error) from error
    return _with_adapter(recipe, base) if recipe.data.adapter else base


def check_adapter(recipe: Recipe) -> None:
    """Raises TrainingError unless the earlier adapter is there and was trained on this base."""
    folder = Path(recipe.data.adapter)
    file = folder / "adapter_config.json"
    if not file.exists():
        raise recipe.error("adapter", f"{file} is not there; finish `python -m training sft` first")
    trained_on = str(json.loads(file.read_text()).get("base_model_name_or_path") or "")
    wanted = recipe.model.model_name_or_path
    if trained_on and Path(trained_on).name != Path(wanted).name:
        raise recipe.error("adapter", f"{folder} was trained on {trained_on}, not on {wanted}")


def adapter_settings(recipe: Recipe) -> Any | None:
    """The LoRA settings of the adapter that is trained: the earlier one's, or the recipe's."""
    from peft import LoraConfig
    from trl import get_peft_config

    if not recipe.data.adapter:
        return get_peft_config(recipe.model)
    settings = LoraConfig.from_pretrained(recipe.data.adapter)
    settings.inference_mode = False
    return settings


def _with_adapter(recipe: Recipe, base: Any) -> Any:
    from peft import PeftModel

    check_adapter(recipe)
    folder = Path(recipe.data.adapter)
    try:
        return PeftModel.from_pretrained(base, folder, is_trainable=True)
    except (RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise recipe.error(
            "adapter", f"{folder} does not fit {recipe.model.model_name_or_path} ({reason})"
        ) from error


def _unloadable(recipe: Recipe, what: str, error: Exception) -> TrainingError:
    name = recipe.model.model_name_or_path
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines[0] if lines else type(error).__name__)[:200]
    if Path(name).is_dir():
        remedy = "is the folder whole?"
    else:
        remedy = "download it first and give its folder, or see whether the hub can be reached"
    return recipe.error("model_name_or_path", f"no {what} of {name}: {reason}; {remedy}")
