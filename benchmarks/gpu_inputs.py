"""What the GPU benchmarks ask about, the standard library, and the adapter they ask with."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from typing import Any


def write_adapter(shape: Any, folder: Path, rank: int) -> None:
    """A LoRA adapter on all linear layers that moves the outputs by about a tenth."""
    import torch
    from safetensors.torch import save_file

    width, inner = shape.width, shape.feed_forward
    parts = {f"self_attn.{part}_proj": (width, width) for part in "qkvo"}
    parts |= {"mlp.gate_proj": (inner, width), "mlp.up_proj": (inner, width)}
    parts["mlp.down_proj"] = (width, inner)
    generator = torch.Generator().manual_seed(2)
    tensors: dict[str, Any] = {}
    for layer in range(shape.layers):
        for part, (columns, rows) in parts.items():
            stem = f"base_model.model.model.layers.{layer}.{part}"
            for name, sizes in (("lora_A", (rank, rows)), ("lora_B", (columns, rank))):
                drawn = torch.randn(sizes, generator=generator)
                scale = 0.02 if name == "lora_A" else 0.1 / rank**0.5
                tensors[f"{stem}.{name}.weight"] = (drawn * scale).bfloat16()
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "random",
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": [part.rpartition(".")[2] for part in parts],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


def functions(count: int) -> list[str]:
    """Functions of the standard library, masked, in a fixed order."""
    import ast

    found: list[str] = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        source = path.read_text(encoding="utf-8", errors="replace")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and len(node.body) > 1:
                text = ast.get_source_segment(source, node) or ""
                found.append(text.replace(node.name, "x"))
                if len(found) == count:
                    return found
    return found


def long_prompts(model: Any, count: int, tokens: int) -> list[Any]:
    """Prompts whose function has about `tokens` tokens: library code, cut or joined."""
    from server.predictors.worker.engine import Prompt

    texts = functions(4 * count + 40)
    found: list[Any] = []
    for index in range(count):
        text = "\n".join(texts[(4 * index + offset) % len(texts)] for offset in range(24))
        ids = model.prompts._tokenizer(text, add_special_tokens=False)["input_ids"][:tokens]
        text = model.prompts._tokenizer.decode(ids)
        found.append(Prompt(model.prompts.tokens(text), model.engine.grammar.start(None)))
    return found


def audited(count: int) -> list[Any]:
    """What `audit` would judge in the standard library, its files in sorted order."""
    from server.auditing.misfits import subjects

    found: list[Any] = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        found += subjects(path, path.read_bytes())
        if len(found) >= count:
            break
    # As `find_misfits` orders them.
    return sorted(found[:count], key=lambda subject: len(subject.question.text))
