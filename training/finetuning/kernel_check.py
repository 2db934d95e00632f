"""Compares the GPU's kernels with plain torch before a run trusts them: seconds against days."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from training.errors import TrainingError
from training.finetuning import pointwise
from training.finetuning.packed_attention import documents_attention

# Of bf16's own rounding, many times over; a wrong mask or index is far beyond it.
_TOLERANCE = 2e-2
_SEED, _RATE = 77_777, 0.1


def check_kernels(device: torch.device, fused: bool = True) -> None:
    """Raises TrainingError when a kernel fails or disagrees with torch in fp32 on a processor.

    Without `fused` only the attention of packed rows is compared.
    """
    for name, compute in _CASES.items():
        if not fused and compute is not _attention:
            continue
        generator = torch.Generator().manual_seed(1)
        inputs = [torch.randn(33, 8, 64, generator=generator).bfloat16() for _ in range(3)]
        try:
            found = compute([one.to(device) for one in inputs])
        except Exception as error:
            reason = " ".join(str(error).split())[:160]
            raise TrainingError(
                f"{name} does not run on this GPU ({reason}); set fused_layers: false and"
                " attn_implementation: sdpa"
            ) from error
        wanted = compute([one.float() for one in inputs])
        if _distance(found.float().cpu(), wanted) > _TOLERANCE:
            raise TrainingError(
                f"{name} gives wrong numbers on this GPU; set fused_layers: false and"
                " attn_implementation: sdpa"
            )


def _distance(found: Tensor, wanted: Tensor) -> float:
    distance = float((found - wanted).norm() / wanted.norm())
    return distance if distance == distance else float("inf")


def _dropout(x: list[Tensor]) -> Tensor:
    flat = x[0].flatten(1)
    return pointwise.add_dropped(pointwise.dropped(flat, _SEED, _RATE), flat, _SEED + 2, _RATE)


def _swiglu(x: list[Tensor]) -> Tensor:
    gradients = pointwise.swiglu_gradients(x[2].clone(), x[0], x[1])
    both = pointwise.swiglu_and_dropped(x[0], x[1], _SEED, _RATE)
    again = pointwise.swiglu_dropped(x[0], x[1], _SEED, _RATE)
    return torch.stack([*both, again, *gradients])


def _norm(x: list[Tensor]) -> Tensor:
    gradient, value, residual = (one.flatten(1) for one in x)
    added, bare = (
        pointwise.norm_gradient(gradient, value, value[0], 1e-5, other)
        for other in (residual, None)
    )
    return torch.stack([added, bare])


def _rotation(x: list[Tensor]) -> Tensor:
    angles = x[1][:, 0, :32].repeat(1, 2)
    return pointwise.rotated(x[0], angles.cos(), angles.sin(), -1)


def _attention(x: list[Tensor]) -> Tensor:
    ends = torch.tensor([0, 20, 21, 33], dtype=torch.int32, device=x[0].device)
    with torch.enable_grad():
        leaves = [one.detach().requires_grad_() for one in x]
        out = documents_attention(*leaves, ends, 20, None)
        gradients = torch.autograd.grad(out.float().square().sum(), leaves)
    return torch.stack([out.detach(), *gradients])


_CASES: dict[str, Callable[[list[Tensor]], Tensor]] = {
    "dropout": _dropout,
    "SwiGLU": _swiglu,
    "norm": _norm,
    "rotation": _rotation,
    "attention over packed rows": _attention,
}
