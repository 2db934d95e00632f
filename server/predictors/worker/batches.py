"""How many prompts are answered together, how many of them are read, and the memory all share.

A batch has a class: how much room each of its prompts has, of a few sizes, and thereby how many of
them fit. So a CUDA graph recorded for one batch serves others; what lacks is filled with dummies.
A step of an answer reads all weights, so that a batch is as large as the memory allows. To read
its prompts is bound by arithmetic, and done in smaller portions.
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
_ROOMS = (96, 128, 160, 192, 224, 256, 320, 384, 448, 544, 640, 800, 1024)
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


def split(lengths: Sequence[int], most_tokens: int, beside: int) -> list[Batch]:
    """Batches of prompts of these lengths, the longest first; none is left with a small rest.

    A batch has memory for `most_tokens`, of which each prompt's answers take `beside`.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches: list[Batch] = []
    while order:
        longest = lengths[order[0]]
        room = next((room for room in _ROOMS if room >= longest), longest)
        full = max(1, min(_MOST, most_tokens // (room + beside)))
        share = -(-len(order) // -(-len(order) // full))
        members, order = order[:share], order[share:]
        # Few prompts do not pay for a graph, nor for the dummies that it takes.
        recorded = 2 * len(members) > full > 1
        batches.append(Batch(tuple(members), room, full if recorded else len(members), recorded))
    return batches


def portions(lengths: Sequence[int], most_tokens: int) -> list[slice]:
    """Neighbours among these lengths that together, padded, have at most so many tokens."""
    found: list[slice] = []
    start = longest = 0
    for index, length in enumerate(lengths):
        longest = max(longest, length)
        if index > start and longest * (index + 1 - start) > most_tokens:
            found.append(slice(start, index))
            start, longest = index, length
    if lengths:
        found.append(slice(start, len(lengths)))
    return found


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
    """Keys and values of whichever batch is under way: one stretch of memory for each layer."""

    def __init__(self, network: Network, tokens: int) -> None:
        shape = network.shape
        self.tokens = tokens
        self._heads, self._size = shape.key_heads, shape.size
        numbers = shape.layers, tokens * shape.key_heads * shape.size
        self._keys = torch.zeros(numbers, dtype=network.kind, device=network.device)
        self._values = torch.zeros_like(self._keys)

    def cut(self, sequences: int, room: int, after: int = 0) -> Cache:
        """A cache within it, `after` so many tokens; what others wrote is finite, and masked."""
        each = self._heads * self._size
        start, end = after * each, (after + sequences * room) * each
        keys, values = (
            part[:, start:end].view(-1, sequences, self._heads, room, self._size)
            for part in (self._keys, self._values)
        )
        return Cache(keys, values)
