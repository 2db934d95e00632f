"""Keeps an interrupt from being lost.

An exception that falls into a finaliser or a callback from C is reported by Python and dropped,
KeyboardInterrupt among them; long loops ask here whether one was.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_received = False


@contextmanager
def remembered_interrupts() -> Generator[None]:
    """SIGINT raises KeyboardInterrupt here as it does elsewhere, and is remembered."""
    global _received
    _received = False
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        # Somebody else decides what an interrupt does.
        yield
        return
    signal.signal(signal.SIGINT, _receive)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def raise_if_interrupted() -> None:
    """Raise KeyboardInterrupt if one was received, even if it was dropped on its way."""
    if _received:
        raise KeyboardInterrupt


def _receive(number: int, frame: FrameType | None) -> None:
    global _received
    _received = True
    signal.default_int_handler(number, frame)
