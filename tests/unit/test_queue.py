"""The inference queue: newest first, superseded work dropped, cancelled work stopped."""

import math
import threading
from collections.abc import Iterator, Sequence

import pytest

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors import queue as queue_module
from server.predictors.base import Cancelled, Candidate, Identity, StopFlag
from server.predictors.cache import AnswerCache
from server.predictors.queue import Job, PredictionQueue
from server.reporting import Reporter

PATIENCE = 10.0


class Gate:
    """A predictor that holds each question until it is let through, and notes the order."""

    identity = Identity("gate", "1", "gate-1", understands_context=True)

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stopped: list[str] = []
        self.begun = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.closed = threading.Event()

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        text = questions[0].text
        self.asked.append(text)
        self.begun.release()
        while not self.open.acquire(timeout=0.01):
            if stop is not None and stop.is_set():
                self.stopped.append(text)
                raise Cancelled("stopped")
        if text == "broken":
            raise RuntimeError("a bug")
        return [[Candidate(f"name_{text}", -0.5), Candidate("known", -0.7)][:k]]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        return [-float(len(name)) for name in names]

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def queue(gate: Gate) -> Iterator[PredictionQueue]:
    queue = PredictionQueue(lambda: gate, AnswerCache(), k=5)
    queue.start()
    yield queue
    queue.close()
    assert gate.closed.wait(PATIENCE)


def job(text: str, *, origin: str = "a.py", urgent: bool = True) -> Job:
    return Job(Question(text), "old", origin, urgent)


def begun(gate: Gate) -> None:
    assert gate.begun.acquire(timeout=PATIENCE)


def test_an_answer_holds_names_and_the_present_score(gate: Gate, queue: PredictionQueue) -> None:
    gate.open.release()
    answer = queue.submit(job("one")).result(PATIENCE)
    assert answer.candidates == (Candidate("name_one", -0.5), Candidate("known", -0.7))
    # A present name outside the best ones is worse than they are.
    assert answer.present_log_probability == -math.inf
    gate.open.release()
    known = queue.submit(Job(Question("one"), "known", "a.py", True)).result(PATIENCE)
    assert known.present_log_probability == -0.7
    assert queue.cached(Question("one"), "old") == answer
    assert queue.cached(Question("one"), "other") is None


def test_memory_goes_back_when_nobody_asks(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    given = threading.Semaphore(0)
    monkeypatch.setattr(queue_module, "give_back", given.release)
    monkeypatch.setattr(queue_module, "_REST_SECONDS", 0.2)
    queue = PredictionQueue(lambda: gate, AnswerCache(), k=5)
    futures = [queue.submit(job(text, origin=text)) for text in ("one", "two")]
    begun(gate)
    gate.open.release(2)
    assert all(future.result(PATIENCE) for future in futures)
    assert given.acquire(timeout=PATIENCE)
    assert not given.acquire(timeout=0.5)  # once in a rest, and not between the two answers
    gate.open.release()
    assert queue.submit(job("three")).result(PATIENCE)
    assert given.acquire(timeout=PATIENCE)
    queue.close()
    assert gate.closed.wait(PATIENCE)


def test_the_newest_question_is_asked_first(gate: Gate, queue: PredictionQueue) -> None:
    futures = [queue.submit(job("running"))]
    begun(gate)
    futures += [queue.submit(job(text)) for text in ("old", "middle", "new")]
    for _ in futures:
        gate.open.release()
    for future in futures:
        future.result(PATIENCE)
    assert gate.asked == ["running", "new", "middle", "old"]


def test_a_person_goes_before_the_background(gate: Gate, queue: PredictionQueue) -> None:
    first = queue.submit(job("running"))
    begun(gate)
    waiting = queue.submit(job("person"))
    background = queue.submit(job("background", origin="b.py", urgent=False))
    for _ in range(3):
        gate.open.release()
    for future in (first, waiting, background):
        future.result(PATIENCE)
    assert gate.asked == ["running", "person", "background"]


def test_a_newer_background_question_supersedes_the_older(
    gate: Gate, queue: PredictionQueue
) -> None:
    running = queue.submit(job("running", urgent=False))
    begun(gate)
    dropped = queue.submit(job("dropped", urgent=False))
    kept = queue.submit(job("kept", urgent=False))
    with pytest.raises(Cancelled):
        running.result(PATIENCE)
    with pytest.raises(Cancelled):
        dropped.result(PATIENCE)
    gate.open.release()
    kept.result(PATIENCE)
    assert gate.asked == ["running", "kept"]
    assert gate.stopped == ["running"]


def test_the_same_question_is_asked_once(gate: Gate, queue: PredictionQueue) -> None:
    first = queue.submit(job("same", urgent=False))
    begun(gate)
    second = queue.submit(job("same"))
    gate.open.release()
    assert first.result(PATIENCE) == second.result(PATIENCE)
    assert gate.asked == ["same"]


def test_work_is_stopped_when_the_last_waiter_cancels(gate: Gate, queue: PredictionQueue) -> None:
    first, second = queue.submit(job("same")), queue.submit(job("same"))
    begun(gate)
    assert first.cancel()
    assert second.cancel()
    after = queue.submit(job("after"))
    begun(gate)
    gate.open.release()
    after.result(PATIENCE)
    assert gate.stopped == ["same"]


def test_cancelled_work_is_never_begun(gate: Gate, queue: PredictionQueue) -> None:
    running = queue.submit(job("running"))
    begun(gate)
    queue.submit(job("unwanted")).cancel()
    gate.open.release()
    running.result(PATIENCE)
    gate.open.release()
    queue.submit(job("after")).result(PATIENCE)
    assert gate.asked == ["running", "after"]


def test_a_predictor_that_fails_does_not_end_the_thread(gate: Gate, queue: PredictionQueue) -> None:
    gate.open.release()
    with pytest.raises(NamewrightError, match="RuntimeError"):
        queue.submit(job("broken")).result(PATIENCE)
    gate.open.release()
    queue.submit(job("sound")).result(PATIENCE)


def test_a_predictor_that_cannot_be_loaded_is_told_once() -> None:
    told: list[str] = []

    def load() -> Gate:
        raise NamewrightError("the weights are damaged; reinstall")

    queue = PredictionQueue(
        load, AnswerCache(), 5, Reporter("gate", lambda status: None, told.append)
    )
    queue.start()
    for text in ("one", "two"):
        with pytest.raises(NamewrightError, match="weights are damaged"):
            queue.submit(job(text)).result(PATIENCE)
    assert len(told) == 1
    queue.close()


def test_closing_ends_all_waiting(gate: Gate, queue: PredictionQueue) -> None:
    running, pending = queue.submit(job("running")), queue.submit(job("pending"))
    begun(gate)
    queue.close()
    for future in (running, pending, queue.submit(job("late"))):
        with pytest.raises(Cancelled):
            future.result(PATIENCE)
