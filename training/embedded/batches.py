"""Feeds the training loop: epochs of packed rows, prepared by a few processes ahead of time."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from server.predictors.embedded_prompt import Vocabulary
from training.embedded.packing import Dropout, Encoded, Packed, pack


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


_shared: tuple[Encoded, Vocabulary] | None = None


def batches(encoded: Encoded, vocabulary: Vocabulary, plan: Plan) -> Iterator[Packed]:
    """Endless batches of exactly `plan.rows` rows; a new order and new contexts each epoch."""
    global _shared
    _shared = encoded, vocabulary
    rest = Packed(np.zeros((0, plan.length), np.uint16), np.zeros((0, plan.length), np.uint8))
    # Forked workers share the encoded corpus without a copy; they never touch a GPU.
    with ProcessPoolExecutor(plan.workers, multiprocessing.get_context("fork")) as pool:
        ahead: deque[Future[Packed]] = deque()
        jobs = _jobs(len(encoded), plan)
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


def _jobs(count: int, plan: Plan) -> Iterator[tuple[int, int]]:
    chunks = -(-count // plan.chunk)
    epoch = 0
    while True:
        for chunk in range(chunks):
            if (epoch * chunks + chunk) % plan.world == plan.rank:
                yield epoch, chunk
        epoch += 1


def _make(epoch: int, chunk: int, plan: Plan) -> Packed:
    assert _shared is not None
    encoded, vocabulary = _shared
    order = np.random.default_rng((plan.seed, epoch)).permutation(len(encoded))
    indices = order[chunk * plan.chunk : (chunk + 1) * plan.chunk].astype(np.int64)
    seed = hash((plan.seed, epoch, chunk)) % 2**32
    return pack(
        encoded, indices, vocabulary, plan.dropout, seed, plan.length, summaries=plan.summaries
    )
