"""Keeps the protocol's stream clean: whatever else writes to standard output goes to stderr."""

from __future__ import annotations

import os
from functools import cache
from typing import BinaryIO


@cache
def take_stdout() -> BinaryIO:
    """The real standard output, for the protocol alone; file descriptor 1 then means stderr.

    Called before anything heavy is imported: libraries print, in C as well as in Python.
    """
    protocol = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(protocol, "wb")
