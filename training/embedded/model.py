"""The network of the embedded model: a decoder in Llama's form with normalised queries and keys.

Pre-normalisation (RMSNorm), rotary positions (arXiv 2104.09864), SwiGLU (arXiv 2002.05202),
grouped-query attention (arXiv 2305.13245) and tied embeddings. It may have a second tower: other
layers over the same first ones, whose probabilities are averaged with its own (TreeNet,
arXiv 1511.06314).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# Instructions that multiply bfloat16, five times as fast as float32 in a measurement.
_BFLOAT16 = "avx512_bf16", "amx_bf16"
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; `feed_forward` is the inner width of one SwiGLU branch.

    Where `both_ways`, each token of a prompt sees the whole prompt (a prefix language model,
    arXiv 1910.10683 section 3.2.1), and what follows it sees what stands before, as elsewhere.
    The layers from `tower_from` on exist twice; 0 stands for no second tower.
    """

    vocabulary: int = 16_384
    width: int = 640
    layers: int = 9
    heads: int = 10
    key_value_heads: int = 2
    feed_forward: int = 1_728
    rotary_base: float = 10_000.0
    norm_epsilon: float = 1e-6
    both_ways: bool = False
    tower_from: int = 0

    @property
    def tower_layers(self) -> int:
        """How many layers the second tower has."""
        return self.layers - self.tower_from if self.tower_from else 0

    @property
    def head_width(self) -> int:
        return self.width // self.heads


def compute_dtype(device: torch.device) -> torch.dtype:
    """What to multiply in: bfloat16 on a GPU and on processors with instructions for it, which
    others only emulate, at a hundredth of the speed."""
    if device.type == "cuda":
        return torch.bfloat16
    known = torch.cpu.get_capabilities()
    return torch.bfloat16 if any(known.get(name) for name in _BFLOAT16) else torch.float32


class RMSNorm(nn.Module):
    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.epsilon)


class Linear(nn.Linear):
    """A bias-free product whose fp32 master weight is cast to the input's type."""

    def __init__(self, inner: int, outer: int, *, zero: bool = False) -> None:
        super().__init__(inner, outer, bias=False)
        if zero:
            nn.init.zeros_(self.weight)
        else:
            nn.init.normal_(self.weight, std=inner**-0.5 * 0.8)

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.weight.to(input.dtype))


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        inner = shape.key_value_heads * shape.head_width
        self.norm = RMSNorm(shape.width, shape.norm_epsilon)
        self.q = Linear(shape.width, shape.width)
        self.k = Linear(shape.width, inner)
        self.v = Linear(shape.width, inner)
        self.o = Linear(shape.width, shape.width, zero=True)
        self.q_norm = RMSNorm(shape.head_width, shape.norm_epsilon)
        self.k_norm = RMSNorm(shape.head_width, shape.norm_epsilon)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        rows, length, width = x.shape
        head = self.shape.head_width
        x = self.norm(x)
        q = self.q(x).view(rows, length, -1, head)
        k = self.k(x).view(rows, length, -1, head)
        v = self.v(x).view(rows, length, -1, head)
        q = rotate(self.q_norm(q), cos, sin)
        k = rotate(self.k_norm(k), cos, sin)
        return self.o(attend(q, k, v).reshape(rows, length, width))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm = RMSNorm(shape.width, shape.norm_epsilon)
        self.gate = Linear(shape.width, shape.feed_forward)
        self.up = Linear(shape.width, shape.feed_forward)
        self.down = Linear(shape.feed_forward, shape.width, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.dropped = nn.Dropout(dropout)
        self.attention = Attention(shape)
        self.feed_forward = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        x = x + self.dropped(self.attention(x, cos, sin, attend))
        return x + self.dropped(self.feed_forward(x))


class Tower(nn.Module):
    """The second tower: what layer `tower_from` sees, to hidden states (rows, length, width)."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.into = Linear(shape.width, shape.width)
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.tower_layers))
        self.norm = RMSNorm(shape.width, shape.norm_epsilon)
        self.out = Linear(shape.width, shape.width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: Attend) -> Tensor:
        x = self.into(x)
        for layer in self.layers:
            x = layer(x, cos, sin, attend)
        return self.out(self.norm(x))


class Decoder(nn.Module):
    """Tokens (rows, length) to hidden states (rows, length, width), those of a second tower behind
    the others in the last dimension; `logits` ends the way."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.norm_epsilon)
        self.tower = Tower(shape, dropout) if shape.tower_from else None

    def forward(
        self, tokens: Tensor, positions: Tensor, attend: Attend, dtype: torch.dtype
    ) -> Tensor:
        x = self.embedding(tokens).to(dtype)
        cos, sin = rotary_tables(positions, self.shape, dtype)
        below = x
        for index, layer in enumerate(self.layers):
            if index == self.shape.tower_from:
                below = x
            x = layer(x, cos, sin, attend)
        x = self.norm(x)
        if self.tower is None:
            return x
        return torch.cat((x, self.tower(below, cos, sin, attend)), dim=-1)

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., vocabulary), up to a constant of each row."""
        table = self.embedding.weight.to(hidden.dtype)
        if self.tower is None:
            return functional.linear(hidden, table)
        own, other = (functional.linear(part, table) for part in hidden.chunk(2, dim=-1))
        # The logarithm of the sum of both towers' probabilities.
        return torch.logaddexp(own.float().log_softmax(-1), other.float().log_softmax(-1))


def rotary_tables(positions: Tensor, shape: Shape, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines (rows, length, 1, head_width / 2) of positions (rows, length)."""
    half = shape.head_width // 2
    steps = torch.arange(half, device=positions.device, dtype=torch.float32) / half
    angles = positions[..., None].float() * shape.rotary_base**-steps
    return angles.cos()[:, :, None].to(dtype), angles.sin()[:, :, None].to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the two halves of each head (rows, length, heads, head_width) by its position."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Plain causal attention within each row: the reference, and the way for single prompts."""
    out = functional.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True, enable_gqa=True
    )
    return out.transpose(1, 2)
