"""Writes the adapter of a finished run to be shared (PEFT) or merged into its base (bf16).

A merge goes into a base loaded in bf16, never in 4 bits: what NF4 rounded away would stay lost,
and bitsandbytes' merge rounds again.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from training.errors import TrainingError

_SHARED = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "README.md",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)


def adapter(run: Path, out: Path, base: str) -> None:
    """Copy what a user of the adapter needs, with its card; `base` names another place of it."""
    folder = _finished(run)
    out.mkdir(parents=True, exist_ok=True)
    for name in _SHARED:
        if (folder / name).exists():
            shutil.copyfile(folder / name, out / name)
    if base:
        path = out / "adapter_config.json"
        settings = json.loads(path.read_text(encoding="utf-8"))
        card = out / "README.md"
        text = card.read_text(encoding="utf-8")
        card.write_text(text.replace(settings["base_model_name_or_path"], base), encoding="utf-8")
        settings["base_model_name_or_path"] = base
        path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def merged(run: Path, out: Path, base: str) -> None:
    """The base with the adapter's weights added, in bf16, as one model that needs no PEFT.

    Raises TrainingError when the base cannot be loaded or is another one.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = _finished(run)
    name = (
        base or json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    )
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.bfloat16)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(f"--base {name}: cannot be loaded ({reason})") from error
    try:
        whole = PeftModel.from_pretrained(model, str(folder)).merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise TrainingError(f"{folder}: does not fit {name} ({reason})") from error
    out.mkdir(parents=True, exist_ok=True)
    whole.save_pretrained(out)
    AutoTokenizer.from_pretrained(folder).save_pretrained(out)
    card = (folder / "README.md").read_text(encoding="utf-8")
    (out / "README.md").write_text(
        card.replace("library_name: peft", "library_name: transformers").replace(
            ": an adapter for ", ": merged with "
        ),
        encoding="utf-8",
    )


def _finished(run: Path) -> Path:
    """The adapter of a run, given the run or the adapter's own folder."""
    for folder in (run / "adapter", run):
        if (folder / "adapter_config.json").exists():
            return folder
    raise TrainingError(f"{run / 'adapter'}: not there; finish `python -m training sft` first")
