"""What `gpu_latency` measures, one stage in a process: ours in both modes, `generate`, audits,
the agreement of the two, the kernels and the hardware's floor.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.gpu_inputs import audited, long_prompts

if TYPE_CHECKING:
    from server.predictors.worker.loading import Mode

BEAMS, STEPS = 5, 8


@dataclass(frozen=True)
class Place:
    """What every stage is told."""

    folder: Path
    device: str
    limit: float
    tokens: int
    repeats: int
    prompts: int

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"


def say(text: str) -> None:
    """A line with the time of day."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def _load(place: Place, mode: Mode, steps: int = STEPS) -> Any:
    from server.predictors.worker.model import Wanted, load_model

    last = [""]
    begun = time.perf_counter()

    def progress(what: str, share: float) -> None:
        if what != last[0]:
            say(f"{time.perf_counter() - begun:.2f} s: {what}")
            last[0] = what

    wanted = Wanted(str(place.base), str(place.adapter), mode, place.device)
    model = load_model(wanted, progress, steps)
    say(f"{time.perf_counter() - begun:.2f} s: loaded")
    return model


def _first(mode: Mode) -> Callable[[Place], dict[str, Any]]:
    """A fresh process: imports, loading, the first answer."""

    def stage(place: Place) -> dict[str, Any]:
        model = _load(place, mode)
        model.engine.answer(long_prompts(model, 1, place.tokens), BEAMS)
        return _memory()

    return stage


def _ours(mode: Mode) -> Callable[[Place], dict[str, Any]]:
    def stage(place: Place) -> dict[str, Any]:
        model = _load(place, mode)
        result = _latency(
            lambda prompt: model.engine.answer([prompt], BEAMS),
            long_prompts(model, place.repeats, place.tokens),
        )
        result |= _memory()
        say(json.dumps(result))
        if place.device.startswith("cuda"):
            result |= _graphs(model)
            prompts = long_prompts(model, 1, place.tokens)
            _profile(lambda: model.engine.answer(prompts, BEAMS))
        return result

    return stage


def _latency(ask: Callable[[Any], object], prompts: Sequence[Any]) -> dict[str, Any]:
    for prompt in prompts[:5]:
        ask(prompt)
    taken: list[float] = []
    for prompt in prompts:
        begun = time.perf_counter()
        ask(prompt)
        taken.append(1000 * (time.perf_counter() - begun))
    taken.sort()
    return {
        "p50_ms": round(taken[len(taken) // 2], 2),
        "p95_ms": round(taken[int(0.95 * len(taken))], 2),
        "n": len(taken),
        "prompt_tokens": len(prompts[0].tokens),
    }


def _memory() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {}
    free, total = torch.cuda.mem_get_info()
    return {
        "allocated_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
        "reserved_gb": round(torch.cuda.max_memory_reserved() / 1e9, 2),
        "card_gb": round((total - free) / 1e9, 2),
    }


def _graphs(model: Any) -> dict[str, Any]:
    """Milliseconds of each recorded graph."""
    import torch

    result: dict[str, Any] = {}
    for key, graph in model.engine._graphs.items():
        start, length = divmod(max(key[3] - 1, 0), 10_000)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        taken = 0.0
        for _ in range(10):
            # Each replay writes a token; past the last there is no room for one.
            with torch.inference_mode():
                model.engine._benches[key[:3]].beams.step.fill_(1)
                # A graph that reads short prompts finds no end of the last one.
                if length:
                    model.engine._benches[key[:3]].lengths.fill_(start + length)
            begin.record()
            graph.replay()
            end.record()
            torch.cuda.synchronize()
            taken += begin.elapsed_time(end)
        name = f"read_{length}" if length else "step"
        result[f"{name}_ms"] = round(taken / 10, 3)
    return result


def _profile(work: Callable[[], object]) -> None:
    """Where the time of some work goes, by kernel, and for how long the card waited."""
    import torch

    try:
        torch.cuda.synchronize()
        begun = time.perf_counter()
        work()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            work()
            torch.cuda.synchronize()
        events = [
            event for event in profile.key_averages() if getattr(event, "self_device_time_total", 0)
        ]
        events.sort(key=lambda event: -event.self_device_time_total)
        busy = sum(event.self_device_time_total for event in events) / 1e6
        print(f"{seconds:.3f} s, of which the card works {busy:.3f}")
        for event in events[:26]:
            print(f"{event.self_device_time_total / 1e3:8.3f} ms {event.count:6} {event.key[:90]}")
    except Exception as error:
        print(f"no profile: {error}")


def _throughput(mode: Mode) -> Callable[[Place], dict[str, Any]]:
    """Functions of the standard library with their names, as `audit` asks about them."""

    def stage(place: Place) -> dict[str, Any]:
        from server.predictors.transformers import TOGETHER

        model = _load(place, mode)
        cuda = place.device.startswith("cuda")
        judged = audited(1024 if cuda else 16)
        result: dict[str, Any] = {"n": len(judged)}
        # In the first pass graphs are recorded, of which an audit of a large project sees little.
        for name in ("first_pass", "functions"):
            seconds = _audit(model, judged)
            result[f"{name}_per_second"] = round(len(judged) / sum(seconds), 1)
        # From the message with the shortest functions to that with the longest.
        result["seconds"] = [round(each, 2) for each in seconds]
        texts = [subject.question.text for subject in judged]
        rows = model.prompts.rows(
            texts, [subject.function.name for subject in judged], model.engine.grammar
        )
        read = sum(len(prompt) + len(name or ()) for prompt, name in rows)
        result["tokens_each"] = round(read / len(rows)) - len(model.engine.prefix)
        result |= {"prefix_tokens": len(model.engine.prefix)} | _memory()
        if cuda:
            say(json.dumps(result))
            # Of prompts neither short nor long, then of the longest.
            for some in (judged[len(judged) // 2 :][:TOGETHER], judged[-TOGETHER:]):
                _profile(partial(_audit, model, some))
        return result

    return stage


def _audit(model: Any, judged: Sequence[Any]) -> list[float]:
    """Names and the present names' scores, in one message after the other; seconds of each."""
    from server.auditing.misfits import ASKED
    from server.predictors.transformers import TOGETHER

    taken: list[float] = []
    for start in range(0, len(judged), TOGETHER):
        batch = judged[start : start + TOGETHER]
        begun = time.perf_counter()
        model.judge(
            [subject.question.text for subject in batch],
            [subject.question.prefix for subject in batch],
            ASKED,
            [subject.function.name for subject in batch],
        )
        taken.append(time.perf_counter() - begun)
    return taken


def _transformers(place: Place) -> Any:
    """The same base and adapter as transformers, PEFT and bitsandbytes serve them."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from server.predictors.worker.model import kind_for

    device = torch.device(place.device)
    kind = kind_for(device)
    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=kind,
    )
    model = AutoModelForCausalLM.from_pretrained(
        str(place.base), quantization_config=quantised, dtype=kind, device_map={"": device}
    )
    return PeftModel.from_pretrained(model, str(place.adapter)).eval()


def _tokens_only(place: Place) -> Any:
    """Prompts and grammar without the weights."""
    from types import SimpleNamespace

    from server.predictors.worker.engine import LONGEST
    from server.predictors.worker.prompt import Prompts, load_tokenizer

    prompts = Prompts(load_tokenizer([place.base]), LONGEST)
    size = json.loads((place.base / "config.json").read_text())["vocab_size"]
    return SimpleNamespace(prompts=prompts, engine=SimpleNamespace(grammar=prompts.grammar(size)))


def _generate(place: Place) -> dict[str, Any]:
    import torch

    from benchmarks import gpu_reference

    model = _transformers(place)
    tokens = _tokens_only(place)
    grammar = tokens.engine.grammar.to(torch.device(place.device))
    with torch.inference_mode():
        result = _latency(
            lambda prompt: gpu_reference.generate(model, prompt, grammar, BEAMS, STEPS),
            long_prompts(tokens, max(place.repeats // 5, 2), place.tokens),
        )
    return result | _memory()


def _agreement(place: Place) -> dict[str, Any]:
    """Ours and `generate` on the same weights: in float32, and as they are served."""
    import torch

    from benchmarks import gpu_reference
    from server.predictors.worker.engine import Engine

    if place.device.startswith("cuda"):
        # Weights in float32 are the measure here, not the 24 GB.
        torch.cuda.set_per_process_memory_fraction(1.0)
    model = _load(place, "memory")
    prompts = long_prompts(model, place.prompts, place.tokens)
    grammar = model.engine.grammar = gpu_reference.comparable(model.engine.grammar)
    served = [model.engine.answer([prompt], BEAMS)[0] for prompt in prompts]
    batched = model.engine.answer(prompts, BEAMS)
    say(f"served: {len(served)} prompts")
    plain = gpu_reference.in_float32(model.engine.network)
    engine = Engine(plain, grammar, model.engine.prefix, STEPS)
    ours = [engine.answer([prompt], BEAMS)[0] for prompt in prompts]
    engine.release()
    say("ours in float32")
    reference = gpu_reference.as_transformers(place.base, plain)
    with torch.inference_mode():
        theirs = [
            gpu_reference.generate(reference, prompt, grammar, BEAMS, STEPS) for prompt in prompts
        ]
    say("generate in float32")
    compare = gpu_reference.compare
    told = {
        "float32": compare(ours, theirs).told(),
        "memory mode against float32": compare(served, theirs).told(),
        "memory mode in batches against single": compare(batched, served).told(),
    }
    for name, line in told.items():
        say(f"{name}: {line}")
    del reference, engine, plain, model
    if place.device.startswith("cuda"):
        torch.cuda.empty_cache()
    quantised = _transformers(place)
    few = prompts[: max(len(prompts) // 2, 1)]
    with torch.inference_mode():
        rounded = [
            gpu_reference.generate(quantised, prompt, grammar, BEAMS, STEPS) for prompt in few
        ]
    told["generate in NF4 against float32"] = compare(rounded, theirs[: len(few)]).told()
    told["memory mode against generate in NF4"] = compare(served[: len(few)], rounded).told()
    return told


def _search(place: Place) -> dict[str, Any]:
    """Our search beside `generate` on one network in float32: no rounding between the two."""
    import torch

    from benchmarks import gpu_reference
    from server.predictors.worker.engine import Engine

    if place.device.startswith("cuda"):
        torch.cuda.set_per_process_memory_fraction(1.0)
    model = _load(place, "speed")
    prompts = long_prompts(model, place.prompts, place.tokens)
    grammar = gpu_reference.comparable(model.engine.grammar)
    network = gpu_reference.in_float32(model.engine.network)
    engine = Engine(network, grammar, model.engine.prefix, STEPS)
    ours = [engine.answer([prompt], BEAMS)[0] for prompt in prompts]
    reference = gpu_reference.as_transformers(place.base, network)
    with torch.inference_mode():
        theirs = [
            gpu_reference.generate(reference, prompt, grammar, BEAMS, STEPS) for prompt in prompts
        ]
    return {"float32": gpu_reference.compare(ours, theirs).told()}


def _kernels(place: Place) -> dict[str, Any]:
    """The kernels against plain torch, and the 4-bit product's speed beside bitsandbytes'."""
    import torch

    from benchmarks import gpu_kernels

    device = torch.device(place.device)
    if device.type != "cuda":
        return {"skipped": "kernels need a GPU"}
    result: dict[str, Any] = gpu_kernels.errors(device)
    for columns, width in ((12_288, 4_096), (4_096, 4_096), (22_016, 4_096), (4_096, 11_008)):
        result |= gpu_kernels.speeds(device, columns, width, BEAMS)
    return result


def _floor(place: Place) -> dict[str, Any]:
    from benchmarks import gpu_floor

    return gpu_floor.measure(place.base, place.adapter, place.device, place.tokens, STEPS)


STAGES: dict[str, Callable[[Place], dict[str, Any]]] = {
    "floor": _floor,
    "kernels": _kernels,
    "first-memory": _first("memory"),
    "memory": _ours("memory"),
    "generate": _generate,
    "speed": _ours("speed"),
    "audit-memory": _throughput("memory"),
    "audit-speed": _throughput("speed"),
    "first-speed": _first("speed"),
    "agreement": _agreement,
}
# Only when asked for: part of what `agreement` shows, and fast enough for a processor.
OTHERS = {"search": _search}
