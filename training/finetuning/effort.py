"""What a run cost: the hardware, the time, and the most energy the cards can have drawn."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any


def effort(history: Sequence[Mapping[str, Any]], processes: int) -> dict[str, str]:
    """Rows of a card: hardware, time and, on GPUs whose limit is known, energy.

    Of the session that ended the run alone; the trainer's log does not keep the earlier ones.
    """
    import torch

    seconds = next((row["train_runtime"] for row in history if "train_runtime" in row), None)
    on_gpu = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if on_gpu else "processor"
    rows = {"hardware": f"{processes} × {name}"}
    if seconds is None:
        return rows
    hours = seconds / 3600
    rows["time"] = f"{hours:.2f} h in the last session"
    limit = power_limit() if on_gpu else None
    if limit is not None:
        most = processes * limit * hours / 1000
        rows["energy"] = f"at most {most:.2f} kWh: the cards' power limit ({limit:.0f} W) all along"
    return rows


def power_limit() -> float | None:
    """Watts that the driver allows the first GPU; None where it does not say."""
    command = ["nvidia-smi", "--query-gpu=power.limit", "--format=csv,noheader,nounits", "--id=0"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return float(told.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
