"""Tokens per second and memory of fine-tuning: plain TRL QLoRA beside our settings, in one run.

    python -m training random-base --shape codellama-7b --text CORPUS --out runs/random-7b
    python -m benchmarks.training --base runs/random-7b --data CORPUS --memory-limit 24GB
    python -m benchmarks.training --tiny          # the same script on a processor, no claim

Every variant trains the same rows of the same recipe (`recipes/codellama-7b/qlora.yaml`: NF4, r
128 on all linear layers, 32 rows of 1,024 tokens a step), so that its losses can be compared with
the plain ones. The table is printed last; a variant that needs more than the limit is a row too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.errors import TrainingError

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "training" / "recipes"
_LAYERS = {"activation_checkpointing": True}
_NOTHING = {"activation_checkpointing": False}
_EVERY_OTHER = {**_LAYERS, "activation_checkpointing_kwargs": {"every_n_layers": 2}}
_SDPA = {"attn_implementation": "sdpa"}
_PACKED = {"attn_implementation": "packed"}
_FUSED = {**_PACKED, "fused_layers": True}
_LIGER = {"use_liger_kernel": True}
# What each variant changes; the effective batch stays 32 rows. `plain` is TRL as it comes, whose
# mask separates the packed documents; `plain, not separated` has none to pay for, but lets a
# document read those before it. The others are in the order of their promise.
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"rows": 4, **_SDPA, **_LAYERS},
    "plain, not separated": {"rows": 16, **_SDPA, **_LAYERS, "packing_strategy": "wrapped"},
    "fused": {"rows": 4, **_FUSED, **_NOTHING},
    "fused, every other layer": {"rows": 8, **_FUSED, **_EVERY_OTHER},
    "packed, liger": {"rows": 16, **_PACKED, **_LIGER, **_LAYERS},
    "fused, every layer": {"rows": 16, **_FUSED, **_LAYERS},
    "packed": {"rows": 16, **_PACKED, **_LAYERS},
    "packed, liger, products kept": {
        "rows": 4,
        **_PACKED,
        **_LIGER,
        **_NOTHING,
        "keep_products": True,
    },
    "plain, larger": {"rows": 16, **_SDPA, **_LAYERS},
    "fused, 8-bit optimizer": {"rows": 4, **_FUSED, **_NOTHING, "optim": "paged_adamw_8bit"},
}
TINY: dict[str, dict[str, Any]] = {
    "plain": {"rows": 2, **_LAYERS},
    "plain, not separated": {"rows": 2, **_LAYERS, "packing_strategy": "wrapped"},
    "fused": {"rows": 1, **_FUSED, **_NOTHING},
    "fused, every other layer": {"rows": 2, **_FUSED, **_EVERY_OTHER},
    "packed": {"rows": 2, **_PACKED, **_LAYERS},
    "products kept": {"rows": 2, **_NOTHING, "keep_products": True},
}


# Every step is reported, and nothing but steps is done.
EVERY_STEP = {
    "warmup_steps": 0,
    "logging_steps": 1,
    "eval_strategy": "no",
    "save_strategy": "no",
    "report_to": "none",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one variant: speed after the warm-up, memory in bytes, and every step's loss.

    `peak` is what tensors took; `card` all that the GPU had in use, with the allocator's reserve,
    the paged optimizer and CUDA itself.
    """

    name: str
    tokens_per_second: float
    peak: int
    card: int
    losses: tuple[float, ...]
    failure: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", type=Path, help="a 7B base; random weights will do")
    parser.add_argument("--data", type=Path, help="a corpus or JSON Lines of functions")
    parser.add_argument("--memory-limit", metavar="SIZE", help="of the GPU, such as 24GB")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warmup", type=int, default=2, help="steps that are not measured")
    parser.add_argument("--rows", type=int, default=4_000, help="functions to pack")
    parser.add_argument(
        "--variants", help="names, with semicolons between, the first to compare with"
    )
    parser.add_argument("--minutes", type=float, help="begin no variant after so many")
    parser.add_argument("--profile", help="a variant whose kernels are listed, in a step more")
    parser.add_argument("--tiny", action="store_true", help="a tiny base on a processor")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.tiny:
            arguments.base, arguments.data = write_tiny(Path(scratch))
        elif not (arguments.base and arguments.data):
            parser.error("--base and --data are needed, or --tiny")
        found = _measure_all(arguments, Path(scratch))
    print(_table(found))
    return 0


def write_tiny(folder: Path) -> tuple[Path, Path]:
    """A base for a processor, and 200 functions to train it on."""
    from training.random_base import SHAPES, write_base

    base, data = folder / "base", folder / "functions.jsonl"
    write_base(SHAPES["tiny"], ROOT / "server", base, seed=1)
    text = "def x(rows):\n    total = {0}\n    for row in rows:\n        total += row * {0}"
    rows = [{"question_text": text.format(i), "name": f"sum_rows_{i}"} for i in range(200)]
    data.write_text("\n".join(json.dumps(row) for row in rows))
    return base, data


def _measure_all(arguments: argparse.Namespace, scratch: Path) -> list[Measured]:
    from training.finetuning import memory
    from training.finetuning.run import quiet

    quiet()
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    if arguments.memory_limit:
        print(memory.limit_memory(memory.parse_size(arguments.memory_limit)))
    variants = TINY if arguments.tiny else VARIANTS
    if arguments.variants:
        chosen = [name.strip() for name in arguments.variants.split(";")]
        variants = {name: variants[name] for name in dict.fromkeys(chosen)}
    found: list[Measured] = []
    started = time.monotonic()
    for number, (name, changes) in enumerate(variants.items()):
        seconds = time.monotonic() - started
        if arguments.minutes and seconds > 60 * arguments.minutes:
            print(f"--- no time for {name}", flush=True)
            continue
        print(f"--- {name}, after {seconds:.0f} s", flush=True)
        found.append(_measure(arguments, name, changes, scratch / str(number)))
        print(_table(found).splitlines()[-1], flush=True)
        _write(arguments.json, found)
    return found


def _write(path: Path | None, found: Sequence[Measured]) -> None:
    if path:
        path.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


def _measure(
    arguments: argparse.Namespace, name: str, changes: Mapping[str, Any], out: Path
) -> Measured:
    import torch

    from training.finetuning import memory
    from training.finetuning.checkpoints import Signals
    from training.finetuning.run import make_trainer

    _free()
    recipe = _recipe(arguments, changes, out, name == arguments.profile)
    try:
        with memory.told_when_full(recipe):
            trainer = make_trainer(recipe, *_rows(recipe), Signals())
            profiled = arguments.steps if name == arguments.profile else 0
            clock = _clock(arguments.warmup, profiled)
            trainer.add_callback(clock)
            trainer.train()
    except TrainingError as error:
        return Measured(name, 0.0, 0, 0, (), str(error).partition(": ")[2])
    except Exception as error:
        # One variant's failure must not cost the others.
        traceback.print_exc()
        return Measured(name, 0.0, 0, 0, (), " ".join(str(error).split())[:200])
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    logs = trainer.state.log_history
    losses = tuple(entry["loss"] for entry in logs if "loss" in entry)
    return Measured(name, clock.speed(logs), peak, clock.card, losses)


def _recipe(
    arguments: argparse.Namespace, changes: Mapping[str, Any], out: Path, profiled: bool
) -> Any:
    from training.finetuning import recipe

    settings = dict(changes)
    rows = settings.pop("rows")
    batch = 4 if arguments.tiny else 32
    settings |= {
        "model_name_or_path": str(arguments.base),
        "data": str(arguments.data),
        "output_dir": str(out),
        "train_rows": arguments.rows,
        "per_device_train_batch_size": rows,
        "gradient_accumulation_steps": batch // rows,
        "max_steps": arguments.steps + profiled,
    } | EVERY_STEP
    path = RECIPES / ("tiny" if arguments.tiny else "codellama-7b") / "qlora.yaml"
    return recipe.load(path, "sft", [f"{key}={json.dumps(one)}" for key, one in settings.items()])


def _rows(recipe: Any) -> tuple[Any, type, Any]:
    from trl import SFTTrainer

    from training.finetuning.model import load_tokenizer
    from training.finetuning.rows import Renderer
    from training.sft import prepare

    renderer = Renderer(
        load_tokenizer(recipe), recipe.data.form, recipe.data.system, recipe.arguments.max_length
    )
    return renderer, SFTTrainer, prepare(recipe, renderer)


def _clock(warmup: int, profiled: int) -> Any:
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """When each step ended, with the device's work done, and what the card had in use."""

        def __init__(self) -> None:
            self.ends: list[float] = []
            self.card = 0
            self._profile: Any = None

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if profiled and state.global_step == profiled:
                kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
                self._profile = torch.profiler.profile(activities=kinds)
                self._profile.start()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
                free, total = torch.cuda.mem_get_info()
                self.card = max(self.card, total - free)
            if self._profile is not None:
                self._profile.stop()
                order = "cuda_time_total" if torch.cuda.is_available() else "cpu_time_total"
                events = self._profile.key_averages()
                print(events.table(sort_by=order, row_limit=40, max_name_column_width=90))
                self._profile = None
                return
            self.ends.append(time.perf_counter())

        def speed(self, logs: Sequence[Mapping[str, Any]]) -> float:
            """Tokens per second (no padding) from the end of the warm-up to the last step."""
            tokens = [entry["num_tokens"] for entry in logs if "num_tokens" in entry]
            first, last = warmup - 1, len(self.ends) - 1
            return (tokens[last] - tokens[first]) / (self.ends[last] - self.ends[first])

    return Clock()


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _table(found: Sequence[Measured]) -> str:
    plain = found[0]
    lines = [
        "| variant | tokens/s | ratio | tensors GB | card GB | last loss | most apart |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        if one.failure:
            lines.append(f"| {one.name} | – | – | – | – | – | {one.failure} |")
            continue
        ratio = one.tokens_per_second / plain.tokens_per_second if plain.losses else 0.0
        apart = max(
            (abs(a - b) for a, b in zip(one.losses, plain.losses, strict=False)), default=0.0
        )
        lines.append(
            f"| {one.name} | {one.tokens_per_second:,.0f} | {ratio:.2f} | {one.peak / 1e9:.1f} |"
            f" {one.card / 1e9:.1f} | {one.losses[-1]:.4f} | {apart:.4f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
