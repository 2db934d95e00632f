"""Decoder layers with adapters, computed in three pieces with backward passes of their own.

PEFT's way makes about a dozen passes over each product's output and keeps what autograd happens to
need. Here every 4-bit weight is restored once a pass and once back, the adapter is added within a
product's own kernel, and only what costs a product to recompute is kept: the layer's input,
queries, keys, values, attention, the middle of the layer, gate and up. Norms, dropout, SwiGLU and
rotation are computed again, which only moves memory.

One thing differs from PEFT in distribution, not in expectation: products that read the same input
(queries, keys and values; gate and up) share its dropout mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.errors import TrainingError
from training.finetuning.adapted_products import Group, Product, restore_scales
from training.finetuning.pointwise import (
    add_dropped,
    dropped,
    norm_gradient,
    rotated,
    swiglu_and_dropped,
    swiglu_dropped,
    swiglu_gradients,
)

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
# What a layer is given its cache as, by transformers from 5.24 on and before.
_CACHES = ("cache", "past_key_values")


def fuse(model: Any) -> int:
    """Give every decoder layer of a PEFT model its fused forward pass; how many there are.

    Raises TrainingError for a model whose layers are not Llama's (or Qwen's).
    """
    count = 0
    for layer in model.modules():
        attention, inner = getattr(layer, "self_attn", None), getattr(layer, "mlp", None)
        if attention is None or inner is None:
            continue
        parts = [getattr(attention, name, None) for name in _ATTENTION]
        parts += [getattr(inner, name, None) for name in _FEED_FORWARD]
        if not all(hasattr(part, "lora_A") for part in parts):
            raise TrainingError(
                "fused_layers: the layers are not Llama's with an adapter on each linear one;"
                " set lora_target_modules: [all-linear] or fused_layers: false"
            )
        for part in parts:
            restore_scales(part.get_base_layer().weight)
        layer.forward = MethodType(partial(_forward, layer.forward), layer)
        count += 1
    if not count:
        raise TrainingError("fused_layers: no decoder layer like Llama's; set fused_layers: false")
    return count


class _Projections(torch.autograd.Function):
    """A norm, then queries, keys and values, rotated where `cos` is given."""

    @staticmethod
    def forward(ctx, x, norm, eps, group, cos, sin, width, *adapters):  # type: ignore[no-untyped-def]
        with _plain_types(x):
            normed = _norm(x, norm, eps)
            outputs, images = group.forward(normed, adapters)
            outputs = [out.view(len(x), -1, width) for out in outputs]
            if cos is not None:
                outputs[0], outputs[1] = (
                    rotated(outputs[0], cos, sin),
                    rotated(outputs[1], cos, sin),
                )
        ctx.save_for_backward(x, norm, cos, sin, images, *adapters)
        ctx.eps, ctx.group = eps, group
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *gradients):  # type: ignore[no-untyped-def]
        x, norm, cos, sin, images, *adapters = ctx.saved_tensors
        group: Group = ctx.group
        with _plain_types(x):
            turned = list(gradients)
            if cos is not None:
                turned[0], turned[1] = (
                    rotated(turned[0], cos, sin, -1),
                    rotated(turned[1], cos, sin, -1),
                )
            flat = [gradient.reshape(len(x), -1) for gradient in turned]
            of_x, found = _through_norm(x, norm, ctx.eps, group, flat, images, adapters)
        return of_x, None, None, None, None, None, None, *found


class _Output(torch.autograd.Function):
    """The product after attention, added to the residual."""

    @staticmethod
    def forward(ctx, x, residual, group, *adapters):  # type: ignore[no-untyped-def]
        with _plain_types(x):
            (out,), images = group.forward(x, adapters, residual)
        ctx.save_for_backward(x, images, *adapters)
        ctx.group = group
        return out

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        x, images, *adapters = ctx.saved_tensors
        group: Group = ctx.group
        with _plain_types(x):
            again = dropped(x, group.seed, group.rate)
            of_x, of_dropped, found = group.backward([gradient], again, images, adapters)
            of_x = add_dropped(of_x, of_dropped, group.seed, group.rate)
        return of_x, gradient, None, *found


class _FeedForward(torch.autograd.Function):
    """A norm, gate and up, SwiGLU, down, added to the residual."""

    @staticmethod
    def forward(ctx, x, norm, eps, wide, narrow, *adapters):  # type: ignore[no-untyped-def]
        with _plain_types(x):
            (gate, up), images = wide.forward(_norm(x, norm, eps), adapters[:4])
            inner, inner_dropped = swiglu_and_dropped(gate, up, narrow.seed, narrow.rate)
            (out,), narrow_images = narrow.forward_dropped(inner, inner_dropped, adapters[4:], x)
        ctx.save_for_backward(x, norm, gate, up, images, narrow_images, *adapters)
        ctx.eps, ctx.wide, ctx.narrow = eps, wide, narrow
        return out

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        x, norm, gate, up, images, narrow_images, *adapters = ctx.saved_tensors
        wide, narrow = ctx.wide, ctx.narrow
        with _plain_types(x):
            again = swiglu_dropped(gate, up, narrow.seed, narrow.rate)
            inner, of_dropped, narrow_found = narrow.backward(
                [gradient], again, narrow_images, adapters[4:]
            )
            del again
            inner = add_dropped(inner, of_dropped, narrow.seed, narrow.rate)
            del of_dropped
            both = swiglu_gradients(inner, gate, up)
            of_x, found = _through_norm(
                x, norm, ctx.eps, wide, both, images, adapters[:4], gradient
            )
        return of_x, None, None, None, None, *found, *narrow_found


def _through_norm(
    x: Tensor,
    norm: Tensor,
    eps: float,
    group: Group,
    gradients: Sequence[Tensor],
    images: Tensor,
    adapters: Sequence[Tensor],
    residual: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """The gradient of the input of a norm and the products after it, and those of adapters."""
    again = dropped(_norm(x, norm, eps), group.seed, group.rate)
    of_normed, of_dropped, found = group.backward(gradients, again, images, adapters)
    of_normed = add_dropped(of_normed, of_dropped, group.seed, group.rate)
    return norm_gradient(of_normed, x, norm, eps, residual), found


def _norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return functional.rms_norm(x, (x.shape[-1],), weight.detach().to(x.dtype), eps)


def _plain_types(x: Tensor) -> Any:
    """No automatic casts: every type is chosen here."""
    return torch.autocast(x.device.type, enabled=False)


def _forward(original: Any, layer: Any, hidden_states: Tensor, **kwargs: Any) -> Tensor:
    """A decoder layer's contract; with a cache, or another adapter's state, the original pass."""
    parts = [getattr(layer.self_attn, name) for name in _ATTENTION]
    parts += [getattr(layer.mlp, name) for name in _FEED_FORWARD]
    cached = any(kwargs.get(name) is not None for name in _CACHES)
    if cached or any(_unusual(part) for part in parts):
        return original(hidden_states, **kwargs)
    compute = partial(_compute, layer, parts, **kwargs)
    # From transformers 5.24 on a layer's class wraps its forward pass in the checkpoint that this
    # one replaces; before, whatever calls a layer did that.
    wrapped = hasattr(type(layer).forward, "__wrapped__")
    if wrapped and layer.gradient_checkpointing and layer.training and torch.is_grad_enabled():
        return layer._gradient_checkpointing_func(compute, hidden_states)
    return compute(hidden_states)


def _compute(
    layer: Any,
    parts: Sequence[Any],
    hidden_states: Tensor,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    position_embeddings: Any = None,
    **kwargs: Any,
) -> Tensor:
    attention = layer.self_attn
    rows, length, hidden = hidden_states.shape
    x = hidden_states.view(-1, hidden)
    seeds = torch.randint(2, 2**31 - 1, (4,)).tolist()
    q, k, v, o, gate, up, down = parts
    width = attention.head_dim
    cos, sin = (
        table.expand(rows, -1, -1).reshape(-1, width).to(x.dtype) for table in position_embeddings
    )
    # Qwen 3 normalises queries and keys before it turns them.
    between = hasattr(attention, "q_norm")
    states = _Projections.apply(
        x,
        layer.input_layernorm.weight,
        layer.input_layernorm.variance_epsilon,
        _group((q, k, v), seeds[0]),
        None if between else cos,
        None if between else sin,
        width,
        *_adapters((q, k, v)),
    )
    query, key, value = (state.view(rows, length, -1, width).transpose(1, 2) for state in states)
    if between:
        query, key = _turned(attention, query, key, position_embeddings)
    attended = _attend(attention, query, key, value, attention_mask, position_ids, kwargs)
    middle = _Output.apply(
        attended.reshape(rows * length, -1), x, _group((o,), seeds[1]), *_adapters((o,))
    )
    out = _FeedForward.apply(
        middle,
        layer.post_attention_layernorm.weight,
        layer.post_attention_layernorm.variance_epsilon,
        _group((gate, up), seeds[2]),
        _group((down,), seeds[3]),
        *_adapters((gate, up)),
        *_adapters((down,)),
    )
    return out.view(rows, length, hidden)


def _unusual(part: Any) -> bool:
    return bool(part.disable_adapters or part.merged or len(part.active_adapters) != 1)


def _adapters(parts: Sequence[Any]) -> list[Tensor]:
    name = parts[0].active_adapters[0]
    return [half[name].weight for part in parts for half in (part.lora_A, part.lora_B)]


def _group(parts: Sequence[Any], seed: int) -> Group:
    first = parts[0]
    name = first.active_adapters[0]
    rate = getattr(first.lora_dropout[name], "p", 0.0) if first.training else 0.0
    products = tuple(Product(part.get_base_layer(), part.scaling[name]) for part in parts)
    return Group(products, rate, seed)


def _turned(
    attention: Any, query: Tensor, key: Tensor, tables: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    query, key = (
        norm(states.transpose(1, 2)).transpose(1, 2)
        for norm, states in ((attention.q_norm, query), (attention.k_norm, key))
    )
    return apply_rotary_pos_emb(query, key, *tables)


def _attend(
    attention: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    position_ids: Tensor | None,
    kwargs: dict[str, Any],
) -> Tensor:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    attend = ALL_ATTENTION_FUNCTIONS[attention.config._attn_implementation]
    return attend(
        attention,
        query,
        key,
        value,
        mask,
        dropout=0.0,
        scaling=attention.scaling,
        position_ids=position_ids,
        **{name: value for name, value in kwargs.items() if name not in ("use_cache", *_CACHES)},
    )[0]
