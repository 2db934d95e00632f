"""What goes between host and device beside the work that is under way there."""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def on_device(numbers: Sequence[Any], device: torch.device) -> Tensor:
    """Whole numbers, sent without waiting for what the device is doing."""
    found = torch.tensor(numbers, dtype=torch.int64)
    return found.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else found


def padded(rows: Sequence[Sequence[int]], length: int, device: torch.device) -> Tensor:
    """Rows of tokens with zeros up to `length`, sent as `on_device` does."""
    return on_device([[*row, *[0] * (length - len(row))] for row in rows], device)


class Flag:
    """A truth that comes from the device."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event() if device.type == "cuda" else None
        self._value = torch.zeros((), dtype=torch.bool, pin_memory=self._event is not None)

    def send(self, value: Tensor) -> None:
        """Have it copied when the device has come to it."""
        self._value.copy_(value, non_blocking=True)
        if self._event is not None:
            self._event.record()

    def is_set(self) -> bool:
        """Wait for what was sent last."""
        if self._event is not None:
            self._event.synchronize()
        return bool(self._value)
