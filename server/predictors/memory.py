"""Gives freed memory back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return what glibc keeps of freed memory, tens of megabytes after a prompt (malloc_trim(3));
    takes some milliseconds. Other C libraries keep little, and nothing is done there."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
