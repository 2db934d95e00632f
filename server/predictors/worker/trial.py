"""Tries the kernels on this very GPU before they are trusted; else plain torch does the work."""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import sys

import torch
from torch import Tensor

from server.predictors.worker import nf4
from server.predictors.worker.linear import Group, joined_adapter
from server.predictors.worker.network import Network, norm

# Relative to the largest value; bfloat16 has 8 bits.
_MOST_APART = 0.03


def try_kernels(network: Network) -> bool:
    """Whether the kernels give on this GPU what plain torch gives; if not, they are not used."""
    if network.device.type != "cuda" or network.kind == torch.float32:
        return False
    try:
        worst = max(_apart(network.device, network.kind), _norm_apart(network))
    except Exception as error:
        _say(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        nf4.distrust_kernels()
        return False
    if not worst <= _MOST_APART:
        _say(f"they are off by {worst:.3f}")
        nf4.distrust_kernels()
        return False
    return nf4.triton_kernels(network.head) is not None


def _apart(device: torch.device, kind: torch.dtype) -> float:
    """The products of a small weight with an adapter, by kernels and by torch in float32."""
    generator = torch.Generator(device).manual_seed(0)

    def drawn(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator, device=device)

    packed = nf4.pack([drawn(128, 256).to(kind)])
    adapters = [(drawn(16, 256) * 0.1, drawn(128, 16) * 0.1, 1.0)]
    x = drawn(5, 256).to(kind)
    adapter = joined_adapter(adapters, [128], 256, kind, device)
    got = Group(packed, (128,), None, adapter).project(x).float()
    exact = joined_adapter(adapters, [128], 256, torch.float32, device)
    wanted = Group(packed.restored(), (128,), None, exact).project(x.float())
    return float((got - wanted).abs().max() / wanted.abs().max())


def _norm_apart(network: Network) -> float:
    stream = network.embedding[:5].float()
    weight = network.norm
    wanted = torch.nn.functional.rms_norm(stream, stream.shape[-1:], eps=network.shape.eps) * weight
    return float((norm(network, stream, weight).float() - wanted).abs().max() / wanted.abs().max())


def _say(reason: str) -> None:
    sys.stderr.write(f"the GPU kernels are not used ({reason})\n")
