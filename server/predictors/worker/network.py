"""A Llama-family decoder (Llama, Mistral, Qwen 2 and 3) for one thing: asking for short answers.

A prompt is read once; then all beams of a question share its keys and values, and each keeps the
few of its own answer apart. The residual stream is float32 whatever the weights are.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from server.predictors.worker import nf4
from server.predictors.worker.linear import Group


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a decoder; `size` is the width of one head."""

    layers: int
    width: int
    heads: int
    key_heads: int
    size: int
    inner: int
    vocabulary: int
    eps: float


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one decoder layer."""

    attention_norm: Tensor
    qkv: Group
    output: Group
    inner_norm: Tensor
    gate_up: Group
    down: Group
    query_norm: Tensor | None = None
    key_norm: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A whole decoder; `cosines` and `sines` are (positions, size / 2) in float32."""

    shape: Shape
    embedding: Tensor
    layers: Sequence[Layer]
    norm: Tensor
    head: Tensor
    cosines: Tensor
    sines: Tensor
    kind: torch.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head.device


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values, each (layers, sequences, key heads, room, size)."""

    keys: Tensor
    values: Tensor

    def layer(self, index: int) -> tuple[Tensor, Tensor]:
        """Those of one layer."""
        return self.keys[index], self.values[index]


def new_cache(network: Network, sequences: int, room: int) -> Cache:
    """An empty cache."""
    shape = network.shape
    sizes = (shape.layers, sequences, shape.key_heads, room, shape.size)
    keys = torch.zeros(sizes, dtype=network.kind, device=network.device)
    return Cache(keys, torch.zeros_like(keys))


def read(network: Network, tokens: Tensor, cache: Cache, start: int, wanted: Tensor) -> Tensor:
    """The residual stream (wanted, width) at some tokens of prompts that go on at `start`.

    Fills the cache from `start`; what comes before it is there already. `wanted` counts through
    `tokens`, one prompt after the other; of the others the last layer gives keys and values only.
    """
    shape = network.shape
    questions, length = tokens.shape
    stream = network.embedding[tokens.reshape(-1)].float()
    cos = network.cosines[start : start + length, None]
    sin = network.sines[start : start + length, None]
    for index, layer in enumerate(network.layers):
        x = norm(network, stream, layer.attention_norm)
        states = layer.qkv.project(x)
        keys, values = cache.layer(index)
        end = start + length
        if kernels := _kernels(network, states):
            tables = network.cosines, network.sines
            states = _normed(network, layer, states)
            query = kernels.place(states, tables, (keys, values), start, length, shape.heads)
        else:
            query, key, value = (
                part.view(questions, length, -1, shape.size)
                for part in _heads(network, layer, states)
            )
            query, key = _turned(query, cos, sin), _turned(key, cos, sin)
            keys[:, :, start:end] = key.transpose(1, 2)
            values[:, :, start:end] = value.transpose(1, 2)
        attended = _attend_causally(
            query.view(questions, length, -1, shape.size).transpose(1, 2),
            _repeated(keys[:, :, :end], shape),
            _repeated(values[:, :, :end], shape),
        )
        attended = attended.transpose(1, 2).reshape(questions * length, -1)
        if index == shape.layers - 1:
            stream, attended = stream[wanted], attended[wanted]
        layer.output.add_to(stream, attended)
        x = norm(network, stream, layer.inner_norm)
        layer.down.add_to(stream, layer.gate_up.gated(x))
    return stream


def go_on(
    network: Network,
    tokens: Tensor,
    prompt: Cache,
    suffix: Cache,
    places: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    """The residual stream (rows, width) after each row's next token, the `step`-th of its answer.

    Rows are questions × beams. `places` are read on the device: the lengths of prompts (questions),
    `step` (1), and which beam of its question read each token of a row (questions, beams, slots).
    The token's keys and values go to slot `step - 1` of the suffix.
    """
    stream = network.embedding[tokens].float()
    for index, layer in enumerate(network.layers):
        x = norm(network, stream, layer.attention_norm)
        states = layer.qkv.project(x)
        attended = _attend(network, layer, states, prompt.layer(index), suffix.layer(index), places)
        layer.output.add_to(stream, attended)
        x = norm(network, stream, layer.inner_norm)
        layer.down.add_to(stream, layer.gate_up.gated(x))
    return stream


def logits(network: Network, stream: Tensor) -> Tensor:
    """Scores (rows, vocabulary) in float32 of the residual stream (rows, width)."""
    x = norm(network, stream, network.norm)
    if x.is_cuda and x.dtype != torch.float32:
        return torch.mm(x, network.head.t(), out_dtype=torch.float32)
    return (x @ network.head.t()).float()


def norm(network: Network, stream: Tensor, weight: Tensor) -> Tensor:
    """The RMS norm of the stream, in the network's type."""
    if (kernels := nf4.triton_kernels(stream)) and network.kind != torch.float32:
        return kernels.norm(stream, weight, network.shape.eps, network.kind)
    normed = functional.rms_norm(stream, stream.shape[-1:], eps=network.shape.eps)
    return (normed * weight).to(network.kind)


def _heads(network: Network, layer: Layer, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    shape = network.shape
    rows = len(states)
    sizes = [shape.heads * shape.size, *(shape.key_heads * shape.size,) * 2]
    query, key, value = (part.view(rows, -1, shape.size) for part in states.split(sizes, dim=1))
    if layer.query_norm is not None and layer.key_norm is not None:
        query, key = (
            (functional.rms_norm(part.float(), part.shape[-1:], eps=shape.eps) * weight).to(
                part.dtype
            )
            for part, weight in ((query, layer.query_norm), (key, layer.key_norm))
        )
    return query, key, value


def _normed(network: Network, layer: Layer, states: Tensor) -> Tensor:
    """Queries, keys and values side by side, where a model norms the first two."""
    if layer.query_norm is None:
        return states
    return torch.cat([part.flatten(1) for part in _heads(network, layer, states)], dim=1)


def _kernels(network: Network, states: Tensor) -> Any:
    """The kernels that turn heads and read the cache, where they fit this model."""
    size = network.shape.size
    fits = network.kind != torch.float32 and size & (size - 1) == 0
    return nf4.triton_kernels(states) if fits else None


def _attend(
    network: Network,
    layer: Layer,
    states: Tensor,
    prompt: tuple[Tensor, Tensor],
    suffix: tuple[Tensor, Tensor],
    places: tuple[Tensor, Tensor, Tensor],
) -> Tensor:
    shape = network.shape
    lengths, step, owners = places
    questions = len(lengths)
    beams = len(states) // questions
    scale = shape.size**-0.5
    if kernels := _kernels(network, states):
        states = _normed(network, layer, states)
        tables = network.cosines, network.sines
        query = kernels.turn(states, tables, lengths, step, suffix, beams, shape.heads)
        return kernels.attend(query, prompt, suffix, places, scale)
    query, key, value = _heads(network, layer, states)
    position = lengths.repeat_interleave(beams) + step - 1
    cos, sin = (table[position, None] for table in (network.cosines, network.sines))
    query, key = _turned(query, cos, sin), _turned(key, cos, sin)
    suffix_keys, suffix_values = suffix
    suffix_keys.index_copy_(2, step - 1, key[:, :, None])
    suffix_values.index_copy_(2, step - 1, value[:, :, None])
    first_row = torch.arange(questions, device=states.device)[:, None, None] * beams
    slot = torch.arange(suffix_keys.shape[2], device=states.device)
    suffix_keys, suffix_values = (
        part.transpose(1, 2)[(first_row + owners).view(len(states), -1), slot].transpose(1, 2)
        for part in suffix
    )
    group = shape.heads // shape.key_heads
    # Beams of a question side by side, so that each key of its prompt is read once for all.
    shared = query.view(questions, beams, shape.key_heads, group, shape.size).transpose(1, 2)
    shared = shared.reshape(questions, shape.key_heads, beams * group, shape.size)
    before = shared @ prompt[0].transpose(2, 3)
    room = torch.arange(prompt[0].shape[2], device=states.device)
    unread = room >= lengths[:, None, None, None]
    before = before.float().masked_fill(unread, float("-inf"))
    rows = len(states)
    own = query.view(rows, shape.key_heads, group, shape.size) @ suffix_keys.transpose(2, 3)
    own = own.float().masked_fill(slot >= step, float("-inf"))
    before = before.view(questions, shape.key_heads, beams, group, -1).transpose(1, 2)
    before = before.reshape(rows, shape.key_heads, group, -1)
    share = torch.softmax(torch.cat((before, own), dim=-1) * scale, dim=-1).to(states.dtype)
    of_prompt, of_own = share.split([before.shape[-1], own.shape[-1]], dim=-1)
    of_prompt = of_prompt.view(questions, beams, shape.key_heads, group, -1).transpose(1, 2)
    of_prompt = of_prompt.reshape(questions, shape.key_heads, beams * group, -1) @ prompt[1]
    of_prompt = of_prompt.view(questions, shape.key_heads, beams, group, -1).transpose(1, 2)
    of_prompt = of_prompt.reshape(rows, shape.key_heads, group, -1)
    return (of_prompt + of_own @ suffix_values).reshape(rows, -1)


def _attend_causally(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention (questions, heads, length, size) of queries that are the last of the keys."""
    length, end = query.shape[2], key.shape[2]
    if length == end:
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    if query.is_cuda:
        able = torch.backends.cuda.SDPAParams(query, key, value, None, 0.0, False, False)
        if query.shape[3] % 8 == 0 and torch.backends.cuda.can_use_flash_attention(able):
            # What `torch.nn.attention.bias.causal_lower_right` does, which takes seconds to import.
            flash = torch.ops.aten._scaled_dot_product_flash_attention
            return flash(query, key, value, 0.0, True)[0]
    whole = torch.ones((length, end), dtype=torch.bool, device=query.device)
    mask = whole.tril(diagonal=end - length)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def _turned(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Heads (…, heads, size) turned by their positions (arXiv 2104.09864)."""
    first, second = states.float().chunk(2, dim=-1)
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.to(states.dtype)


def _repeated(states: Tensor, shape: Shape) -> Tensor:
    group = shape.heads // shape.key_heads
    return states if group == 1 else states.repeat_interleave(group, dim=1)
