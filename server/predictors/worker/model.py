"""A base model with its adapter on a device, from settings to names: what the worker serves."""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

import torch

from server.predictors.worker.ahead import reading_ahead
from server.predictors.worker.checkpoint import ModelError, find_folder, open_adapter, open_model
from server.predictors.worker.engine import (
    LEAST_BATCH,
    LONGEST,
    MOST_BATCH,
    READ_TOKENS,
    Engine,
    Prompt,
)
from server.predictors.worker.loading import Mode, load_network
from server.predictors.worker.network import Network
from server.predictors.worker.prompt import Prompts, load_tokenizer
from server.predictors.worker.search import Hypothesis
from server.predictors.worker.shapes import (
    check_weights,
    fit_adapter,
    memory_needed,
    sizes_of,
)
from server.predictors.worker.trial import try_kernels

T = TypeVar("T")

# The most tokens of a name with its end.
STEPS = 12
# How many names are looked for when nobody says otherwise.
BEAMS = 5
# Bytes that batches leave alone, for weights that are restored, for logits and for graphs.
_ASIDE = 1e9
# The lengths of prompts that are prepared for before the first question.
_WARM = (128, 192, 256, 320, 384, 448, 512)


class NoRoom(ModelError):
    """The card's memory does not hold the model now; it may later."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which model, in which form, and where; the values are those of the settings."""

    model: str
    adapter: str
    mode: Mode
    device: str


@dataclass(frozen=True, slots=True)
class Named:
    """A name, its log-probability, and the tokens that spell it."""

    name: str
    log_probability: float


class Model:
    """A loaded model; `beams` is how many names it has prepared to look for at once."""

    def __init__(self, prompts: Prompts, engine: Engine, beams: int) -> None:
        self._beams = beams
        self.prompts = prompts
        self.engine = engine

    def names(
        self,
        texts: Sequence[str],
        prefixes: Sequence[str | None],
        k: int,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[list[Named]]:
        """Up to `k` names for each question's text, best first; raises Stopped."""
        return self.judge(texts, prefixes, k, (), stop)[0]

    def judge(
        self,
        texts: Sequence[str],
        prefixes: Sequence[str | None],
        k: int,
        present: Sequence[str],
        stop: Callable[[], bool] = lambda: False,
    ) -> tuple[list[list[Named]], list[float]]:
        """Names as `names` gives them, and the scores of present names, as `score` gives them.

        Both are of one read of each prompt; `present` is one name for each question, or empty.
        """
        grammar = self.engine.grammar
        rows = self.prompts.rows(texts, present, grammar)
        prompts = [
            Prompt(tokens, grammar.start(prefix), name or ())
            for (tokens, name), prefix in zip(rows, prefixes, strict=True)
        ]
        # More beams are prepared for single prompts only; in a batch each costs its share.
        beams = max(k, self._beams if len(prompts) == 1 else BEAMS)
        judged = self.engine.judge(prompts, beams, stop)
        scores = [score for _, score in judged] if present else []
        apart = [index for index, (_, name) in enumerate(rows) if present and not name]
        if apart:
            others = self.score([texts[index] for index in apart], [present[i] for i in apart])
            for index, score in zip(apart, others, strict=True):
                scores[index] = score
        return [self._named(found)[:k] for found, _ in judged], scores

    def score(self, texts: Sequence[str], names: Sequence[str]) -> list[float]:
        """The log-probability of each question's given name."""
        rows = [
            self.prompts.answer(text, name, self.engine.grammar)
            for text, name in zip(texts, names, strict=True)
        ]
        return self.engine.score([prompt for prompt, _ in rows], [answer for _, answer in rows])

    def with_less_memory(self, ask: Callable[[], T]) -> T:
        """Answer; where the memory is short, in small batches, and then from shorter prompts.

        Batches stay a little smaller: others use the card as well, or it holds less than it said.
        """
        try:
            return ask()
        except Exception as error:
            if not out_of_memory(error):
                raise
        batch, longest = self.engine.batch_tokens, self.prompts.longest
        try:
            self._free(max(batch // 8, LEAST_BATCH))
            try:
                return ask()
            except Exception as error:
                if not out_of_memory(error):
                    raise
            self._free(LEAST_BATCH)
            self.prompts.longest = longest // 4
            return ask()
        finally:
            self.prompts.longest = longest
            self.engine.batch_tokens = min(batch, max(LEAST_BATCH, 3 * batch // 4))

    def _free(self, batch_tokens: int) -> None:
        """Give back what buffers and graphs hold, and take less from now on."""
        self.engine.release()
        if self.engine.network.device.type == "cuda":
            torch.cuda.empty_cache()
        self.engine.batch_tokens = batch_tokens

    def _named(self, found: Sequence[Hypothesis]) -> list[Named]:
        best: dict[str, float] = {}
        for one in found:
            name = self.engine.grammar.name(one.tokens)
            if one.ended and name.isidentifier() and name.strip("_"):
                best[name] = max(best.get(name, float("-inf")), one.log_probability)
        ordered = sorted(best.items(), key=lambda pair: -pair[1])
        return [Named(name, score) for name, score in ordered]


def load_model(
    wanted: Wanted,
    progress: Callable[[str, float], None],
    steps: int = STEPS,
    beams: int = BEAMS,
) -> Model:
    """Load what is wanted; raises ModelError when it cannot be used.

    `progress` hears what is being done and the share of it (0 to 1).
    """
    base = open_model(find_folder(wanted.model, "model"))
    sizes = sizes_of(base)
    check_weights(base, sizes)
    adapter = open_adapter(find_folder(wanted.adapter, "adapter")) if wanted.adapter else None
    matrices = {} if adapter is None else fit_adapter(adapter, base, sizes)
    device = choose_device(wanted.device)
    _check_room(memory_needed(sizes, adapter, wanted.mode), device)
    folders = [base.folder] if adapter is None else [adapter.folder, base.folder]
    try:
        files = dict.fromkeys(entry.path for entry in base.tensors.values())
        # transformers alone takes seconds to import, in which the weights can be read.
        with reading_ahead(files), ThreadPoolExecutor(1) as beside:
            if device.type == "cuda" or wanted.mode == "memory":
                # bitsandbytes and, under transformers, torchvision import it. Its modules import
                # one another: of two threads that begin at once, one gets a half.
                import_module("torch._dynamo")
            tokenizer = beside.submit(load_tokenizer, folders)
            network = load_network(
                base, sizes, adapter, matrices, wanted.mode, device, kind_for(device),
                LONGEST + 128, lambda share: progress("loading the weights", share),
            )  # fmt: skip
            try_kernels(network)
            prompts = Prompts(tokenizer.result(), LONGEST)
        grammar = prompts.grammar(sizes.vocabulary)
        engine = Engine(network, grammar, prompts.prefix, steps)
        if device.type == "cuda":
            done = iter(range(1, len(_WARM) + 1))
            engine.warm(
                beams, _WARM, lambda: progress("preparing the GPU", next(done) / len(_WARM))
            )
            torch.cuda.empty_cache()
            engine.batch_tokens = _batch_tokens(network, device)
    except Exception as error:
        if out_of_memory(error):
            raise _no_room(memory_needed(sizes, adapter, wanted.mode), device) from error
        raise
    return Model(prompts, engine, beams)


def describe(model: Model) -> str:
    """Where a model runs, for people."""
    device = model.engine.network.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def out_of_memory(error: BaseException) -> bool:
    """Whether the card's (or the machine's) memory was too small."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError))


def _check_room(needed: int, device: torch.device) -> None:
    if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] < needed:
        raise _no_room(needed, device)


def _batch_tokens(network: Network, device: torch.device) -> int:
    """The most tokens of a batch, answers among them, on a card with so much memory left."""
    shape = network.shape
    item = network.kind.itemsize
    each = 2 * shape.layers * shape.key_heads * shape.size * item
    free, total = torch.cuda.mem_get_info(device)
    allowed = torch.cuda.get_per_process_memory_fraction(device) * total
    free = min(free, allowed - torch.cuda.memory_reserved(device))
    # What one layer makes of the tokens that are read at once, the stream in float32.
    reading = READ_TOKENS * (item * (3 * shape.inner + 8 * shape.width) + 8 * shape.width)
    return int(min(max((free - reading - _ASIDE) / each, LEAST_BATCH), MOST_BATCH))


def _no_room(needed: int, device: torch.device) -> NoRoom:
    if device.type != "cuda":
        return NoRoom(f"the model needs about {needed / 1e9:.1f} GB of memory; use a smaller one")
    free, total = torch.cuda.mem_get_info(device)
    return NoRoom(
        f"the model needs about {needed / 1e9:.1f} GB of the GPU's memory and {free / 1e9:.1f} of"
        f" {total / 1e9:.1f} GB are free; close what else uses the card, or set transformers.mode"
        " to memory"
    )


def choose_device(name: str) -> torch.device:
    """The device of a setting; `auto` is the GPU with the most free memory.

    Raises ModelError when there is none.
    """
    if name != "auto" and not name.startswith("cuda"):
        if name != "cpu":
            raise ModelError(f"transformers.device {name}: give auto, cpu, cuda or cuda:1")
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ModelError(
            "no CUDA GPU can be used here (no driver, or torch without CUDA); install the driver,"
            " or set transformers.device to cpu"
        )
    count = torch.cuda.device_count()
    if name == "auto":
        free = [torch.cuda.mem_get_info(index)[0] for index in range(count)]
        return torch.device("cuda", free.index(max(free)))
    index = name.partition(":")[2] or "0"
    if not index.isdigit() or int(index) >= count:
        raise ModelError(
            f"transformers.device {name}: this machine has {count} GPU(s), from cuda:0"
        )
    return torch.device("cuda", int(index))


def kind_for(device: torch.device) -> torch.dtype:
    """What to compute in: bfloat16 on GPUs that have it, float32 on a processor."""
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
