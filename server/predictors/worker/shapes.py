"""What a configuration says of a model's sizes, and whether weights and adapter agree with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from server.predictors.worker.checkpoint import Checkpoint, ModelError

FAMILIES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
_OVERHEAD = 1.2e9
_SUPPORTED_ROPE = {"default", "linear", "llama3"}


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions: the base, and how frequencies are scaled (`kind` and its numbers)."""

    theta: float
    kind: str
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a decoder as its configuration gives them."""

    layers: int
    width: int
    heads: int
    key_heads: int
    size: int
    inner: int
    vocabulary: int
    eps: float
    rope: Rope
    tied: bool

    def weight(self, part: str) -> tuple[int, int]:
        """(out, in) of a layer's product, such as `q_proj`."""
        of_heads, of_keys = self.heads * self.size, self.key_heads * self.size
        return {
            "q_proj": (of_heads, self.width),
            "k_proj": (of_keys, self.width),
            "v_proj": (of_keys, self.width),
            "o_proj": (self.width, of_heads),
            "gate_proj": (self.inner, self.width),
            "up_proj": (self.inner, self.width),
            "down_proj": (self.width, self.inner),
        }[part]

    @property
    def parameters(self) -> int:
        """How many numbers the products of all layers, and the vocabulary's two, have."""
        layer = sum(math.prod(self.weight(part)) for part in (*ATTENTION, *FEED_FORWARD))
        return self.layers * layer + self.vocabulary * self.width * (1 if self.tied else 2)


def product_name(layer: int, part: str) -> str:
    """A product's name in a checkpoint, without `.weight`."""
    block = "self_attn" if part in ATTENTION else "mlp"
    return f"model.layers.{layer}.{block}.{part}"


def sizes_of(model: Checkpoint) -> Sizes:
    """The sizes; raises ModelError for families, quantisations and positions not known here."""
    config, where = model.config, model.folder / "config.json"
    family = str(config.get("model_type", ""))
    if family not in FAMILIES:
        raise ModelError(
            f"{where}: a model of type {family or 'unknown'!r}; use one of the Llama family"
            f" ({', '.join(FAMILIES)})"
        )
    if config.get("quantization_config"):
        raise ModelError(
            f"{where}: the weights are quantised already; give the base in bfloat16,"
            " it is brought to 4 bits here"
        )
    try:
        heads = int(config["num_attention_heads"])
        width = int(config["hidden_size"])
        sizes = Sizes(
            layers=int(config["num_hidden_layers"]),
            width=width,
            heads=heads,
            key_heads=int(config.get("num_key_value_heads") or heads),
            size=int(config.get("head_dim") or width // heads),
            inner=int(config["intermediate_size"]),
            vocabulary=int(config["vocab_size"]),
            eps=float(config.get("rms_norm_eps", 1e-6)),
            rope=_rope(config),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where}: not a configuration of a {family} model ({error})") from error
    if sizes.rope.kind not in _SUPPORTED_ROPE:
        raise ModelError(f"{where}: positions of kind {sizes.rope.kind!r} are not supported")
    return sizes


def check_weights(model: Checkpoint, sizes: Sizes) -> None:
    """Raise ModelError when a tensor is missing or its shape is not the configuration's."""
    wanted: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (sizes.vocabulary, sizes.width),
        "model.norm.weight": (sizes.width,),
    }
    if not sizes.tied:
        wanted["lm_head.weight"] = (sizes.vocabulary, sizes.width)
    for layer in range(sizes.layers):
        for part in (*ATTENTION, *FEED_FORWARD):
            wanted[f"{product_name(layer, part)}.weight"] = sizes.weight(part)
        for name in ("input_layernorm", "post_attention_layernorm"):
            wanted[f"model.layers.{layer}.{name}.weight"] = (sizes.width,)
    for name, shape in wanted.items():
        entry = model.tensors.get(name)
        if entry is None:
            raise ModelError(f"{model.folder}: the weights lack {name}; fetch the model again")
        if entry.shape != shape:
            raise ModelError(
                f"{entry.path}: {name} is {_told(entry.shape)}, config.json says {_told(shape)};"
                " fetch the model again"
            )


@dataclass(frozen=True, slots=True)
class Lora:
    """The names of an adapter's two matrices for one product, and their scaling."""

    down: str
    up: str
    scaling: float


def fit_adapter(adapter: Checkpoint, base: Checkpoint, sizes: Sizes) -> dict[tuple[int, str], Lora]:
    """The adapter's matrices by layer and product; raises ModelError when it fits another base."""
    config, folder = adapter.config, adapter.folder
    if config.get("peft_type", "LORA") != "LORA" or config.get("use_dora"):
        raise ModelError(f"{folder}: not a plain LoRA adapter; merge it into its base")
    if config.get("modules_to_save") or str(config.get("bias", "none")) != "none":
        raise ModelError(f"{folder}: trains more than LoRA matrices; merge it into its base")
    named = str(config.get("base_model_name_or_path") or "its base")
    found: dict[tuple[int, str], Lora] = {}
    left = set(adapter.tensors)
    for layer in range(sizes.layers):
        for part in (*ATTENTION, *FEED_FORWARD):
            stem = f"base_model.model.{product_name(layer, part)}"
            down, up = f"{stem}.lora_A.weight", f"{stem}.lora_B.weight"
            if down not in adapter.tensors and up not in adapter.tensors:
                continue
            if down not in adapter.tensors or up not in adapter.tensors:
                raise ModelError(f"{folder}: {stem} has one matrix of two; save it again")
            rank = adapter.tensors[down].shape[0]
            columns, width = sizes.weight(part)
            shapes = adapter.tensors[down].shape, adapter.tensors[up].shape
            if shapes != ((rank, width), (columns, rank)):
                raise ModelError(
                    f"{folder}: made for another base ({named}): {part} is"
                    f" {shapes[1][0]} × {shapes[0][-1]} there and {columns} × {width} in"
                    f" {base.folder}"
                )
            left -= {down, up}
            found[layer, part] = Lora(down, up, _scaling(config, rank))
    if left or not found:
        name = min(left, default="no LoRA matrix")
        raise ModelError(
            f"{folder}: made for another base ({named}): {name} has no place in {base.folder}"
        )
    return found


def _scaling(config: Mapping[str, Any], rank: int) -> float:
    alpha = float(config.get("lora_alpha") or rank)
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _rope(config: Mapping[str, Any]) -> Rope:
    """The positions, as transformers 4 (`rope_theta`, `rope_scaling`) or 5 writes them."""
    told = cast("Mapping[str, Any]", config.get("rope_parameters") or config.get("rope_scaling"))
    told = told or {}
    kind = str(told.get("rope_type") or told.get("type") or "default")
    theta = float(told.get("rope_theta") or config.get("rope_theta") or 10_000.0)
    numbers = {key: float(value) for key, value in told.items() if isinstance(value, (int, float))}
    return Rope(theta, kind, numbers)


def _told(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def memory_needed(sizes: Sizes, adapter: Checkpoint | None, mode: str) -> int:
    """Bytes that a model takes on a card, with what CUDA itself and the answers take."""
    ends = 2 * sizes.vocabulary * sizes.width * (1 if sizes.tied else 2)
    linear = sizes.parameters - sizes.vocabulary * sizes.width * (1 if sizes.tied else 2)
    if mode == "speed":
        return int(2 * linear + ends + _OVERHEAD)
    # Four bits and a scale of 16 for each block of 64.
    added = 0 if adapter is None else sum(one.size for one in adapter.tensors.values())
    return int(linear * (0.5 + 2 / 64) + ends + added + _OVERHEAD)
