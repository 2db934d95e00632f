"""Answers prompts with names: batches, buffers of fixed sizes, and CUDA graphs over them.

What all prompts begin with is read once. A graph is recorded when its sizes are first met: one for
each length (in steps of `BUCKET` tokens) that a prompt is read at, one for a decoding step.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from server.predictors.worker import network as model
from server.predictors.worker import search
from server.predictors.worker.grammar import Grammar
from server.predictors.worker.network import Cache, Network
from server.predictors.worker.search import Hypothesis

BUCKET = 64
# The most tokens of a prompt, and of a batch of prompts with their padding.
LONGEST = 1024
_BATCH_TOKENS = 8192
_BATCH = 64
# Larger batches are bound by arithmetic: a graph would save them nothing.
_RECORDED = 1


class Stopped(Exception):
    """Nobody waits for the answer any longer."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids, and the grammar's state before the name."""

    tokens: Sequence[int]
    start: int


@dataclass(frozen=True, slots=True)
class _Bench:
    """Buffers of one size of batch; everything a graph reads and writes lies here."""

    cache: Cache
    suffix: Cache
    lengths: Tensor
    starts: Tensor
    tokens: Tensor
    beams: search.Beams


class Engine:
    """A network with a grammar; `prefix` is what every prompt begins with, `steps` the most tokens
    of an answer. `records` whether CUDA graphs are used where there is a GPU."""

    def __init__(
        self,
        network: Network,
        grammar: Grammar,
        prefix: Sequence[int],
        steps: int,
        records: bool = True,
        batch_tokens: int = _BATCH_TOKENS,
    ) -> None:
        self.network = network
        self.grammar = grammar.to(network.device)
        self.prefix = tuple(prefix)
        self.steps = steps
        self.batch_tokens = batch_tokens
        self._records = records and network.device.type == "cuda"
        self._benches: dict[tuple[int, int, int], _Bench] = {}
        self._graphs: dict[tuple[int, int, int, int], torch.cuda.CUDAGraph] = {}
        self._pool: Any = None
        self._read_prefix: Cache | None = None

    @torch.inference_mode()
    def answer(
        self, prompts: Sequence[Prompt], beams: int, stop: Callable[[], bool] = lambda: False
    ) -> list[list[Hypothesis]]:
        """Up to `beams` hypotheses for each prompt, best first; raises Stopped between steps."""
        found: list[list[Hypothesis]] = [[] for _ in prompts]
        for batch in self._batches(prompts):
            answers = self._answer([prompts[index] for index in batch], beams, stop)
            for index, answer in zip(batch, answers, strict=True):
                found[index] = answer
        return found

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
    ) -> list[float]:
        """The log-probability of each prompt's given answer."""
        found = [0.0] * len(prompts)
        whole = [
            Prompt((*prompt, *answer), 0) for prompt, answer in zip(prompts, answers, strict=True)
        ]
        for batch in self._batches(whole):
            rows = [whole[index].tokens for index in batch]
            length = max(map(len, rows))
            cache = model.new_cache(self.network, len(batch), length)
            tokens = self._padded(rows, length)
            stream = model.read(self.network, tokens, cache, 0)
            for row, index in enumerate(batch):
                answer = torch.tensor(answers[index], device=stream.device)
                first = len(prompts[index]) - 1
                scores = model.logits(self.network, stream[row, first : first + len(answer)])
                chosen = torch.log_softmax(scores, dim=-1).gather(1, answer[:, None])
                found[index] = float(chosen.sum())
        return found

    def warm(self, beams: int, lengths: Sequence[int], advance: Callable[[], None]) -> None:
        """Answer prompts of each length once, so that kernels and graphs are there."""
        for length in lengths:
            room = max(length - len(self.prefix), 1)
            self.answer([Prompt((*self.prefix, *[1] * room), self.grammar.start(None))], beams)
            advance()

    def release(self) -> None:
        """Forget buffers and graphs."""
        self._graphs.clear()
        self._benches.clear()
        self._read_prefix = self._pool = None

    def _batches(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Indexes of prompts of like length that fit one batch together."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].tokens))
        batches: list[list[int]] = []
        for index in order:
            length = _rounded(len(prompts[index].tokens)) + BUCKET
            last = batches[-1] if batches else []
            if not last or len(last) >= _BATCH or (len(last) + 1) * length > self.batch_tokens:
                batches.append([])
            batches[-1].append(index)
        return batches

    def _answer(
        self, prompts: Sequence[Prompt], beams: int, stop: Callable[[], bool]
    ) -> list[list[Hypothesis]]:
        shared = all(
            tuple(prompt.tokens[: len(self.prefix)]) == self.prefix
            and len(prompt.tokens) > len(self.prefix)
            for prompt in prompts
        )
        start = len(self.prefix) if shared else 0
        rows = [prompt.tokens[start:] for prompt in prompts]
        length = _rounded(max(map(len, rows)))
        bench = self._bench(len(prompts), beams, start + length)
        bench.lengths.copy_(torch.tensor([len(prompt.tokens) for prompt in prompts]))
        bench.starts.copy_(torch.tensor([prompt.start for prompt in prompts]))
        bench.tokens[:, :length].copy_(self._padded(rows, length))
        key = len(prompts), beams, bench.tokens.shape[1]
        self._run((*key, 1 + start * 10_000 + length), lambda: self._begin(bench, start, length))
        for _ in range(self.steps - 1):
            if stop():
                raise Stopped
            if bool(bench.beams.done.all()):
                break
            self._run((*key, 0), lambda: self._step(bench))
        return search.hypotheses(bench.beams)

    def _begin(self, bench: _Bench, start: int, length: int) -> None:
        """Read the prompts and write the first token of each beam."""
        search.reset(bench.beams, bench.starts)
        stream = model.read(self.network, bench.tokens[:, :length], bench.cache, start)
        ends = bench.lengths - start - 1
        last = stream[torch.arange(len(ends), device=ends.device), ends]
        scores = model.logits(self.network, last)
        beams = bench.beams.history.shape[1]
        search.advance(bench.beams, scores.repeat_interleave(beams, dim=0), self.grammar, ())

    def _step(self, bench: _Bench) -> None:
        """Read the token that each beam wrote and write the next one."""
        state = bench.beams
        stream = model.go_on(
            self.network, state.tokens, bench.cache, bench.suffix, bench.lengths, state.step
        )
        scores = model.logits(self.network, stream)
        suffix = bench.suffix.keys, bench.suffix.values
        search.advance(state, scores, self.grammar, suffix)

    def _run(self, key: tuple[int, int, int, int], work: Callable[[], None]) -> None:
        """Do the work, by replaying its graph where it is worth one."""
        if not self._records or key[0] > _RECORDED:
            work()
            return
        graph = self._graphs.get(key)
        if graph is None:
            # Before it is recorded it runs once: kernels are compiled and workspaces taken.
            # That run is the answer; a recording executes nothing.
            work()
            torch.cuda.synchronize()
            try:
                self._graphs[key] = self._recorded(work)
            except RuntimeError as error:
                # Slower, not wrong: some operation of this torch cannot be recorded.
                sys.stderr.write(f"CUDA graphs are not used ({error})\n")
                self._records = False
        else:
            graph.replay()

    def _recorded(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            work()
        return graph

    def _bench(self, questions: int, beams: int, room: int) -> _Bench:
        """The buffers for a batch; single questions keep theirs, others are made anew."""
        single = questions <= _RECORDED
        room = max(room, len(self.prefix) + LONGEST) if single else room
        key = questions, beams, room
        if key in self._benches:
            return self._benches[key]
        device = self.network.device
        cache = model.new_cache(self.network, questions, room)
        prefix = self._prefix_cache()
        length = len(self.prefix)
        if length:
            cache.keys[:, :, :, :length] = prefix.keys
            cache.values[:, :, :, :length] = prefix.values
        bench = _Bench(
            cache,
            model.new_cache(self.network, questions * beams, self.steps),
            torch.zeros(questions, dtype=torch.int64, device=device),
            torch.zeros(questions, dtype=torch.int64, device=device),
            torch.zeros((questions, room), dtype=torch.int64, device=device),
            search.new_beams(questions, beams, self.steps, device),
        )
        if single:
            self._benches[key] = bench
        return bench

    def _prefix_cache(self) -> Cache:
        if self._read_prefix is None:
            cache = model.new_cache(self.network, 1, max(len(self.prefix), 1))
            if self.prefix:
                tokens = torch.tensor([self.prefix], device=self.network.device)
                model.read(self.network, tokens, cache, 0)
            self._read_prefix = cache
        return self._read_prefix

    def _padded(self, rows: Sequence[Sequence[int]], length: int) -> Tensor:
        padded = [[*row, *[0] * (length - len(row))] for row in rows]
        return torch.tensor(padded).to(self.network.device)


def _rounded(length: int) -> int:
    return -(-length // BUCKET) * BUCKET
