"""How many prompts are read and answered together, and the memory that all batches share.

A batch has a class: how much room each of its prompts has, of a few sizes, and thereby how many of
them fit. So a CUDA graph recorded for one batch serves others; what lacks is filled with dummies.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from server.predictors.worker import search
from server.predictors.worker.network import Cache, Network

# Tokens of a prompt with its name. Finer classes would hold more prompts in the same memory, and
# each costs a graph.
_ROOMS = (128, 160, 192, 224, 256, 320, 448, 640, 1152)
# More rows than this are no faster: the arithmetic is what takes the time.
_MOST = 128


@dataclass(frozen=True, slots=True)
class Batch:
    """Indexes of prompts of like length, the room of each, and how many rows answer them."""

    members: tuple[int, ...]
    room: int
    rows: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class Bench:
    """Buffers of one size of batch; everything a graph reads and writes lies here."""

    cache: Cache
    suffix: Cache
    lengths: Tensor
    starts: Tensor
    tokens: Tensor
    beams: search.Beams


def split(lengths: Sequence[int], most_tokens: int) -> list[Batch]:
    """Batches of prompts of these lengths, the longest first; none is left with a small rest."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches: list[Batch] = []
    while order:
        longest = lengths[order[0]]
        room = next((room for room in _ROOMS if room >= longest), longest)
        full = max(1, min(_MOST, most_tokens // room))
        share = -(-len(order) // -(-len(order) // full))
        members, order = order[:share], order[share:]
        # Few prompts do not pay for a graph, nor for the dummies that it takes.
        recorded = 2 * len(members) > full > 1
        batches.append(Batch(tuple(members), room, full if recorded else len(members), recorded))
    return batches


def most_rows(most_tokens: int) -> int:
    """How many prompts the largest batch holds."""
    return min(_MOST, most_tokens // _ROOMS[0])


def new_bench(cache: Cache, suffix: Cache, beams: int, steps: int, device: torch.device) -> Bench:
    """A bench over these keys and values."""
    questions, room = cache.keys.shape[1], cache.keys.shape[3]
    return Bench(
        cache,
        suffix,
        torch.ones(questions, dtype=torch.int64, device=device),
        torch.zeros(questions, dtype=torch.int64, device=device),
        torch.zeros((questions, room), dtype=torch.int64, device=device),
        search.new_beams(questions, beams, steps, device),
    )


class Arena:
    """Keys and values of whichever batch is being read: one stretch of memory for each layer."""

    def __init__(self, network: Network, tokens: int) -> None:
        shape = network.shape
        self.tokens = tokens
        self._heads, self._size = shape.key_heads, shape.size
        numbers = shape.layers, tokens * shape.key_heads * shape.size
        self._keys = torch.zeros(numbers, dtype=network.kind, device=network.device)
        self._values = torch.zeros_like(self._keys)

    def cut(self, sequences: int, room: int) -> Cache:
        """A cache within it; what others wrote there is finite, and masked."""
        count = sequences * room * self._heads * self._size
        keys, values = (
            part[:, :count].view(-1, sequences, self._heads, room, self._size)
            for part in (self._keys, self._values)
        )
        return Cache(keys, values)
