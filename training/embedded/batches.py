"""Feeds the training loop: epochs of packed rows, prepared by a few processes ahead of time."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from server.predictors.embedded_prompt import Vocabulary
from training.embedded.encoding import Encoded, Flags
from training.embedded.packing import Dropout, Packed, pack


@dataclass(frozen=True)
class Plan:
    """Which rows this process of several takes, and how they are made."""

    length: int
    rows: int
    seed: int
    rank: int = 0
    world: int = 1
    workers: int = 8
    chunk: int = 16_384
    dropout: Dropout = field(default_factory=Dropout)
    summaries: bool = True
    both_ways: float = 0.0
    masked: float = 0.0
    # So many epochs do without the late examples.
    early_epochs: int = 0


_shared: tuple[Encoded, Vocabulary, Flags] | None = None


def batches(
    encoded: Encoded, vocabulary: Vocabulary, line_starts: Flags, plan: Plan
) -> Iterator[Packed]:
    """Endless batches of exactly `plan.rows` rows; a new order and new contexts each epoch."""
    global _shared
    _shared = encoded, vocabulary, line_starts
    rest = Packed(np.zeros((0, plan.length), np.uint16), np.zeros((0, plan.length), np.uint8))
    # Forked workers share the encoded corpus without a copy; they never touch a GPU.
    with ProcessPoolExecutor(plan.workers, multiprocessing.get_context("fork")) as pool:
        ahead: deque[Future[Packed]] = deque()
        jobs = _jobs(encoded, plan)
        while True:
            while len(ahead) < plan.workers + 2:
                ahead.append(pool.submit(_make, *next(jobs), plan))
            made = ahead.popleft().result()
            rest = Packed(
                np.concatenate([rest.tokens, made.tokens]), np.concatenate([rest.kinds, made.kinds])
            )
            while len(rest.tokens) >= plan.rows:
                yield Packed(rest.tokens[: plan.rows], rest.kinds[: plan.rows])
                rest = Packed(rest.tokens[plan.rows :], rest.kinds[plan.rows :])


def _jobs(encoded: Encoded, plan: Plan) -> Iterator[tuple[int, int]]:
    """(epoch, chunk) of this process; the processes take turns."""
    turn = 0
    for epoch in itertools.count():
        for chunk in range(-(-len(_order(encoded, epoch, plan)) // plan.chunk)):
            if turn % plan.world == plan.rank:
                yield epoch, chunk
            turn += 1


def _order(encoded: Encoded, epoch: int, plan: Plan) -> NDArray[np.int64]:
    """The examples of an epoch, shuffled."""
    early = epoch < plan.early_epochs
    examples = np.flatnonzero(~encoded.late) if early else np.arange(len(encoded))
    return np.random.default_rng((plan.seed, epoch)).permutation(examples)


def _make(epoch: int, chunk: int, plan: Plan) -> Packed:
    assert _shared is not None
    encoded, vocabulary, line_starts = _shared
    order = _order(encoded, epoch, plan)
    indices = order[chunk * plan.chunk : (chunk + 1) * plan.chunk]
    seed = hash((plan.seed, epoch, chunk)) % 2**32
    return pack(
        encoded,
        indices,
        vocabulary,
        plan.dropout,
        seed,
        plan.length,
        summaries=plan.summaries,
        line_starts=line_starts,
        both_ways=plan.both_ways,
        masked=plan.masked,
    )
