"""The least time that a GPU needs for an answer of Code Llama, by its own measured speeds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# NVIDIA's Ampere GA102 white paper: 936 GB/s, and 71 TFLOP/s in bf16 with float32 sums.
_CARD = {"bandwidth": 936e9, "product": 71e12}


def measure(base: Path, adapter: Path, place: str, tokens: int, steps: int) -> dict[str, Any]:
    """Milliseconds of an answer of `steps` tokens to a function of `tokens`, with nothing but the
    bytes and the arithmetic: on the device `place` and on an RTX 3090."""
    import torch

    from server.predictors.worker.checkpoint import open_model
    from server.predictors.worker.shapes import sizes_of

    device = torch.device(place)
    size = 8192 if device.type == "cuda" else 512
    one = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    product = 2 * size**3 / _seconds(lambda: one @ one, device)
    source = torch.empty(
        2**30 if device.type == "cuda" else 2**24, dtype=torch.uint8, device=device
    )
    target = torch.empty_like(source)
    bandwidth = 2 * len(source) / _seconds(lambda: target.copy_(source), device)
    sizes = sizes_of(open_model(base))
    rank = json.loads((adapter / "adapter_config.json").read_text())["r"]
    ends = 2 * sizes.vocabulary * sizes.width
    linear = sizes.parameters - 2 * sizes.vocabulary * sizes.width
    both = sum(
        sum(sizes.weight(part))
        for part in ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    )
    low_rank = sizes.layers * rank * both
    tokens += 10
    counts = {
        "memory": linear * 4.127 / 8 + 2 * low_rank + ends,
        "speed": 2.0 * linear + ends,
    }
    result: dict[str, Any] = {
        "bandwidth_gb_s": round(bandwidth / 1e9),
        "product_tflop_s": round(product / 1e12, 1),
    }
    for mode, count in counts.items():
        work = 2 * (linear + (low_rank if mode == "memory" else 0)) * tokens
        for card, speeds in (
            ("here", {"bandwidth": bandwidth, "product": product}),
            ("rtx_3090", _CARD),
        ):
            read = max(work / speeds["product"], count / speeds["bandwidth"])
            step = count / speeds["bandwidth"]
            result[f"{mode}_{card}_ms"] = round(1000 * (read + (steps - 1) * step), 2)
            result[f"{mode}_{card}_read_ms"] = round(1000 * read, 2)
            result[f"{mode}_{card}_step_ms"] = round(1000 * step, 3)
    return result


def _seconds(work: Callable[[], object], device: Any) -> float:
    import torch

    for _ in range(3):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(10):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - begun) / 10
