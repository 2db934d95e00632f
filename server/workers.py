"""A daemon thread for work that must not hold back the event loop, nor the exit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


class Worker:
    """Runs calls one after the other on a thread of its own."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = Thread(target=self._run, name=f"namewright-{name}", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], _T]) -> Future[_T]:
        """Queue a call; a Future that is cancelled before its turn is never run."""
        future: Future[_T] = Future()

        def run() -> None:
            if future.cancelled():
                return
            try:
                result = call()
            except BaseException as error:
                with suppress(InvalidStateError):
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):
                    future.set_result(result)

        self._calls.put(run)
        return future

    def _run(self) -> None:
        while True:
            self._calls.get()()
