"""Products of a decoder layer: weights that read the same input, joined, with their adapters.

Few rows (a decoding step) and many (a prompt) are different work: the first is bound by reading
the weights, the second by arithmetic.
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
from server.predictors.worker.nf4 import Packed

# The largest rank whose part of a tile lies in a multiprocessor's registers.
_WIDEST_MERGED = 128


@dataclass(frozen=True, slots=True)
class Adapter:
    """LoRA matrices of joined products (arXiv 2106.09685), the scaling in `ups`.

    `downs` is (products × rank, in), `ups` (out, rank); the rank is a power of two from 16 on.
    """

    downs: Tensor
    ups: Tensor

    @property
    def rank(self) -> int:
        """The rank of each product's matrices."""
        return self.ups.shape[1]


@dataclass(frozen=True, slots=True)
class Group:
    """Joined products; `ends` are the columns at which each of them ends."""

    weight: Tensor | Packed
    ends: tuple[int, ...]
    bias: Tensor | None = None
    adapter: Adapter | None = None

    def project(self, x: Tensor) -> Tensor:
        """Outputs (rows, columns) of `x` (rows, in), in its type."""
        if isinstance(self.weight, Packed) and (kernels := self._kernels(x)):
            out = torch.empty((len(x), self.ends[-1]), dtype=x.dtype, device=x.device)
            return self._finish(kernels, x, self.weight, out)
        weight, adapter = self._restored(x)
        out = functional.linear(x, weight, self.bias)
        if adapter is not None:
            images = x @ adapter.downs.t()
            rank, start = adapter.rank, 0
            for number, end in enumerate(self.ends):
                image = images[:, number * rank : (number + 1) * rank]
                out[:, start:end].addmm_(image, adapter.ups[start:end].t())
                start = end
        return out

    def add_to(self, stream: Tensor, x: Tensor) -> None:
        """Add the outputs to the residual stream (rows, columns), which is in float32."""
        if isinstance(self.weight, Packed) and (kernels := self._kernels(x)):
            self._finish(kernels, x, self.weight, stream, adds=True)
        elif x.is_cuda and _is_half(x) and self.bias is None and len(self.ends) == 1:
            weight, adapter = self._restored(x)
            _add_product(stream, x, weight)
            if adapter is not None:
                _add_product(stream, x @ adapter.downs.t(), adapter.ups)
        else:
            stream += self.project(x)

    def gated(self, x: Tensor) -> Tensor:
        """`silu(gate) * up` of the joined products gate and up (arXiv 2002.05202)."""
        if isinstance(self.weight, Packed) and (kernels := self._kernels(x)):
            out = torch.empty((len(x), self.ends[0]), dtype=x.dtype, device=x.device)
            return self._finish(kernels, x, self.weight, out, gates=True)
        both = self.project(x)
        if _is_half(x) and (kernels := nf4.triton_kernels(x)):
            return kernels.gate(both)
        gate, up = both.split(self.ends[0], dim=1)
        return functional.silu(gate).mul_(up)

    def _restored(self, x: Tensor) -> tuple[Tensor, Adapter | None]:
        """The weight in the type of `x`, and the adapter where it is not part of that weight."""
        weight, adapter = self.weight, self.adapter
        if not isinstance(weight, Packed):
            return weight, adapter
        # For many rows the adapter is added to the weight, while its rank fits a tile.
        merges = len(x) >= nf4.MANY and _is_half(x) and nf4.triton_kernels(x) is not None
        if adapter is not None and adapter.rank <= _WIDEST_MERGED and merges:
            return weight.restore(x.dtype, (adapter.downs, adapter.ups, self.ends)), None
        return weight.restore(x.dtype), adapter

    def _kernels(self, x: Tensor) -> Any:
        return nf4.triton_kernels(x) if len(x) <= nf4.FEW and _is_half(x) else None

    def _finish(self, kernels: Any, x: Tensor, packed: Packed, out: Tensor, **how: bool) -> Tensor:
        partial = kernels.nf4_product(
            x,
            packed.numbers,
            packed.scales,
            nf4.table(x.device),
            nf4.codes(x.dtype),
            packed.parts,
        )
        images = None if self.adapter is None else x @ self.adapter.downs.t()
        ups = None if self.adapter is None else self.adapter.ups
        ends = (*self.ends, self.ends[-1])[:2]
        return kernels.finish(partial, out, images, ups, ends, self.bias, **how)


def joined_adapter(
    parts: Sequence[tuple[Tensor, Tensor, float] | None],
    columns: Sequence[int],
    width: int,
    kind: torch.dtype,
    device: torch.device,
) -> Adapter | None:
    """One adapter of several products' (down, up, scaling); None where none of them has one."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    rank = 16
    while rank < max(len(down) for down, _, _ in known):
        rank *= 2
    downs = torch.zeros((len(parts) * rank, width), dtype=kind, device=device)
    ups = torch.zeros((sum(columns), rank), dtype=kind, device=device)
    start = 0
    for number, (part, count) in enumerate(zip(parts, columns, strict=True)):
        if part is not None:
            down, up, scaling = part
            own = len(down)
            downs[number * rank : number * rank + own] = down.to(device, kind)
            ups[start : start + count, :own] = (up.to(device).float() * scaling).to(kind)
        start += count
    return Adapter(downs, ups)


def _add_product(stream: Tensor, x: Tensor, weight: Tensor) -> None:
    """Add `x` times the weight to the stream, in the product's own pass over it."""
    torch.addmm(stream, x, weight.t(), out_dtype=torch.float32, out=stream)


def _is_half(x: Tensor) -> bool:
    return x.dtype in (torch.bfloat16, torch.float16)
