"""The model card of an adapter: what it is, how it was trained, how it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SHOWN = (
    "data", "train_rows", "form", "load_in_4bit", "bnb_4bit_quant_type", "use_bnb_nested_quant",
    "lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "adapter", "beta", "max_length",
    "packing", "completion_only_loss", "per_device_train_batch_size",
    "gradient_accumulation_steps", "learning_rate", "lr_scheduler_type", "optim",
    "num_train_epochs", "max_steps", "seed",
)  # fmt: skip


def adapter_card(
    values: Mapping[str, Any], history: Sequence[Mapping[str, Any]], cost: Mapping[str, str]
) -> str:
    """Markdown with the hub's YAML header, from a recipe's values, the trainer's log and what the
    run cost."""
    base = values["model_name_or_path"]
    settings = "\n".join(f"| `{name}` | {values[name]} |" for name in _SHOWN if name in values)
    losses = [entry for entry in history if "loss" in entry]
    held_out = [entry for entry in history if "eval_loss" in entry]
    figures = [f"steps: {history[-1]['step']}"] if history else []
    if losses:
        figures.append(f"training loss: {losses[0]['loss']:.4f} to {losses[-1]['loss']:.4f}")
    if held_out:
        figures.append(f"held-out loss: {held_out[-1]['eval_loss']:.4f}")
    spent = "\n".join(f"| {name} | {value} |" for name, value in cost.items())
    method = "DPO on rename pairs" if "beta" in values else "supervised fine-tuning"
    return (
        f"---\nbase_model: {base}\nlibrary_name: peft\npipeline_tag: text-generation\n"
        "tags: [lora, namewright, code]\n---\n"
        f"# Names for Python functions: an adapter for {base}\n\n"
        f"Given a Python function whose name is hidden as `x`, the model answers with a name. It"
        f" was made by {method} with Namewright.\n\n"
        "```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"
        f'base = AutoModelForCausalLM.from_pretrained("{base}", dtype="bfloat16")\n'
        'model = PeftModel.from_pretrained(base, "THIS_FOLDER")\n```\n\n'
        "The question is written by `dataset.forms.ask_chat`; it works best with no other text.\n\n"
        f"## How it was trained\n\n| setting | value |\n|---|---|\n{settings}\n\n"
        f"{'; '.join(figures)}\n\n"
        f"| cost | |\n|---|---|\n{spent}\n\n"
        "## Limits\n\nNames are suggestions: the model may invent, and it knows only what the"
        " function's own text says. Its answers carry the licence and terms of the base model.\n"
    )
