"""Feeds the training loop: epochs of packed rows, prepared by a few processes ahead of time."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.predictors.embedded_prompt import Vocabulary
from training.embedded.encoding import Encoded, Flags
from training.embedded.packing import Packed, pack
from training.embedded.recipe import PackingRecipe


@dataclass(frozen=True)
class Plan:
    """How rows are made, and which of them this process of several takes."""

    packing: PackingRecipe
    seed: int
    rank: int = 0
    world: int = 1
    chunk: int = 16_384


_Shared = tuple[Encoded, Vocabulary, Flags, NDArray[np.float64] | None]
_shared: _Shared | None = None


def batches(
    encoded: Encoded, vocabulary: Vocabulary, line_starts: Flags, plan: Plan
) -> Iterator[Packed]:
    """Endless batches of as many rows as a step has; a new order and new contexts each epoch."""
    global _shared
    packing, rows = plan.packing, plan.packing.rows
    shares = shares_of(encoded, packing.frequent_above)
    _shared = encoded, vocabulary, line_starts, shares
    rest = Packed(np.zeros((0, packing.length), np.uint16), np.zeros((0, packing.length), np.uint8))
    # Forked workers share the encoded corpus without a copy; they never touch a GPU.
    with ProcessPoolExecutor(packing.workers, multiprocessing.get_context("fork")) as pool:
        ahead: deque[Future[Packed]] = deque()
        jobs = _jobs(encoded, plan, shares)
        while True:
            while len(ahead) < packing.workers + 2:
                ahead.append(pool.submit(_make, *next(jobs), plan))
            made = ahead.popleft().result()
            rest = Packed(
                np.concatenate([rest.tokens, made.tokens]), np.concatenate([rest.kinds, made.kinds])
            )
            while len(rest.tokens) >= rows:
                yield Packed(rest.tokens[:rows], rest.kinds[:rows])
                rest = Packed(rest.tokens[rows:], rest.kinds[rows:])


def _jobs(
    encoded: Encoded, plan: Plan, shares: NDArray[np.float64] | None
) -> Iterator[tuple[int, int]]:
    """(epoch, chunk) of this process; the processes take turns."""
    turn = 0
    for epoch in itertools.count():
        for chunk in range(-(-len(order(encoded, epoch, plan, shares)) // plan.chunk)):
            if turn % plan.world == plan.rank:
                yield epoch, chunk
            turn += 1


def order(
    encoded: Encoded, epoch: int, plan: Plan, shares: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    """The examples of an epoch, shuffled; each takes part as often as its share (count,) says."""
    early = epoch < plan.packing.early_epochs
    examples = np.flatnonzero(~encoded.late) if early else np.arange(len(encoded))
    random = np.random.default_rng((plan.seed, epoch))
    if shares is not None:
        examples = examples[random.random(len(examples)) < shares[examples]]
    return random.permutation(examples)


def shares_of(encoded: Encoded, above: int) -> NDArray[np.float64] | None:
    """How often each example takes part: sqrt(above / count) where more than `above` have its name
    (subsampling of frequent words, arXiv 1310.4546); None for always."""
    if not above:
        return None
    answers = encoded.columns["answer"]
    names = [answers[place].tobytes() for place in range(len(answers))]
    counts = Counter(names)
    return np.array([min(1.0, (above / counts[name]) ** 0.5) for name in names])


def _make(epoch: int, chunk: int, plan: Plan) -> Packed:
    assert _shared is not None
    encoded, vocabulary, line_starts, shares = _shared
    drawn = order(encoded, epoch, plan, shares)
    indices = drawn[chunk * plan.chunk : (chunk + 1) * plan.chunk]
    seed = hash((plan.seed, epoch, chunk)) % 2**32
    packing = plan.packing
    return pack(
        encoded,
        indices,
        vocabulary,
        packing.dropout,
        seed,
        packing.length,
        summaries=packing.summaries,
        line_starts=line_starts,
        both_ways=packing.both_ways,
        masked=packing.masked,
    )
