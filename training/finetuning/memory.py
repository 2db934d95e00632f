"""What a fine-tuning run needs of a GPU's memory, the limit it is held to, and what to do when
it was not enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from training.errors import TrainingError
from training.finetuning.recipe import Recipe

GIB = 1024**3
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(GB|GiB|MB|MiB)?", re.IGNORECASE)
_UNITS = {"gb": 10**9, "gib": GIB, "mb": 10**6, "mib": 1024**2}
# NF4 with double quantisation: 4 bits and 0.127 bits of constants a weight (arXiv 2305.14314,
# section 3); without it 0.5 bits of constants.
_NF4_BYTES = {True: 4.127 / 8, False: 4.5 / 8}
# CUDA's context, cuBLAS workspaces and what the allocator cannot use.
_OVERHEAD = 1.0 * GIB


def parse_size(text: str) -> int:
    """Bytes of `24GB` or `22GiB`; raises TrainingError for anything else."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise TrainingError(f"--memory-limit {text}: expected a size such as 24GB")
    return int(float(match.group(1)) * _UNITS[(match.group(2) or "GB").lower()])


@dataclass(frozen=True)
class Need:
    """Bytes by purpose, and the parameters of base and adapter."""

    weights: float
    adapter: float
    gradients: float
    optimizer: float
    activations: float
    parameters: int
    trained: int

    @property
    def total(self) -> float:
        """All of it, with what CUDA itself takes."""
        return (
            self.weights
            + self.adapter
            + self.gradients
            + self.optimizer
            + self.activations
            + _OVERHEAD
        )

    def told(self) -> str:
        """One line for a person."""
        parts = {
            "weights": self.weights,
            "adapter": self.adapter,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "activations": self.activations,
            "CUDA": _OVERHEAD,
        }
        unit, name = (1e9, "GB") if self.total > 2e9 else (1e6, "MB")
        listed = ", ".join(f"{part} {size / unit:,.1f}" for part, size in parts.items())
        return (
            f"needs about {self.total / unit:,.1f} {name}: {listed};"
            f" {self.parameters / 1e6:,.1f} M parameters, {self.trained / 1e6:,.1f} M trained"
        )


def estimate(recipe: Recipe, config: Any) -> Need:
    """What one GPU will need, from shapes alone: nothing is loaded."""
    import torch
    from transformers import AutoModelForCausalLM

    from training.finetuning.model import adapter_settings

    model, arguments = recipe.model, recipe.arguments
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    count = sum(p.numel() for p in network.parameters())
    linear = sum(
        module.weight.numel()
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear) and name != "lm_head"
    )
    width = 2 if model.dtype in ("bfloat16", "float16") else 4
    weights = float(count * width)
    if model.load_in_4bit:
        # Fused layers keep the scales of doubly quantised weights restored.
        nested = bool(model.use_bnb_nested_quant and not recipe.data.fused_layers)
        weights = linear * _NF4_BYTES[nested] + (count - linear) * width
    settings = adapter_settings(recipe)
    if settings is not None:
        from peft import get_peft_model

        with torch.device("meta"):
            network = get_peft_model(network, settings)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    # TRL keeps the adapter of a quantised base in bf16; PEFT others in fp32.
    trained_width = 2 if model.load_in_4bit else 4
    is_preference = hasattr(arguments, "beta")
    copies = 2 if is_preference else 1
    return Need(
        weights=weights,
        adapter=float(trained * trained_width * copies) if settings is not None else 0.0,
        gradients=float(trained * trained_width),
        optimizer=float(trained * _state_width(_optimizer(arguments), trained_width)),
        activations=_activations(recipe, config, copies, settings.r if settings is not None else 0),
        parameters=count,
        trained=trained,
    )


def _optimizer(arguments: Any) -> str:
    """Its name as recipes write it; the enumeration's own text is another."""
    return str(getattr(arguments.optim, "value", arguments.optim))


def _state_width(optimizer: str, trained_width: int) -> int:
    """Bytes of optimizer state a parameter."""
    if "8bit" in optimizer:
        return 2
    if "sgd" in optimizer:
        return 0
    return 8 if "32bit" in optimizer else 2 * trained_width


def _activations(recipe: Recipe, config: Any, copies: int, rank: int) -> float:
    arguments = recipe.arguments
    tokens = arguments.per_device_train_batch_size * (arguments.max_length or 1024) * copies
    width = 2 if recipe.model.dtype in ("bfloat16", "float16") or arguments.bf16 else 4
    hidden, inner = config.hidden_size, config.intermediate_size
    # What one layer keeps for its backward pass: inputs and outputs of its seven products, two
    # norms, and with an adapter a dropped-out copy of each input and its low-rank image.
    layer = 10 * hidden + 4 * inner
    if rank:
        layer += 6 * hidden + inner + 7 * rank
    layers = config.num_hidden_layers
    checkpointed = arguments.activation_checkpointing
    kept = layers * hidden + layer if checkpointed else layers * layer
    if recipe.data.fused_layers:
        # The layer's input and middle, queries, keys, values, attention, gate and up, and the
        # images of six products' inputs and one of the inner width.
        heads = config.num_attention_heads
        head = getattr(config, "head_dim", None) or hidden // heads
        pairs = getattr(config, "num_key_value_heads", None) or heads
        layer = 2 * hidden + 2 * (heads + pairs) * head + 2 * inner + 7 * rank
        # Restored weights, and what the backward pass of one layer holds beside.
        passing = 3 * inner + 6 * hidden
        every = (arguments.activation_checkpointing_kwargs or {}).get("every_n_layers", 1)
        again = layers // every if checkpointed else 0
        kept = (layers - again) * layer + again * hidden + (layer if again else 0) + passing
    if recipe.data.keep_products:
        # Each product's output, and an adapter's low-rank image.
        products = 5 * hidden + 2 * inner + 7 * rank
        kept = layers * (2 * hidden + products) + layer
    return float(tokens * kept * width)


def limit_memory(limit: int | None) -> str:
    """Hold this process to `limit` bytes of its GPU; a line that says what holds."""
    import torch

    if not torch.cuda.is_available():
        return "no GPU here: the memory limit is compared with the need but not enforced"
    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    if limit is None:
        return f"GPU memory: {total / 1e9:.1f} GB"
    if limit > total:
        raise TrainingError(
            f"--memory-limit {limit / 1e9:.0f}GB: this GPU has {total / 1e9:.0f} GB only"
        )
    torch.cuda.set_per_process_memory_fraction(limit / total)
    return f"GPU memory held to {limit / 1e9:.1f} of {total / 1e9:.1f} GB"


def used() -> str:
    """One line: the most that tensors took, and what the card has in use in all."""
    import torch

    if not torch.cuda.is_available():
        return "no GPU memory was used"
    free, total = torch.cuda.mem_get_info()
    peak, held = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return (
        f"GPU memory: tensors {peak / 1e9:.1f} GB at most, {held / 1e9:.1f} GB held for them,"
        f" {(total - free) / 1e9:.1f} GB of the card in use"
    )


@contextmanager
def told_when_full(recipe: Recipe) -> Iterator[None]:
    """Turns running out of GPU memory into the setting to change."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{recipe.path}: the GPU's memory was not enough; {remedy(recipe)}"
        ) from error


def remedy(recipe: Recipe) -> str:
    """The next setting to change, the least costly first."""
    model, arguments = recipe.model, recipe.arguments
    rows, accumulation = (
        arguments.per_device_train_batch_size,
        arguments.gradient_accumulation_steps,
    )
    if recipe.data.keep_products:
        return "set keep_products: false and activation_checkpointing: true"
    if not arguments.activation_checkpointing:
        return "set activation_checkpointing: true"
    if rows > 1:
        half = rows // 2
        return (
            f"set per_device_train_batch_size: {half} and gradient_accumulation_steps:"
            f" {accumulation * rows // half}"
        )
    if model.use_peft and not model.load_in_4bit:
        return "set load_in_4bit: true (QLoRA)"
    if "8bit" not in _optimizer(arguments):
        return "set optim: paged_adamw_8bit"
    return f"set max_length below {arguments.max_length}, or use a smaller base"
