"""Interrupts that Python drops are noticed by the loops."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from dataset.engines import Processes
from dataset.interruption import raise_if_interrupted, remembered_interrupts


class InterruptedAtItsEnd:
    """Receives the signal where an exception has nowhere to go."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1_000):
            pass


@pytest.fixture(autouse=True)
def usual_handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_in_a_finaliser_ends_the_loop_after_its_task() -> None:
    done: list[int] = []

    def task(rank: int) -> None:
        if rank == 1:
            InterruptedAtItsEnd()

    with remembered_interrupts(), pytest.raises(KeyboardInterrupt):
        Processes(1)(task, 5, done.append)
    assert done == [0, 1]


def test_each_command_begins_without_an_interrupt_and_leaves_the_handler() -> None:
    with remembered_interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with remembered_interrupts():
        raise_if_interrupted()


def test_another_handler_stays() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with remembered_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        raise_if_interrupted()
