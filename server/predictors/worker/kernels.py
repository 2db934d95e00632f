"""Triton kernels of a decoding step: each reads what it needs once and writes its result once.

Rows are the sequences under way (questions × beams, at most 32); everything else is the model's.
Sizes that change between calls are read from device memory, so that one CUDA graph serves them all.
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

from server.predictors.worker.reading_kernels import gate, norm, place, restore, write_heads

# How `attend` reads a prompt: positions at once, warps, and stages of the loop. Few programs must
# each be fast; of many, more run at once (`benchmarks.gpu_kernels`).
_ALONE, _TOGETHER = (32, 4, 3), (32, 2, 3)
_MANY_PROGRAMS = 1024

__all__ = [
    "attend", "finish", "gate", "nf4_product", "norm", "place", "restore", "turn",
]  # fmt: skip


@triton.jit(do_not_specialize=["rows", "blocks_each"])
def _nf4_product(
    x, packed, scales, table, out, rows, columns, width, blocks_each,
    codes: tl.constexpr, has_codes: tl.constexpr,
    block_m: tl.constexpr, block_n: tl.constexpr,
):  # fmt: skip
    """Partial products of a few rows with 4-bit weights; see `nf4` for the layout of those."""
    tile = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    blocks = width // 64
    row = tl.arange(0, block_m)
    column = tl.arange(0, block_n)
    byte = tl.arange(0, 32)
    total = tl.zeros((block_n, block_m), dtype=tl.float32)
    start = part * blocks_each
    within = (row < rows)[None, :]
    bytes_of = packed + column[:, None] * 32 + byte[None, :]
    kind = x.dtype.element_ty
    for block in range(start, tl.minimum(start + blocks_each, blocks)):
        place = (tile * blocks + block) * block_n
        pairs = tl.load(bytes_of + place * 32)
        scale = tl.load(scales + place + column)
        if has_codes:
            first, second = tl.inline_asm_elementwise(
                codes, "=r,=r,=r,=r,r", [pairs], dtype=(kind, kind), is_pure=True, pack=4
            )
        else:
            numbers = pairs.to(tl.int32)
            first = tl.load(table + (numbers >> 4)).to(kind)
            second = tl.load(table + (numbers & 15)).to(kind)
        inputs = x + row[None, :] * width + block * 64 + byte[:, None]
        left = tl.load(inputs, mask=within, other=0.0)
        right = tl.load(inputs + 32, mask=within, other=0.0)
        # A block's scale is the same for all it is multiplied with: it can come afterwards.
        here = tl.dot(second, right, tl.dot(first, left))
        total += here * scale.to(tl.float32)[:, None]
    columns_here = tile * block_n + column
    place = (part * rows + row[None, :]) * columns + columns_here[:, None]
    tl.store(out + place, total, mask=within & (columns_here < columns)[:, None])


@triton.jit(do_not_specialize=["rows", "parts", "images_width", "end_first", "end_second"])
def _finish(
    partial, images, ups, bias, out, rows, columns, parts, images_width, end_first, end_second,
    rank: tl.constexpr, block_m: tl.constexpr, block_n: tl.constexpr,
    has_adapter: tl.constexpr, has_bias: tl.constexpr, adds: tl.constexpr, gates: tl.constexpr,
):  # fmt: skip
    """Sums partial products, adds adapter and bias, then stores, adds to `out`, or gates.

    With `gates` the columns are gates then ups, and `out` is silu(gate) * up.
    """
    start = tl.program_id(0) * block_n
    row = tl.arange(0, block_m)
    column = start + tl.arange(0, block_n)
    inside = (row < rows)[:, None]
    width = columns // 2 if gates else columns
    within = inside & (column < width)[None, :]
    total = tl.zeros((block_m, block_n), dtype=tl.float32)
    other = tl.zeros((block_m, block_n), dtype=tl.float32)
    for part in range(0, parts):
        place = (part * rows + row[:, None]) * columns + column[None, :]
        total += tl.load(partial + place, mask=within, other=0.0)
        if gates:
            other += tl.load(partial + place + width, mask=within, other=0.0)
    if has_adapter:
        ranks = tl.arange(0, rank)
        group = 0
        if not gates:
            group = (start >= end_first).to(tl.int32) + (start >= end_second).to(tl.int32)
        image = tl.load(
            images + row[:, None] * images_width + group * rank + ranks[None, :],
            mask=inside, other=0.0,
        )  # fmt: skip
        up = tl.load(
            ups + column[None, :].to(tl.int64) * rank + ranks[:, None],
            mask=(column < width)[None, :], other=0.0,
        )  # fmt: skip
        total = tl.dot(image, up, total)
        if gates:
            image = tl.load(
                images + row[:, None] * images_width + rank + ranks[None, :],
                mask=inside, other=0.0,
            )  # fmt: skip
            up = tl.load(
                ups + (column[None, :] + width).to(tl.int64) * rank + ranks[:, None],
                mask=(column < width)[None, :], other=0.0,
            )  # fmt: skip
            other = tl.dot(image, up, other)
    if has_bias:
        total += tl.load(bias + column, mask=column < width, other=0.0).to(tl.float32)[None, :]
    if gates:
        total = total * tl.sigmoid(total) * other
    place = row[:, None] * width + column[None, :]
    if adds:
        total += tl.load(out + place, mask=within, other=0.0)
    tl.store(out + place, total.to(out.dtype.element_ty), mask=within)


@triton.jit(do_not_specialize=["beams", "heads", "key_heads", "slots"])
def _turn(
    states, cosines, sines, lengths, step, queries, keys, values,
    beams, heads, key_heads, slots, half: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Turns some heads by their positions; keys and values go to their slot of the suffix."""
    row = tl.program_id(0).to(tl.int64)
    slot = tl.load(step) - 1
    position = tl.load(lengths + row // beams) + slot
    write_heads(
        states, cosines, sines, queries, keys, values, row, position, row, slot, slots,
        heads, key_heads, half, block,
    )  # fmt: skip


@triton.jit
def _fold(query, key, value, seen, scale, best, weight, total):
    """One block of keys and values into a running softmax (arXiv 1805.02867)."""
    scores = tl.dot(query, tl.trans(key)) * scale
    scores = tl.where(seen, scores, -1e30)
    highest = tl.maximum(best, tl.max(scores, axis=1))
    shrink = tl.exp(best - highest)
    share = tl.where(seen, tl.exp(scores - highest[:, None]), 0.0)
    weight = weight * shrink + tl.sum(share, axis=1)
    total = total * shrink[:, None] + tl.dot(share.to(value.dtype), value)
    return highest, weight, total


@triton.jit(do_not_specialize=["beams", "key_heads", "room", "slots"])
def _attend(
    queries, keys, values, suffix_keys, suffix_values, lengths, step, owners, out,
    beams, key_heads, room, slots, scale, group: tl.constexpr, size: tl.constexpr,
    block_m: tl.constexpr, block_p: tl.constexpr, suffix_blocks: tl.constexpr,
):  # fmt: skip
    """All beams of one question and one key head: over the prompt they share, then their own."""
    question = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    row = tl.arange(0, block_m)
    column = tl.arange(0, size)
    beam = row // group
    inside = beam < beams
    heads = key_heads * group
    place = ((question * beams + beam) * heads + head * group + row % group) * size
    query = tl.load(queries + place[:, None] + column[None, :], mask=inside[:, None], other=0.0)
    best = tl.full((block_m,), -1e30, dtype=tl.float32)
    weight = tl.zeros((block_m,), dtype=tl.float32)
    total = tl.zeros((block_m, size), dtype=tl.float32)
    length = tl.load(lengths + question)
    base = (question * key_heads + head) * room * size
    for start in range(0, length, block_p):
        position = start + tl.arange(0, block_p)
        there = position < length
        source = base + position[:, None] * size + column[None, :]
        key = tl.load(keys + source, mask=there[:, None], other=0.0)
        value = tl.load(values + source, mask=there[:, None], other=0.0)
        seen = there[None, :] & (row >= 0)[:, None]
        best, weight, total = _fold(query, key, value, seen, scale, best, weight, total)
    last = tl.load(step) - 1
    for number in tl.static_range(suffix_blocks):
        index = number * block_p + tl.arange(0, block_p)
        owner = index // slots
        slot = index % slots
        there = (owner < beams) & (slot <= last)
        source = (((question * beams + owner) * key_heads + head) * slots + slot) * size
        key = tl.load(
            suffix_keys + source[:, None] + column[None, :], mask=there[:, None], other=0.0
        )
        value = tl.load(
            suffix_values + source[:, None] + column[None, :], mask=there[:, None], other=0.0
        )
        # The beam that read this token of mine, or of the beam that mine comes from.
        mine = tl.load(
            owners + (question * beams + beam[:, None]) * slots + slot[None, :],
            mask=inside[:, None], other=-1,
        )  # fmt: skip
        seen = there[None, :] & (owner[None, :] == mine)
        best, weight, total = _fold(query, key, value, seen, scale, best, weight, total)
    total = total / tl.where(weight > 0, weight, 1.0)[:, None]
    tl.store(
        out + place[:, None] + column[None, :], total.to(out.dtype.element_ty),
        mask=inside[:, None],
    )  # fmt: skip


def nf4_product(
    x: Tensor,
    packed: Tensor,
    scales: Tensor,
    table: Tensor,
    codes: str,
    parts: int,
    warps: int = 2,
    stages: int = 3,
) -> Tensor:
    """Partial sums (parts, rows, columns) in float32 of `x` (rows, in) with 4-bit weights.

    `codes` is the table as instructions (`nf4.codes`); with "" it is read from memory.
    """
    rows, width = x.shape
    tiles, blocks, block_n, _ = packed.shape
    columns = tiles * block_n
    out = torch.empty((parts, rows, columns), dtype=torch.float32, device=x.device)
    _nf4_product[(tiles, parts)](
        x, packed, scales, table, out, rows, columns, width, triton.cdiv(blocks, parts),
        codes=codes, has_codes=bool(codes), block_m=_rows(rows), block_n=block_n,
        num_warps=warps, num_stages=stages,
    )  # fmt: skip
    return out


def finish(
    partial: Tensor,
    out: Tensor,
    images: Tensor | None,
    ups: Tensor | None,
    ends: tuple[int, int],
    bias: Tensor | None = None,
    *,
    adds: bool = False,
    gates: bool = False,
) -> Tensor:
    """Sum `partial` (parts, rows, columns), add the adapter's and the bias, into `out`."""
    parts, rows, columns = partial.shape
    rank = 16 if ups is None else ups.shape[1]
    block_n = 32
    width = columns // 2 if gates else columns
    nothing = partial
    _finish[(triton.cdiv(width, block_n),)](
        partial, nothing if images is None else images, nothing if ups is None else ups,
        nothing if bias is None else bias, out, rows, columns, parts,
        0 if images is None else images.shape[1], *ends,
        rank=rank, block_m=_rows(rows), block_n=block_n, has_adapter=ups is not None,
        has_bias=bias is not None, adds=adds, gates=gates, num_warps=4,
    )  # fmt: skip
    return out


def turn(
    states: Tensor,
    tables: tuple[Tensor, Tensor],
    lengths: Tensor,
    step: Tensor,
    suffix: tuple[Tensor, Tensor],
    beams: int,
    heads: int,
) -> Tensor:
    """Turned queries (rows, heads, size) of `states` (rows, all heads × size); fills the suffix."""
    keys, values = suffix
    rows, key_heads, slots, size = keys.shape
    queries = torch.empty((rows, heads, size), dtype=states.dtype, device=states.device)
    block = math.gcd(heads, key_heads, 8)
    _turn[(rows, (heads + 2 * key_heads) // block)](
        states, *tables, lengths, step, queries, keys, values, beams, heads, key_heads, slots,
        half=size // 2, block=block, num_warps=2,
    )  # fmt: skip
    return queries


def attend(
    queries: Tensor,
    prompt: tuple[Tensor, Tensor],
    suffix: tuple[Tensor, Tensor],
    places: tuple[Tensor, Tensor, Tensor],
    scale: float,
) -> Tensor:
    """What the beams read (rows, heads × size); prompts are (questions, key heads, room, size).

    `places` are those of `network.go_on`.
    """
    rows, heads, size = queries.shape
    questions, key_heads, room, _ = prompt[0].shape
    slots = suffix[0].shape[2]
    beams, group = rows // questions, heads // key_heads
    many = questions * key_heads >= _MANY_PROGRAMS
    block_p, warps, stages = _TOGETHER if many else _ALONE
    out = torch.empty_like(queries)
    _attend[(questions, key_heads)](
        queries, *prompt, *suffix, *places, out, beams, key_heads, room, slots, scale,
        group=group, size=size, block_m=max(16, triton.next_power_of_2(beams * group)),
        block_p=block_p, suffix_blocks=triton.cdiv(beams * slots, block_p), num_warps=warps,
        num_stages=stages,
    )  # fmt: skip
    return out.view(rows, heads * size)


def _rows(rows: int) -> int:
    return 16 if rows <= 16 else triton.next_power_of_2(rows)
