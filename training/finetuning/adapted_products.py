"""Linear layers with adapters that read the same input: their products, there and back.

Every 4-bit weight is restored once a pass, and the adapter is added within a product's own kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.finetuning.pointwise import dropped


def restore_scales(weight: Any) -> None:
    """Keep the scales of a doubly quantised weight (arXiv 2305.14314, section 3) in float32.

    They take an eighth of the weight's own memory; restoring them at each use takes two kernels.
    """
    state = getattr(weight, "quant_state", None)
    if state is None or not getattr(state, "nested", False):
        return
    from bitsandbytes.functional import dequantize_blockwise

    state.absmax = dequantize_blockwise(state.absmax, state.state2).add_(state.offset).float()
    state.nested = False
    state.state2 = state.offset = None


@dataclass(frozen=True, slots=True)
class Product:
    """A linear layer with its adapter: `x W' + scaling * dropped(x) A' B'`."""

    base: Any
    scaling: float

    def weight(self, kind: torch.dtype) -> Tensor:
        """The base's weight (out, in), restored from 4 bits where it has them."""
        weight = self.base.weight
        state = getattr(weight, "quant_state", None)
        if state is None:
            return weight.to(kind)
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(weight.data, state).to(kind)


@dataclass(frozen=True, slots=True)
class Group:
    """Products that read the same input, their dropout and its seed."""

    products: tuple[Product, ...]
    rate: float
    seed: int

    def forward(
        self, x: Tensor, adapters: Sequence[Tensor], residual: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """What `forward_dropped` gives, for the input alone."""
        return self.forward_dropped(x, dropped(x, self.seed, self.rate), adapters, residual)

    def forward_dropped(
        self,
        x: Tensor,
        x_dropped: Tensor,
        adapters: Sequence[Tensor],
        residual: Tensor | None = None,
    ) -> tuple[list[Tensor], Tensor]:
        """Outputs, and the low-rank images of the dropped input (tokens, ranks together).

        The images are scaled already.
        """
        downs, ups = _halves(adapters, x.dtype)
        images = self._scaled(x_dropped @ _joined(downs).t(), downs)
        parts = images.split([down.shape[0] for down in downs], dim=1)
        outputs: list[Tensor] = []
        for product, image, up in zip(self.products, parts, ups, strict=True):
            weight, bias = product.weight(x.dtype).t(), product.base.bias
            out = x @ weight
            if bias is not None:
                out += bias
            out.addmm_(image, up.t())
            # Last: an adapter begins with outputs smaller than bfloat16's step at the residual's
            # size, so that adding them to a sum that was rounded already would lose them all.
            outputs.append(out if residual is None else out.add_(residual))
        return outputs, images

    def backward(
        self,
        gradients: Sequence[Tensor],
        x_dropped: Tensor,
        images: Tensor,
        adapters: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Gradients of the input by the base, of the dropped input, and of the adapters."""
        downs, ups = _halves(adapters, x_dropped.dtype)
        ranks = [down.shape[0] for down in downs]
        parts = images.split(ranks, dim=1)
        found: list[Tensor] = []
        of_images = _joined(
            [gradient @ up for gradient, up in zip(gradients, ups, strict=True)], dim=1
        )
        of_images = self._scaled(of_images, downs)
        of_downs = (of_images.t() @ x_dropped).split(ranks)
        for number, gradient in enumerate(gradients):
            of_up = gradient.t() @ parts[number]
            found.append(of_downs[number].to(adapters[2 * number].dtype))
            found.append(of_up.to(adapters[2 * number + 1].dtype))
        of_dropped = of_images @ _joined(downs)
        total: Tensor | None = None
        for product, gradient in zip(self.products, gradients, strict=True):
            weight = product.weight(gradient.dtype)
            total = gradient @ weight if total is None else total.addmm_(gradient, weight)
        assert total is not None
        return total, of_dropped, found

    def _scaled(self, images: Tensor, downs: Sequence[Tensor]) -> Tensor:
        """Each product's columns of `images` times its scaling, in place."""
        scalings = [product.scaling for product in self.products]
        if len(set(scalings)) == 1:
            return images.mul_(scalings[0])
        ranks = [down.shape[0] for down in downs]
        for part, scaling in zip(images.split(ranks, dim=1), scalings, strict=True):
            part.mul_(scaling)
        return images


def _joined(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=dim)


def _halves(adapters: Sequence[Tensor], kind: torch.dtype) -> tuple[list[Tensor], list[Tensor]]:
    return [a.to(kind) for a in adapters[::2]], [b.to(kind) for b in adapters[1::2]]
