"""Brings a checkpoint to a device as a network: in 4 bits beside its adapter, or merged with it.

Tensors are read by several threads into pinned memory, a few layers ahead of the one being packed.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, TypeAlias, cast

import torch
from torch import Tensor

from server.predictors.worker import nf4
from server.predictors.worker.checkpoint import Checkpoint, Entry, ModelError
from server.predictors.worker.linear import Group, joined_adapter
from server.predictors.worker.network import Layer, Network, Shape
from server.predictors.worker.shapes import (
    ATTENTION,
    FEED_FORWARD,
    Lora,
    Rope,
    Sizes,
    product_name,
)

Mode: TypeAlias = Literal["memory", "speed"]
_KINDS = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
_THREADS = 4
_AHEAD = 3
_GROUPS = (ATTENTION[:3], ATTENTION[3:], FEED_FORWARD[:2], FEED_FORWARD[2:])


def load_network(
    model: Checkpoint,
    sizes: Sizes,
    adapter: Checkpoint | None,
    matrices: Mapping[tuple[int, str], Lora],
    mode: Mode,
    device: torch.device,
    kind: torch.dtype,
    positions: int,
    progress: Callable[[float], None],
) -> Network:
    """The network with its weights on `device`; `progress` hears the share done (0 to 1)."""
    reader = _Reader(device)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="namewright-read") as pool:

        def begin(layer: int) -> dict[str, Future[Tensor]]:
            prefix = f"model.layers.{layer}."
            names = [name for name in model.tensors if name.startswith(prefix)]
            return {
                name.removeprefix(prefix): pool.submit(reader.read, model.tensors[name])
                for name in names
            }

        waiting = [begin(layer) for layer in range(min(_AHEAD, sizes.layers))]
        ends = {
            name: pool.submit(reader.read, model.tensors[name])
            for name in ("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight")
            if name in model.tensors
        }
        layers: list[Layer] = []
        for layer in range(sizes.layers):
            if layer + _AHEAD < sizes.layers:
                waiting.append(begin(layer + _AHEAD))
            tensors = {name: future.result() for name, future in waiting[layer].items()}
            waiting[layer] = {}
            found = {
                part: (
                    reader.read(adapter.tensors[lora.down]),
                    reader.read(adapter.tensors[lora.up]),
                    lora.scaling,
                )
                for part in (*ATTENTION, *FEED_FORWARD)
                if adapter is not None and (lora := matrices.get((layer, part))) is not None
            }
            layers.append(_layer(tensors, found, mode, device, kind))
            progress((layer + 1) / sizes.layers)
        embedding = ends["model.embed_tokens.weight"].result().to(kind)
        head = embedding if sizes.tied else ends["lm_head.weight"].result().to(kind)
        norm = ends["model.norm.weight"].result().float()
    shape = Shape(
        sizes.layers, sizes.width, sizes.heads, sizes.key_heads, sizes.size, sizes.inner,
        sizes.vocabulary, sizes.eps,
    )  # fmt: skip
    cosines, sines = rotary_tables(sizes.rope, sizes.size, positions, device)
    return Network(shape, embedding, layers, norm, head, cosines, sines, kind)


def rotary_tables(
    rope: Rope, size: int, positions: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines (positions, size / 2), as transformers computes them."""
    exponents = torch.arange(0, size, 2, dtype=torch.float32) / size
    frequencies = 1.0 / rope.theta**exponents
    if rope.kind == "linear":
        frequencies = frequencies / rope.numbers["factor"]
    elif rope.kind == "llama3":
        frequencies = _llama3(frequencies, rope.numbers)
    angles = torch.outer(torch.arange(positions, dtype=torch.float32), frequencies)
    return angles.cos().to(device), angles.sin().to(device)


def _llama3(frequencies: Tensor, numbers: Mapping[str, float]) -> Tensor:
    """Llama 3.1's scaling: long waves are stretched, short ones stay, those between in part."""
    factor, low, high = (numbers[key] for key in ("factor", "low_freq_factor", "high_freq_factor"))
    waves = numbers["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    share = ((waves - low) / (high - low)).clamp(0.0, 1.0)
    return frequencies * (share + (1 - share) / factor)


def _layer(
    tensors: Mapping[str, Tensor],
    adapters: Mapping[str, tuple[Tensor, Tensor, float]],
    mode: Mode,
    device: torch.device,
    kind: torch.dtype,
) -> Layer:
    groups: list[Group] = []
    for parts in _GROUPS:
        stems = [product_name(0, part).removeprefix("model.layers.0.") for part in parts]
        weights = [tensors[f"{stem}.weight"] for stem in stems]
        biases = [tensors.get(f"{stem}.bias") for stem in stems]
        groups.append(
            _group(weights, biases, [adapters.get(part) for part in parts], mode, device, kind)
        )
    qkv, output, gate_up, down = groups
    norms = ("self_attn.q_norm.weight", "self_attn.k_norm.weight")
    query_norm, key_norm = (tensors[name].float() if name in tensors else None for name in norms)
    return Layer(
        tensors["input_layernorm.weight"].float(),
        qkv,
        output,
        tensors["post_attention_layernorm.weight"].float(),
        gate_up,
        down,
        query_norm,
        key_norm,
    )


def _group(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
    adapters: Sequence[tuple[Tensor, Tensor, float] | None],
    mode: Mode,
    device: torch.device,
    kind: torch.dtype,
) -> Group:
    columns = [len(weight) for weight in weights]
    ends = tuple(sum(columns[: count + 1]) for count in range(len(columns)))
    bias = None
    if any(one is not None for one in biases):
        bias = torch.cat(
            [
                torch.zeros(count, dtype=kind, device=device) if one is None else one.to(kind)
                for one, count in zip(biases, columns, strict=True)
            ]
        )
    width = weights[0].shape[1]
    if mode == "memory" and all(nf4.can_pack(count, width) for count in columns):
        adapter = joined_adapter(adapters, columns, width, kind, device)
        return Group(nf4.pack(list(weights)), ends, bias, adapter)
    merged = [
        weight.to(kind)
        if part is None
        else (weight.float() + part[2] * (part[1].float() @ part[0].float())).to(kind)
        for weight, part in zip(weights, adapters, strict=True)
    ]
    return Group(torch.cat(merged), ends, bias)


class _Reader:
    """Reads tensors from files to a device; each thread has a buffer of its own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._own = threading.local()

    def read(self, entry: Entry) -> Tensor:
        """The tensor on the device; raises ModelError."""
        kind = _KINDS.get(entry.kind)
        if kind is None:
            raise ModelError(f"{entry.path}: numbers of kind {entry.kind}; give bfloat16 weights")
        buffer = self._buffer(entry.size)
        view = memoryview(cast(Any, buffer.numpy()))[: entry.size]
        try:
            with entry.path.open("rb", buffering=0) as stream:
                stream.seek(entry.start)
                done = 0
                while done < entry.size:
                    count = stream.readinto(view[done:])
                    if not count:
                        raise ModelError(f"{entry.path}: cut short; fetch it again")
                    done += count
        except OSError as error:
            raise ModelError(f"{entry.path}: cannot be read ({error.strerror})") from error
        tensor = buffer[: entry.size].view(kind).view(entry.shape)
        return tensor.to(self._device, copy=True)

    def _buffer(self, size: int) -> Tensor:
        buffer: Tensor | None = getattr(self._own, "buffer", None)
        if buffer is None or len(buffer) < size:
            pinned = self._device.type == "cuda"
            buffer = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
            self._own.buffer = buffer
        return buffer
