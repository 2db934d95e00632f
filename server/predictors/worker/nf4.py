"""Weights in 4 bits: QLoRA's NF4 (arXiv 2305.14314), as bitsandbytes rounds them, laid out anew.

Each block of 64 weights of a row has one scale. A tile is `TILE` rows: its blocks follow one
another, and within a block the rows do, 32 bytes each; byte j holds weights j and j + 32. So a
program of the kernel reads one stretch of memory.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor

from server.predictors.worker.nibbles import lookup

TILE = 64
BLOCK = 64
# The most rows that are multiplied with 4-bit weights directly; more are worth restoring them.
FEW = 32
# From so many rows on it is cheaper to add an adapter to the weights than to every row's product.
MANY = 2048
_DISTRUSTED: list[bool] = []
# Programs that keep a GPU of about a hundred multiprocessors busy (`benchmarks.gpu_kernels`).
_PROGRAMS = 2752


@dataclass(frozen=True, slots=True)
class Packed:
    """A weight (columns, width) as `numbers` (tiles, blocks, TILE, 32) and `scales` in float16."""

    numbers: Tensor
    scales: Tensor
    columns: int
    width: int

    @property
    def parts(self) -> int:
        """In how many pieces the width is summed, so that all multiprocessors have work."""
        tiles, blocks = self.numbers.shape[:2]
        return max(1, min(8, blocks // 4, _PROGRAMS // tiles))

    def restore(
        self, kind: torch.dtype, low_rank: tuple[Tensor, Tensor, tuple[int, ...]] | None = None
    ) -> Tensor:
        """The weight itself in `kind`, rounded; `low_rank` is what `kernels.restore` adds to it."""
        numbers = self.numbers
        if kernels := triton_kernels(numbers):
            rows = numbers.shape[0] * TILE
            out = torch.empty((rows, self.width), dtype=kind, device=numbers.device)
            values = table(numbers.device)
            return kernels.restore(numbers, self.scales, values, out, low_rank)[: self.columns]
        assert low_rank is None
        return self.restored().to(kind)

    def restored(self) -> Tensor:
        """The weight in float32, by plain torch."""
        numbers = self.numbers.int()
        found = torch.stack((numbers >> 4, numbers & 15), dim=-2)
        values = table(numbers.device)[found] * self.scales.float()[..., None, None]
        values = values.view(*self.numbers.shape[:3], BLOCK).transpose(1, 2)
        return values.reshape(-1, self.width)[: self.columns]


def can_pack(columns: int, width: int) -> bool:
    """Whether a weight has a shape that the tiles hold."""
    return width % BLOCK == 0 and columns % TILE == 0


def pack(weights: list[Tensor]) -> Packed:
    """Round weights (columns, width) that read the same input to 4 bits, and join them."""
    from bitsandbytes.functional import dequantize_blockwise, quantize_4bit

    width = weights[0].shape[1]
    numbers: list[Tensor] = []
    scales: list[Tensor] = []
    for weight in weights:
        columns = weight.shape[0]
        packed, state = quantize_4bit(weight, compress_statistics=True, quant_type="nf4")
        offset = cast(Tensor, state.offset)
        scale = dequantize_blockwise(state.absmax, state.state2) + offset
        pairs = packed.view(columns, width // BLOCK, 32)
        single = torch.stack((pairs >> 4, pairs & 15), dim=-1).view(*pairs.shape[:2], BLOCK)
        ours = (single[..., :32] << 4) | single[..., 32:]
        shape = (columns // TILE, TILE, width // BLOCK)
        numbers.append(ours.view(*shape, 32).transpose(1, 2))
        scales.append(scale.half().view(shape).transpose(1, 2))
    return Packed(
        torch.cat(numbers).contiguous(),
        torch.cat(scales).contiguous(),
        sum(len(weight) for weight in weights),
        width,
    )


@lru_cache
def table(device: torch.device) -> Tensor:
    """The sixteen values that four bits stand for, in float32."""
    from bitsandbytes.functional import get_4bit_type

    return get_4bit_type("nf4", device=device).float().contiguous()


@lru_cache
def codes(kind: torch.dtype) -> str:
    """The table for `kernels.nf4_product` on an NVIDIA GPU, "" where it has to read memory."""
    if _interpreted() or torch.version.cuda is None:
        return ""
    return lookup(table(torch.device("cpu")).tolist(), kind)


def triton_kernels(tensor: Tensor) -> Any:
    """The kernels for this tensor's device, or None where there is no GPU or no Triton."""
    return _kernels() if (tensor.is_cuda or _interpreted()) and not _DISTRUSTED else None


def distrust_kernels() -> None:
    """Do without the kernels from now on."""
    _DISTRUSTED.append(True)


@lru_cache
def _kernels() -> Any:
    try:
        from server.predictors.worker import kernels
    except ImportError:
        return None
    return kernels


@lru_cache
def _interpreted() -> bool:
    import os

    return os.environ.get("TRITON_INTERPRET") == "1"
