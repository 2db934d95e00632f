"""Answers prompts with names: batches, buffers of fixed sizes, and CUDA graphs over them.

What all prompts begin with is read once. A graph is recorded when its sizes are first met: one for
each length (in steps of `BUCKET` tokens) that a single prompt is read at, one for a decoding step
of single prompts and of each class of batch (`batches`). To read a batch takes no graph: it is
bound by arithmetic.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from server.predictors.worker import batches, search
from server.predictors.worker import network as model
from server.predictors.worker.batches import Arena, Batch, Bench
from server.predictors.worker.grammar import Grammar
from server.predictors.worker.network import Cache, Network
from server.predictors.worker.search import Hypothesis
from server.predictors.worker.transfer import Flag, on_device, padded

BUCKET = 64
# The most tokens of a prompt.
LONGEST = 1024
# The most tokens of a batch with its answers: few where memory is short, and more where there is
# plenty; then the most that are read at once, which keeps any GPU busy.
LEAST_BATCH, _BATCH_TOKENS, MOST_BATCH = 1024, 8192, 32_768
READ_TOKENS = 8192


class Stopped(Exception):
    """Nobody waits for the answer any longer."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids, the grammar's state before the name, and the tokens of a name to score."""

    tokens: Sequence[int]
    start: int
    present: Sequence[int] = ()

    @property
    def length(self) -> int:
        """How many tokens are read."""
        return len(self.tokens) + len(self.present)


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
        self._records_batches = self._records
        self._benches: dict[tuple[int, int, int], Bench] = {}
        self._graphs: dict[tuple[int, int, int, int], torch.cuda.CUDAGraph] = {}
        self._pool: Any = None
        self._read_prefix: Cache | None = None
        self._arena: Arena | None = None

    def answer(
        self, prompts: Sequence[Prompt], beams: int, stop: Callable[[], bool] = lambda: False
    ) -> list[list[Hypothesis]]:
        """Up to `beams` hypotheses for each prompt, best first; raises Stopped between steps."""
        return [found for found, _ in self.judge(prompts, beams, stop)]

    @torch.inference_mode()
    def judge(
        self, prompts: Sequence[Prompt], beams: int, stop: Callable[[], bool] = lambda: False
    ) -> list[tuple[list[Hypothesis], float]]:
        """Hypotheses as `answer` gives them, and the log-probability of each present name."""
        if len(prompts) == 1 and not prompts[0].present:
            return [(self._answer_one(prompts[0], beams, stop), 0.0)]
        found: list[tuple[list[Hypothesis], float]] = [([], 0.0) for _ in prompts]
        asked: _Asked | None = None
        for batch in [*self._split(prompts, beams), None]:
            # The next batch is sent before the answers of this one are awaited.
            before, asked = asked, batch and self._ask_batch(prompts, batch, beams, stop)
            if before is not None:
                for index, answer in zip(before.members, before.answers(), strict=True):
                    found[index] = answer
        return found

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
    ) -> list[float]:
        """The log-probability of each prompt's given answer."""
        found = [0.0] * len(prompts)
        asked = [Prompt(prompt, 0, answer) for prompt, answer in zip(prompts, answers, strict=True)]
        for batch in self._split(asked, 0):
            members = [asked[index] for index in batch.members]
            assert self._arena is not None
            _, scores = self._read(members, self._arena.cut(len(members), batch.room))
            for index, score in zip(batch.members, _sums(members, scores), strict=True):
                found[index] = score
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
        self._read_prefix = self._pool = self._arena = None

    def _split(self, prompts: Sequence[Prompt], beams: int) -> list[Batch]:
        """Batches of like length, with the memory for any of them."""
        beside = beams * self.steps
        split = batches.split([prompt.length for prompt in prompts], self.batch_tokens, beside)
        tokens = max((batch.rows * (batch.room + beside) for batch in split), default=0)
        # What is nearly all is all, or a little more would soon be wanted: graphs would be lost.
        self._grow(max(tokens, self.batch_tokens if self.batch_tokens < 2 * tokens else 0))
        return split

    def _grow(self, tokens: int) -> None:
        """Have memory for batches of so many tokens of prompts and answers."""
        if self._arena is None or tokens > self._arena.tokens:
            self._graphs = {key: graph for key, graph in self._graphs.items() if key[0] == 1}
            self._benches = {key: bench for key, bench in self._benches.items() if key[0] == 1}
            if not self._graphs:
                # A pool ends with the last graph in it.
                self._pool = None
            self._arena = None
            self._arena = Arena(self.network, tokens)

    def _answer_one(self, prompt: Prompt, beams: int, stop: Callable[[], bool]) -> list[Hypothesis]:
        """A single prompt: somebody waits for it, so that all of it is recorded."""
        start = self._shared([prompt])
        row = prompt.tokens[start:]
        length = -(-len(row) // BUCKET) * BUCKET
        bench = self._bench_for_one(beams, start + length)
        bench.lengths.fill_(len(prompt.tokens))
        bench.starts.fill_(prompt.start)
        bench.tokens[:, :length].copy_(padded([row], length, self.network.device))
        key = 1, beams, bench.cache.keys.shape[3]

        def begin() -> None:
            tokens = bench.tokens[:, :length]
            wanted = bench.lengths - start - 1
            last = model.read(self.network, tokens, bench.cache, start, wanted)
            self._begin(bench, model.logits(self.network, last))

        self._run((*key, 1 + start * 10_000 + length), begin, self._records)
        for _ in range(self.steps - 1):
            if stop():
                raise Stopped
            if bool(bench.beams.done.all()):
                break
            self._run((*key, 0), lambda: self._step(bench), self._records)
        return search.hypotheses(bench.beams)[0]

    def _ask_batch(
        self, prompts: Sequence[Prompt], batch: Batch, beams: int, stop: Callable[[], bool]
    ) -> _Asked:
        """Have the device answer some of the prompts."""
        if stop():
            raise Stopped
        device = self.network.device
        members = [prompts[index] for index in batch.members]
        count = len(members)
        bench = self._bench(batch, beams)
        dummies = batch.rows - count
        lengths = [*(len(prompt.tokens) for prompt in members), *[1] * dummies]
        starts = [*(prompt.start for prompt in members), *[members[0].start] * dummies]
        cache = Cache(bench.cache.keys[:, :count], bench.cache.values[:, :count])
        last, scores = self._read(members, cache)
        bench.lengths.copy_(on_device(lengths, device))
        bench.starts.copy_(on_device(starts, device))
        self._begin(bench, last)
        key = batch.rows, beams, batch.room, 0
        done = Flag(device)
        for number in range(self.steps - 1):
            if stop():
                raise Stopped
            self._run(key, lambda: self._step(bench), batch.recorded and self._records_batches)
            # Looked at while the next step is under way, so that the device need not wait.
            if number % 2 == 0:
                done.send(bench.beams.done.all())
            elif done.is_set():
                break
        return _Asked(batch.members, members, search.copied(bench.beams), scores)

    def _read(self, prompts: Sequence[Prompt], cache: Cache) -> tuple[Tensor, Tensor]:
        """Read prompts and present names into the cache.

        Scores of all tokens after each prompt, and the log-probabilities of the names' tokens, one
        name after the other.
        """
        start = self._shared(prompts)
        if start:
            prefix = self._prefix_cache()
            cache.keys[:, :, :, :start] = prefix.keys
            cache.values[:, :, :, :start] = prefix.values
        portions = batches.portions([one.length - start for one in prompts], READ_TOKENS)
        # All that the host has to send goes before the work: later it would wait for it.
        sent = [self._sent(prompts[portion], start) for portion in portions]
        after: list[Tensor] = []
        scores: list[Tensor] = []
        for portion, (tokens, wanted, chosen) in zip(portions, sent, strict=True):
            part = Cache(cache.keys[:, portion], cache.values[:, portion])
            stream = model.read(self.network, tokens, part, start, wanted)
            after.append(model.logits(self.network, stream[: len(tokens)]))
            given = torch.log_softmax(model.logits(self.network, stream[len(tokens) :]), dim=-1)
            scores.append(given.gather(1, chosen[:, None])[:, 0])
        return torch.cat(after), torch.cat(scores)

    def _sent(self, prompts: Sequence[Prompt], start: int) -> tuple[Tensor, Tensor, Tensor]:
        """What prompts are from `start` on, on the device.

        Tokens with those of the names; the places whose scores are wanted, that of each prompt's
        last token and then the one before each token of a name; and these tokens.
        """
        device = self.network.device
        rows = [[*prompt.tokens[start:], *prompt.present] for prompt in prompts]
        width = max(map(len, rows))
        ends = [row * width + len(prompt.tokens) - start - 1 for row, prompt in enumerate(prompts)]
        places = [
            end + offset
            for end, prompt in zip(ends, prompts, strict=True)
            for offset in range(len(prompt.present))
        ]
        chosen = [token for prompt in prompts for token in prompt.present]
        tokens = padded(rows, width, device)
        return tokens, on_device([*ends, *places], device), on_device(chosen, device)

    def _begin(self, bench: Bench, scores: Tensor) -> None:
        """Write the first token of each beam; rows that have no scores are done already."""
        search.reset(bench.beams, bench.starts)
        dummies = len(bench.lengths) - len(scores)
        if dummies:
            bench.beams.done[len(scores) :] = True
            scores = functional.pad(scores, (0, 0, 0, dummies))
        beams = bench.beams.history.shape[1]
        search.advance(bench.beams, scores.repeat_interleave(beams, dim=0), self.grammar)

    def _step(self, bench: Bench) -> None:
        """Read the token that each beam wrote and write the next one."""
        state = bench.beams
        places = bench.lengths, state.step, state.owners
        stream = model.go_on(self.network, state.tokens, bench.cache, bench.suffix, places)
        search.advance(state, model.logits(self.network, stream), self.grammar)

    def _run(
        self, key: tuple[int, int, int, int], work: Callable[[], None], recorded: bool
    ) -> None:
        """Do the work, by replaying its graph where it is worth one."""
        graph = self._graphs.get(key) if recorded else None
        if graph is not None:
            graph.replay()
            return
        # Before it is recorded it runs once: kernels are compiled and workspaces taken.
        # That run is the answer; a recording executes nothing.
        work()
        if not recorded:
            return
        torch.cuda.synchronize()
        try:
            self._graphs[key] = self._recorded(work)
        except RuntimeError as error:
            # Slower, not wrong: some operation of this torch cannot be recorded, or its memory
            # is short.
            sys.stderr.write(f"CUDA graphs are not used ({error})\n")
            self._records_batches = False
            if key[0] == 1:
                self._records = False

    def _recorded(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            work()
        return graph

    def _shared(self, prompts: Sequence[Prompt]) -> int:
        """How many tokens at the beginning of these prompts are read already."""
        length = len(self.prefix)
        return length * all(
            len(prompt.tokens) > length and tuple(prompt.tokens[:length]) == self.prefix
            for prompt in prompts
        )

    def _bench_for_one(self, beams: int, room: int) -> Bench:
        """The buffers for single prompts, which they share with nobody."""
        room = max(room, len(self.prefix) + LONGEST)
        key = 1, beams, room
        if key not in self._benches:
            cache = model.new_cache(self.network, 1, room)
            if length := len(self.prefix):
                prefix = self._prefix_cache()
                cache.keys[:, :, :, :length] = prefix.keys
                cache.values[:, :, :, :length] = prefix.values
            suffix = model.new_cache(self.network, beams, self.steps)
            self._benches[key] = batches.new_bench(
                cache, suffix, beams, self.steps, self.network.device
            )
        return self._benches[key]

    def _bench(self, batch: Batch, beams: int) -> Bench:
        """The buffers for a batch; those that a graph was recorded over are kept."""
        key = batch.rows, beams, batch.room
        if key in self._benches:
            return self._benches[key]
        assert self._arena is not None
        bench = batches.new_bench(
            self._arena.cut(batch.rows, batch.room),
            self._arena.cut(batch.rows * beams, self.steps, after=batch.rows * batch.room),
            beams,
            self.steps,
            self.network.device,
        )
        if batch.recorded:
            self._benches[key] = bench
        return bench

    def _prefix_cache(self) -> Cache:
        if self._read_prefix is None:
            cache = model.new_cache(self.network, 1, max(len(self.prefix), 1))
            if self.prefix:
                tokens = torch.tensor([self.prefix], device=self.network.device)
                model.read(self.network, tokens, cache, 0, tokens.new_zeros(1))
            self._read_prefix = cache
        return self._read_prefix


@dataclass(frozen=True, slots=True)
class _Asked:
    """A batch that the device is answering: its indexes and prompts, and where answers will be."""

    members: Sequence[int]
    prompts: Sequence[Prompt]
    beams: search.Beams
    scores: Tensor

    def answers(self) -> list[tuple[list[Hypothesis], float]]:
        """Hypotheses and the present name's log-probability of each prompt, once they are there."""
        found = search.hypotheses(self.beams)[: len(self.prompts)]
        return list(zip(found, _sums(self.prompts, self.scores), strict=True))


def _sums(prompts: Sequence[Prompt], scores: Tensor) -> list[float]:
    """The scores of present names from those of their tokens."""
    each = iter(scores.tolist())
    return [sum(islice(each, len(prompt.present))) for prompt in prompts]
