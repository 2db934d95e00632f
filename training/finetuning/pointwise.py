"""What lies between the products of a layer: dropout, SwiGLU, norm, rotation, each in one pass.

On a GPU these are Triton kernels (`pointwise_kernels`); elsewhere the same arithmetic in torch.
Dropout draws its mask from a hash of the seed and the element's place (lowbias32, an integer hash
of two multiplications), so that the backward pass repeats it instead of keeping it.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

_WORD = 0xFFFF_FFFF


def dropped(x: Tensor, seed: int, rate: float) -> Tensor:
    """`x` with a share `rate` of its elements zero and the others scaled up."""
    if rate == 0:
        return x
    if kernels := _kernels(x):
        return kernels.dropped(x, seed, rate)
    return x * _mask(x, seed, rate)


def add_dropped(total: Tensor, gradient: Tensor, seed: int, rate: float) -> Tensor:
    """`total` with the gradient of `dropped` added to it, in place."""
    if rate == 0:
        return total.add_(gradient)
    if kernels := _kernels(total):
        return kernels.add_dropped(total, gradient, seed, rate)
    return total.add_(gradient * _mask(gradient, seed, rate))


def swiglu_and_dropped(gate: Tensor, up: Tensor, seed: int, rate: float) -> tuple[Tensor, Tensor]:
    """`silu(gate) * up` (arXiv 2002.05202), and the same `dropped`."""
    if kernels := _kernels(gate):
        return kernels.swiglu_and_dropped(gate, up, seed, rate)
    inner = torch.nn.functional.silu(gate) * up
    return inner, dropped(inner, seed, rate)


def swiglu_dropped(gate: Tensor, up: Tensor, seed: int, rate: float) -> Tensor:
    """The second of what `swiglu_and_dropped` gives."""
    if kernels := _kernels(gate):
        return kernels.swiglu_dropped(gate, up, seed, rate)
    return swiglu_and_dropped(gate, up, seed, rate)[1]


def swiglu_gradients(gradient: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `silu(gate) * up` with respect to gate and up; `gradient` is overwritten."""
    if kernels := _kernels(gate):
        return kernels.swiglu_gradients(gradient, gate, up)
    opened = torch.sigmoid(gate.float())
    slope = opened * (1 + gate.float() * (1 - opened))
    wide = gradient.float()
    return (wide * up.float() * slope).to(gate.dtype), (wide * gate.float() * opened).to(up.dtype)


def norm_gradient(
    gradient: Tensor, x: Tensor, weight: Tensor, eps: float, residual: Tensor | None
) -> Tensor:
    """The gradient of the input of an RMS norm (arXiv 1910.07467), `residual` added to it.

    `gradient` (tokens, width) is that of the norm's output.
    """
    if kernels := _kernels(x):
        return kernels.norm_gradient(gradient, x, weight, eps, residual)
    wide = x.float()
    scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    normed = wide * scale
    scaled = gradient.float() * weight.detach().float()
    found = scale * (scaled - normed * (scaled * normed).mean(dim=-1, keepdim=True))
    return (found if residual is None else found + residual.float()).to(x.dtype)


def rotated(x: Tensor, cos: Tensor, sin: Tensor, sign: int = 1) -> Tensor:
    """Heads `x` (tokens, heads, width) turned by their positions; `sign` -1 turns them back.

    `cos` and `sin` (tokens, width) repeat their first half, as transformers has them.
    """
    half = x.shape[-1] // 2
    if (kernels := _kernels(x)) and half & (half - 1) == 0:
        return kernels.rotated(x, cos, sin, sign)
    first, second = x[..., :half], x[..., half:]
    cos, sin = cos[:, None, :half], sin[:, None, :half] * sign
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def _mask(x: Tensor, seed: int, rate: float) -> Tensor:
    """Zero or the scale for each element of `x`: the mask that the kernels draw."""
    place = torch.arange(x.numel(), device=x.device, dtype=torch.int64)
    value = (place ^ seed) & _WORD
    value = ((value ^ (value >> 16)) * 0x21F0AAAD) & _WORD
    value = ((value ^ (value >> 15)) * 0xD35A2D97) & _WORD
    value = value ^ (value >> 15)
    kept = value >= threshold(rate)
    return (kept.to(x.dtype) * scale(rate)).view(x.shape)


def threshold(rate: float) -> int:
    """Elements whose hash is below this are dropped; 31 bits of it, as the kernels take them."""
    return int(rate * 2**32)


def scale(rate: float) -> float:
    """What the elements that stay are multiplied by."""
    return 1 / (1 - rate)


def _kernels(x: Tensor) -> Any:
    if not (x.is_cuda and importlib.util.find_spec("triton")):
        return None
    from training.finetuning import pointwise_kernels

    return pointwise_kernels
