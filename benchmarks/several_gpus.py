"""QLoRA on one GPU, copied to several (DDP) and sharded over them (FSDP), in one run.

    python -m training random-base --shape codellama-7b --text CORPUS --out runs/random-7b
    python -m benchmarks.several_gpus --base runs/random-7b --data CORPUS --memory-limit 24GB
    python -m benchmarks.several_gpus --tiny      # two processes on a processor, no claim

Each way is the command of `training/recipes/accelerate/README.md` with the same rows and an
effective batch of 32 rows, so that the losses can be compared. The table is printed last; a way
that fails is a row too.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.training import EVERY_STEP, RECIPES, ROOT, write_tiny

_BATCH = 32
_REPORT = re.compile(r"^step \d+/\d+ · loss ([\d.]+)(?:.*?tokens/s ([\d,]+))?")
_MEMORY = re.compile(r"tensors ([\d.]+) GB at most, .* ([\d.]+) GB of the card in use")
# NF4 weights that are sharded with others must be stored in their type, and bitsandbytes'
# optimizers know nothing of shards.
_WAYS: dict[str, list[str]] = {
    "ddp": [],
    "fsdp": ["bnb_4bit_quant_storage=bfloat16", "optim=adamw_torch_fused"],
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one way: tokens a second of all GPUs (median of the steps after the second), losses of
    every step, and GB of the first GPU: what tensors took at most, what the card had in use."""

    name: str
    tokens_per_second: float
    losses: tuple[float, ...]
    tensors: float
    card: float
    seconds: float
    failure: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", type=Path, help="a 7B base; random weights will do")
    parser.add_argument("--data", type=Path, help="a corpus or JSON Lines of functions")
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument("--rows", type=int, default=8, help="of a micro-batch on each GPU")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--functions", type=int, default=4_000, help="functions to pack")
    parser.add_argument("--memory-limit", metavar="SIZE", help="of each GPU, such as 24GB")
    parser.add_argument("--ways", default="one,ddp,fsdp", help="which of them, with commas between")
    parser.add_argument("--seconds", type=float, default=300, help="at most for each way")
    parser.add_argument("--tiny", action="store_true", help="a tiny base on a processor")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    found: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if arguments.tiny:
            arguments.base, arguments.data = write_tiny(scratch)
            arguments.rows, arguments.functions = 2, 200
        elif not (arguments.base and arguments.data):
            parser.error("--base and --data are needed, or --tiny")
        for way in arguments.ways.split(","):
            print(f"--- {way}", flush=True)
            found.append(_measure(arguments, way, scratch / way))
            if arguments.json:
                arguments.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    print(_table(found))
    return 1 if any(one.failure for one in found) else 0


def _measure(arguments: argparse.Namespace, way: str, out: Path) -> Measured:
    begun = time.monotonic()
    command = _command(arguments, way, out)
    losses: list[float] = []
    speeds: list[float] = []
    tensors = card = 0.0
    last = ""
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            print(text, end="", flush=True)
            last = text.strip() or last
            if report := _REPORT.match(text):
                losses.append(float(report[1]))
                if report[2] and len(losses) > 2:
                    speeds.append(float(report[2].replace(",", "")))
            elif used := _MEMORY.search(text):
                tensors, card = float(used[1]), float(used[2])
        code = process.wait()
    failure = "" if code == 0 and speeds else f"exit status {code}: {last[:160]}"
    speed = statistics.median(speeds) if speeds else 0.0
    seconds = time.monotonic() - begun
    return Measured(way, speed, tuple(losses), tensors, card, round(seconds, 1), failure)


def _command(arguments: argparse.Namespace, way: str, out: Path) -> list[str]:
    processes = 1 if way == "one" else arguments.gpus
    batch = 2 * arguments.rows if arguments.tiny else _BATCH
    settings = {
        "model_name_or_path": arguments.base,
        "data": arguments.data,
        "output_dir": out,
        "train_rows": arguments.functions,
        "per_device_train_batch_size": arguments.rows,
        "gradient_accumulation_steps": batch // arguments.rows // processes,
        "max_steps": arguments.steps,
    } | EVERY_STEP
    recipe = RECIPES / ("tiny" if arguments.tiny else "codellama-7b") / "qlora.yaml"
    run = ["-m", "training", "sft", "--config", str(recipe)]
    if arguments.memory_limit:
        run += ["--memory-limit", arguments.memory_limit]
    run += [f"{name}={value}" for name, value in settings.items()]
    limit = ["timeout", "--kill-after=10", str(arguments.seconds)]
    if way == "one":
        return [*limit, sys.executable, *run]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(processes)]
    if arguments.tiny:
        launch += ["--cpu", "--mixed_precision", "no", "--num_machines", "1"]
    else:
        launch += ["--config_file", str(RECIPES / "accelerate" / f"{way}.yaml")]
    return [*limit, *launch, *run, *_WAYS[way]]


def _table(found: Sequence[Measured]) -> str:
    plain = found[0]
    lines = [
        "| way | tokens/s | against the first | tensors GB | card GB | last loss | most apart |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        if one.failure:
            lines.append(f"| {one.name} | – | – | – | – | – | {one.failure} |")
            continue
        ratio = one.tokens_per_second / plain.tokens_per_second if not plain.failure else 0.0
        apart = max((abs(a - b) for a, b in zip(one.losses, plain.losses, strict=False)), default=0)
        lines.append(
            f"| {one.name} | {one.tokens_per_second:,.0f} | {ratio:.2f} | {one.tensors:.1f} |"
            f" {one.card:.1f} | {one.losses[-1]:.4f} | {apart:.4f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
