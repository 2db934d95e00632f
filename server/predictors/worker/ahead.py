"""Reads files into the system's cache while the libraries that need them are being imported."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

_CHUNK = 8 << 20


@contextmanager
def reading_ahead(files: Iterable[Path]) -> Generator[Thread]:
    """Read `files` once, one after another, beside what is done within; ends with it."""
    stop = Event()
    thread = Thread(target=_read, args=(list(files), stop), name="namewright-ahead", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()


def _read(files: Iterable[Path], stop: Event) -> None:
    buffer = bytearray(_CHUNK)
    for path in files:
        try:
            with path.open("rb", buffering=0) as stream:
                while not stop.is_set() and stream.readinto(buffer):
                    pass
        except OSError:
            # Whoever needs the file says what is wrong with it.
            continue
