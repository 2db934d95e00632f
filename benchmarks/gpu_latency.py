"""Names from Code Llama on a GPU: ours in both modes beside `generate` and the hardware's floor.

    python -m benchmarks.gpu_latency --shape codellama-7b --memory-limit 24GB
    python -m benchmarks.gpu_latency --shape tiny --device cpu      # the same script, no claim

Random weights of the exact shape with a LoRA adapter (r 128 on all linear layers), five candidates
of up to 8 tokens for a function of 300 tokens. Each stage is a process of its own, so that what one
leaves behind is not another's; a stage that fails is a row too. The table is printed last.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.gpu_inputs import write_adapter
from benchmarks.gpu_stages import OTHERS, STAGES, Place, say

ROOT = Path(__file__).parents[1]
TOKENS, RANK = 300, 128
_MARK = "RESULT "


def main() -> int:
    """Run the stages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="codellama-7b", help="see training.random_base")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "gpu-latency")
    parser.add_argument("--memory-limit", default="24GB")
    parser.add_argument("--prompts", type=int, default=200, help="how many the agreement compares")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    parser.add_argument("--make", action="store_true", help="only write the weights")
    arguments = parser.parse_args()
    tiny = arguments.shape != "codellama-7b"
    place = Place(
        arguments.folder.resolve(),
        arguments.device,
        float(arguments.memory_limit.removesuffix("GB")) * 1e9,
        100 if tiny else TOKENS,
        arguments.repeats,
        arguments.prompts,
    )
    if arguments.one:
        return _one(arguments.one, place)
    if arguments.make:
        return _make(arguments.shape, place)
    found: dict[str, Mapping[str, Any]] = {"make": _run("make", arguments)}
    for stage in arguments.stages.split(","):
        say(f"--- {stage}")
        found[stage] = _run(stage, arguments)
    print(_table(found), flush=True)
    return 1 if any("failure" in result for result in found.values()) else 0


def _run(stage: str, arguments: argparse.Namespace) -> Mapping[str, Any]:
    command = [sys.executable, "-m", "benchmarks.gpu_latency"]
    command += ["--make"] if stage == "make" else ["--one", stage]
    for name in ("shape", "device", "folder", "memory_limit", "prompts", "repeats"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    begun = time.perf_counter()
    result: dict[str, Any] = {"failure": "no result"}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(_MARK):
                result = json.loads(line.removeprefix(_MARK))
                result.setdefault("since_start_s", time.perf_counter() - begun)
            elif "it/s]" not in line:
                print("   ", line.rstrip(), flush=True)
    say(f"{stage}: {time.perf_counter() - begun:.1f} s; {json.dumps(result)}")
    return result


def _one(stage: str, place: Place) -> int:
    # As the worker's process has it.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    import torch

    try:
        if place.device.startswith("cuda"):
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, place.limit / total))
        result = (STAGES | OTHERS)[stage](place)
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        result = {"failure": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    print(_MARK + json.dumps(result), flush=True)
    return 0


def _make(shape: str, place: Place) -> int:
    """Base and adapter with random weights, where they are not there yet."""
    from training.random_base import SHAPES, write_base

    if not (place.base / "config.json").exists():
        text = Path(sysconfig.get_paths()["stdlib"])
        text = text if shape == "codellama-7b" else ROOT / "server"
        begun = time.perf_counter()
        write_base(SHAPES[shape], text, place.base, seed=1)
        say(f"base with random weights: {time.perf_counter() - begun:.1f} s")
    if not place.adapter.exists():
        write_adapter(SHAPES[shape], place.adapter, RANK if shape == "codellama-7b" else 8)
        say("adapter with random weights")
    print(_MARK + "{}", flush=True)
    return 0


def _table(found: Mapping[str, Mapping[str, Any]]) -> str:
    floor = found.get("floor", {})
    plain = found.get("generate", {}).get("p50_ms")
    lines = [
        "| five candidates | p50 ms | p95 ms | against generate | against the floor |"
        " memory GB | first answer s | functions/s in batches |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for mode in ("memory", "speed", "generate"):
        one = found.get(mode, {})
        if "p50_ms" not in one:
            lines.append(f"| {mode} | {one.get('failure', 'not run')} |")
            continue
        least = floor.get(f"{'memory' if mode == 'generate' else mode}_here_ms")
        first = found.get(f"first-{mode}", {}).get("since_start_s")
        audit = found.get(f"audit-{mode}", {}).get("functions_per_second")
        cells = [
            f"{one['p50_ms']:.1f}",
            f"{one['p95_ms']:.1f}",
            f"{plain / one['p50_ms']:.1f} ×" if plain else "–",
            f"{one['p50_ms'] / least:.1f} ×" if least else "–",
            str(one.get("card_gb", "–")),
            f"{first:.1f}" if first else "–",
            str(audit or "–"),
        ]
        lines.append(f"| {mode} | {' | '.join(cells)} |")
    for mode in ("memory", "speed"):
        if f"{mode}_here_ms" in floor:
            lines.append(f"| floor, {mode} mode | {floor[f'{mode}_here_ms']} | | | | | | |")
            lines.append(
                f"| an RTX 3090's floor, {mode} mode | {floor[f'{mode}_rtx_3090_ms']} | | | | | | |"
            )
            ours = found.get(mode, {}).get("p50_ms")
            if ours:
                guess = ours / floor[f"{mode}_here_ms"] * floor[f"{mode}_rtx_3090_ms"]
                lines.append(
                    f"| an RTX 3090 as far from its floor, {mode} mode | {guess:.0f} | | | | | | |"
                )
    agreement = found.get("agreement", found.get("search", {}))
    lines += [f"\n{name}: {line}" for name, line in agreement.items() if isinstance(line, str)]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
