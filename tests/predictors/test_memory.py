"""Freed memory goes back to the system."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from server.predictors.memory import give_back


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep little")
def test_what_was_freed_between_pieces_in_use_goes_back() -> None:
    pieces = [bytes([1]) * 100_000 for _ in range(1_000)]
    kept = pieces[::10]  # so that the heap cannot shrink from its end
    del pieces
    before = _resident_kilobytes()
    give_back()
    assert _resident_kilobytes() < before - 50_000
    assert len(kept) == 100


def _resident_kilobytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
