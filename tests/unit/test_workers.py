"""A worker's thread: calls in turn, errors in Futures, cancelled calls never run."""

import threading

import pytest

from server.workers import Worker

PATIENCE = 10.0


def test_calls_run_one_after_the_other() -> None:
    worker, order = Worker("test"), list[int]()
    futures = [worker.submit(lambda n=n: order.append(n)) for n in range(5)]
    for future in futures:
        future.result(PATIENCE)
    assert order == [0, 1, 2, 3, 4]


def test_an_error_reaches_who_waits_and_not_the_thread() -> None:
    worker = Worker("test")
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 / 0).result(PATIENCE)
    assert worker.submit(lambda: "alive").result(PATIENCE) == "alive"


def test_a_cancelled_call_is_never_run() -> None:
    worker, gate, ran = Worker("test"), threading.Event(), list[str]()
    first = worker.submit(lambda: gate.wait(PATIENCE))
    assert worker.submit(lambda: ran.append("no")).cancel()
    gate.set()
    first.result(PATIENCE)
    worker.submit(lambda: ran.append("yes")).result(PATIENCE)
    assert ran == ["yes"]
