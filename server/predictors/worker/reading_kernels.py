"""Triton kernels of reading prompts: each reads what it needs once and writes its result once.

Rows are the tokens of prompts, or of a decoding step where that needs the same.
"""

# Triton is there only where a GPU is, and its kernels are a language of their own.
# pyright: basic, reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportIndexIssue=false

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit(do_not_specialize=["blocks_each", "end_first", "end_second"])
def _restore(
    packed, scales, table, downs, ups, out, width, blocks_each, end_first, end_second,
    rank: tl.constexpr, block_n: tl.constexpr, has_adapter: tl.constexpr,
):  # fmt: skip
    """The weights themselves, (out, in), from 4 bits; with an adapter, its product is added."""
    tile = tl.program_id(0).to(tl.int64)
    blocks = width // 64
    column = tl.arange(0, block_n)[:, None]
    byte = tl.arange(0, 32)[None, :]
    rows = tile * block_n + column
    kind = out.dtype.element_ty
    start = tl.program_id(1) * blocks_each
    if has_adapter:
        ranks = tl.arange(0, rank)
        first_row = tile * block_n
        group = (first_row >= end_first).to(tl.int32) + (first_row >= end_second).to(tl.int32)
        up = tl.load(ups + rows * rank + ranks[None, :])
        down = downs + (group * rank + ranks[:, None]).to(tl.int64) * width + byte
    for block in range(start, tl.minimum(start + blocks_each, blocks)):
        place = (tile * blocks + block) * block_n
        pairs = tl.load(packed + place * 32 + column * 32 + byte).to(tl.int32)
        scale = tl.load(scales + place + column).to(tl.float32)
        first = tl.load(table + (pairs >> 4)) * scale
        second = tl.load(table + (pairs & 15)) * scale
        if has_adapter:
            first = tl.dot(up, tl.load(down + block * 64), first)
            second = tl.dot(up, tl.load(down + block * 64 + 32), second)
        target = out + rows * width + block * 64 + byte
        tl.store(target, first.to(kind))
        tl.store(target + 32, second.to(kind))


@triton.jit
def _norm(x, weight, out, width, eps, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, block)
    within = column < width
    value = tl.load(x + row * width + column, mask=within, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(value * value, axis=0) / width + eps)
    value = value * scale * tl.load(weight + column, mask=within, other=0.0).to(tl.float32)
    tl.store(out + row * width + column, value.to(out.dtype.element_ty), mask=within)


@triton.jit
def write_heads(
    states, cosines, sines, queries, keys, values, row, position, sequence, slot, room,
    heads, key_heads, half: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Turns some heads of a row by its position (arXiv 2104.09864); `_place` and `_turn` share it.

    Keys and values go to a slot of the row's sequence in the cache, queries to their row.
    """
    begin = tl.program_id(1) * block
    head = (begin + tl.arange(0, block))[:, None]
    column = tl.arange(0, half)[None, :]
    c = tl.load(cosines + position * half + column)
    s = tl.load(sines + position * half + column)
    source = states + (row * (heads + 2 * key_heads) + head) * 2 * half + column
    first = tl.load(source).to(tl.float32)
    second = tl.load(source + half).to(tl.float32)
    kind = queries.dtype.element_ty
    if begin < heads:
        target = queries + (row * heads + head) * 2 * half + column
        tl.store(target, (first * c - second * s).to(kind))
        tl.store(target + half, (second * c + first * s).to(kind))
    elif begin < heads + key_heads:
        target = keys + ((sequence * key_heads + head - heads) * room + slot) * 2 * half + column
        tl.store(target, (first * c - second * s).to(kind))
        tl.store(target + half, (second * c + first * s).to(kind))
    else:
        place = ((sequence * key_heads + head - heads - key_heads) * room + slot) * 2 * half
        tl.store(values + place + column, first.to(kind))
        tl.store(values + place + column + half, second.to(kind))


@triton.jit(do_not_specialize=["length", "start", "room", "heads", "key_heads"])
def _place(
    states, cosines, sines, queries, keys, values, length, start, room, heads, key_heads,
    half: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Turns some heads of a prompt's token by its position; keys and values go to the cache."""
    row = tl.program_id(0).to(tl.int64)
    position = start + row % length
    write_heads(
        states, cosines, sines, queries, keys, values, row, position, row // length, position, room,
        heads, key_heads, half, block,
    )  # fmt: skip


@triton.jit
def _gate(both, out, width, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * block + tl.arange(0, block)
    within = column < width
    place = both + row * 2 * width + column
    gate = tl.load(place, mask=within, other=0.0).to(tl.float32)
    up = tl.load(place + width, mask=within, other=0.0).to(tl.float32)
    value = gate * tl.sigmoid(gate) * up
    tl.store(out + row * width + column, value.to(out.dtype.element_ty), mask=within)


def restore(
    packed: Tensor,
    scales: Tensor,
    table: Tensor,
    out: Tensor,
    low_rank: tuple[Tensor, Tensor, tuple[int, ...]] | None = None,
) -> Tensor:
    """The weights of `packed` in `out` (columns, width).

    With `low_rank`, an adapter's downs, ups and ends, they have its product added (LoRA, merged).
    """
    tiles, blocks, block_n, _ = packed.shape
    downs, ups, ends = low_rank or (out, out, (0,))
    end_first, end_second = (*ends, ends[-1])[:2]
    # A program that has loaded its part of an adapter uses it for some blocks.
    each = 8 if low_rank else 1
    _restore[(tiles, triton.cdiv(blocks, each))](
        packed, scales, table, downs, ups, out, blocks * 64, each, end_first, end_second,
        rank=ups.shape[1] if low_rank else 16, block_n=block_n, has_adapter=low_rank is not None,
        num_warps=4,
    )  # fmt: skip
    return out


def norm(x: Tensor, weight: Tensor, eps: float, kind: torch.dtype) -> Tensor:
    """RMS norm of `x` (rows, width), in `kind`."""
    rows, width = x.shape
    out = torch.empty((rows, width), dtype=kind, device=x.device)
    _norm[(rows,)](x, weight, out, width, eps, block=triton.next_power_of_2(width), num_warps=8)
    return out


def place(
    states: Tensor,
    tables: tuple[Tensor, Tensor],
    cache: tuple[Tensor, Tensor],
    start: int,
    length: int,
    heads: int,
) -> Tensor:
    """Turned queries (rows, heads, size) of prompts' tokens from `start` on; fills the cache."""
    keys, values = cache
    _, key_heads, room, size = keys.shape
    rows = len(states)
    queries = torch.empty((rows, heads, size), dtype=states.dtype, device=states.device)
    block = math.gcd(heads, key_heads, 8)
    _place[(rows, (heads + 2 * key_heads) // block)](
        states, *tables, queries, keys, values, length, start, room, heads, key_heads,
        half=size // 2, block=block, num_warps=2,
    )  # fmt: skip
    return queries


def gate(both: Tensor) -> Tensor:
    """`silu(gate) * up` of rows that hold gates and then ups."""
    rows, width = len(both), both.shape[1] // 2
    out = torch.empty((rows, width), dtype=both.dtype, device=both.device)
    block = 1024
    _gate[(rows, triton.cdiv(width, block))](both, out, width, block=block, num_warps=4)
    return out
