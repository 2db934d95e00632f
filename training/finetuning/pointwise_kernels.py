"""Triton kernels behind `pointwise`: each reads its inputs once and writes its result once."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024


@triton.jit
def _kept(place, seed, threshold):
    value = place.to(tl.uint32) ^ seed.to(tl.uint32)
    value = value ^ (value >> 16)
    value = (value * 0x21F0AAAD).to(tl.uint32)
    value = value ^ (value >> 15)
    value = (value * 0xD35A2D97).to(tl.uint32)
    value = value ^ (value >> 15)
    # Compared as wider numbers: a threshold may be beyond a signed 32-bit one.
    return value.to(tl.int64) >= threshold.to(tl.int64)


@triton.jit(do_not_specialize=["seed", "threshold"])
def _dropped(x, out, count, seed, threshold, scale, block: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    within = place < count
    value = tl.load(x + place, mask=within).to(tl.float32)
    value = tl.where(_kept(place, seed, threshold), value * scale, 0.0)
    tl.store(out + place, value.to(out.dtype.element_ty), mask=within)


@triton.jit(do_not_specialize=["seed", "threshold"])
def _add_dropped(total, gradient, count, seed, threshold, scale, block: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    within = place < count
    value = tl.load(gradient + place, mask=within).to(tl.float32)
    value = tl.where(_kept(place, seed, threshold), value * scale, 0.0)
    value += tl.load(total + place, mask=within).to(tl.float32)
    tl.store(total + place, value.to(total.dtype.element_ty), mask=within)


@triton.jit(do_not_specialize=["seed", "threshold"])
def _swiglu(
    gate, up, out, out_dropped, count, seed, threshold, scale,
    plain: tl.constexpr, drops: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    within = place < count
    g = tl.load(gate + place, mask=within).to(tl.float32)
    u = tl.load(up + place, mask=within).to(tl.float32)
    kind = out_dropped.dtype.element_ty
    # Rounded before it is dropped, as it would be between two kernels.
    value = (g * tl.sigmoid(g) * u).to(kind)
    if plain:
        tl.store(out + place, value, mask=within)
    if drops:
        value = tl.where(_kept(place, seed, threshold), value.to(tl.float32) * scale, 0.0).to(kind)
        tl.store(out_dropped + place, value, mask=within)


@triton.jit
def _swiglu_gradients(gradient, gate, up, up_gradient, count, block: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    within = place < count
    d = tl.load(gradient + place, mask=within).to(tl.float32)
    g = tl.load(gate + place, mask=within).to(tl.float32)
    u = tl.load(up + place, mask=within).to(tl.float32)
    opened = tl.sigmoid(g)
    dg = d * u * opened * (1 + g * (1 - opened))
    tl.store(gradient + place, dg.to(gradient.dtype.element_ty), mask=within)
    tl.store(up_gradient + place, (d * g * opened).to(up_gradient.dtype.element_ty), mask=within)


@triton.jit
def _norm_gradient(
    gradient, x, weight, residual, out, width, eps, adds: tl.constexpr, block: tl.constexpr
):
    token = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, block)
    within = column < width
    place = token * width + column
    value = tl.load(x + place, mask=within, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(value * value, axis=0) / width + eps)
    normed = value * scale
    scaled = tl.load(gradient + place, mask=within, other=0.0).to(tl.float32)
    scaled *= tl.load(weight + column, mask=within, other=0.0).to(tl.float32)
    found = scale * (scaled - normed * (tl.sum(scaled * normed, axis=0) / width))
    if adds:
        found += tl.load(residual + place, mask=within, other=0.0).to(tl.float32)
    tl.store(out + place, found.to(out.dtype.element_ty), mask=within)


@triton.jit
def _rotated(x, cos, sin, out, heads, sign, half: tl.constexpr, padded: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, half)[None, :]
    head = tl.arange(0, padded)[:, None]
    within = head < heads
    c = tl.load(cos + token * 2 * half + column).to(tl.float32)
    s = tl.load(sin + token * 2 * half + column).to(tl.float32) * sign
    place = (token * heads + head) * 2 * half + column
    first = tl.load(x + place, mask=within).to(tl.float32)
    second = tl.load(x + place + half, mask=within).to(tl.float32)
    kind = out.dtype.element_ty
    tl.store(out + place, (first * c - second * s).to(kind), mask=within)
    tl.store(out + place + half, (second * c + first * s).to(kind), mask=within)


def dropped(x: Tensor, seed: int, rate: float) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    _dropped[_grid(x)](x, out, x.numel(), seed, int(rate * 2**32), 1 / (1 - rate), block=_BLOCK)
    return out


def add_dropped(total: Tensor, gradient: Tensor, seed: int, rate: float) -> Tensor:
    gradient = gradient.contiguous()
    count, scale = total.numel(), 1 / (1 - rate)
    _add_dropped[_grid(total)](total, gradient, count, seed, int(rate * 2**32), scale, block=_BLOCK)
    return total


def swiglu_and_dropped(gate: Tensor, up: Tensor, seed: int, rate: float) -> tuple[Tensor, Tensor]:
    out = torch.empty_like(gate)
    out_dropped = torch.empty_like(gate) if rate else out
    _launch_swiglu(gate, up, out, out_dropped, seed, rate, plain=True, drops=rate > 0)
    return out, out_dropped


def swiglu_dropped(gate: Tensor, up: Tensor, seed: int, rate: float) -> Tensor:
    out = torch.empty_like(gate)
    _launch_swiglu(gate, up, out, out, seed, rate, plain=rate == 0, drops=rate > 0)
    return out


def _launch_swiglu(
    gate: Tensor, up: Tensor, out: Tensor, out_dropped: Tensor, seed: int, rate: float, **how: bool
) -> None:
    _swiglu[_grid(gate)](
        gate, up, out, out_dropped, gate.numel(), seed, int(rate * 2**32), 1 / (1 - rate),
        **how, block=_BLOCK,
    )  # fmt: skip


def norm_gradient(
    gradient: Tensor, x: Tensor, weight: Tensor, eps: float, residual: Tensor | None
) -> Tensor:
    gradient, x = gradient.contiguous(), x.contiguous()
    out = torch.empty_like(x)
    tokens, width = x.shape
    added = x if residual is None else residual.contiguous()
    _norm_gradient[(tokens,)](
        gradient, x, weight, added, out, width, eps, adds=residual is not None,
        block=triton.next_power_of_2(width), num_warps=8,
    )  # fmt: skip
    return out


def swiglu_gradients(gradient: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    other = torch.empty_like(up)
    _swiglu_gradients[_grid(gate)](gradient, gate, up, other, gate.numel(), block=_BLOCK)
    return gradient, other


def rotated(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
    x, cos, sin = x.contiguous(), cos.contiguous(), sin.contiguous()
    tokens, heads, width = x.shape
    out = torch.empty_like(x)
    padded = triton.next_power_of_2(heads)
    _rotated[(tokens,)](x, cos, sin, out, heads, sign, half=width // 2, padded=padded)
    return out


def _grid(x: Tensor) -> tuple[int]:
    return (triton.cdiv(x.numel(), _BLOCK),)
