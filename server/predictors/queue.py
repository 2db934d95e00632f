"""One daemon thread that asks the predictor: newest question first, superseded ones dropped.

The predictor is loaded on that thread, so that the server answers before the model is there.
A daemon thread, because a pool's threads would hold the process back at exit.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import monotonic
from typing import Protocol, TypeAlias

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.base import Cancelled, Candidate, Identity, NamePredictor, StopFlag
from server.predictors.cache import Answer, AnswerCache, CacheKey
from server.predictors.memory import give_back

_LOG = logging.getLogger("namewright.queue")
Load: TypeAlias = Callable[[], NamePredictor]
# How long nobody asks before freed memory goes back to the system.
_REST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Job:
    """A question to ask; `origin` is the file it comes from, `urgent` that a person waits."""

    question: Question
    name: str
    origin: str
    urgent: bool

    @property
    def key(self) -> tuple[str, str]:
        """What makes two jobs the same work."""
        return self.question.digest(), self.name


@dataclass(eq=False, slots=True)
class _Entry:
    """One piece of work and everybody who waits for it."""

    job: Job
    urgent: bool
    stop: StopFlag = field(default_factory=StopFlag)
    waiting: list[Future[Answer]] = field(default_factory=list[Future[Answer]])


class Watcher(Protocol):
    """Hears on the queue's thread how loading and answering go."""

    def loaded(self, predictor: NamePredictor) -> None:
        """The predictor is there."""
        ...

    def failed(self, error: NamewrightError) -> None:
        """The predictor could not be loaded; told once."""
        ...

    def working(self) -> None:
        """A question is being answered."""
        ...

    def worked(self, latency_ms: float | None) -> None:
        """It is over; without a latency when there was no answer."""
        ...


class _Nobody:
    def loaded(self, predictor: NamePredictor) -> None: ...
    def failed(self, error: NamewrightError) -> None: ...
    def working(self) -> None: ...
    def worked(self, latency_ms: float | None) -> None: ...


class PredictionQueue:
    """Takes jobs from any thread and answers each with a Future.

    `k` names are asked for. `watcher` hears, on the queue's thread, how loading and answering go;
    when the predictor cannot be loaded every job fails with the error that it hears.
    """

    def __init__(
        self,
        load: Load,
        cache: AnswerCache,
        k: int,
        watcher: Watcher | None = None,
    ) -> None:
        self._load = load
        self._cache = cache
        self._k = k
        self._watcher = watcher or _Nobody()
        self._changed = Condition()
        self._pending: list[_Entry] = []
        self._running: _Entry | None = None
        self._closed = False
        self._predictor: NamePredictor | None = None
        self._thread = Thread(target=self._run, name="namewright-inference", daemon=True)

    @property
    def identity(self) -> Identity | None:
        """Who answers; None while the predictor is loading. Changes when another one steps in."""
        predictor = self._predictor
        return None if predictor is None else predictor.identity

    def start(self) -> None:
        """Begin to load the predictor and to answer; the first job begins it too."""
        with self._changed:
            self._start()

    def cached(self, question: Question, name: str) -> Answer | None:
        """The answer, if it is known already; never waits."""
        identity = self.identity
        if identity is None:
            return None
        return self._cache.get(CacheKey(question.digest(), name, identity.fingerprint, self._k))

    def submit(self, job: Job) -> Future[Answer]:
        """Ask for an answer. Cancelling every Future of a job stops the work.

        The Future fails with Cancelled when newer work superseded the job, and with another
        NamewrightError when the predictor cannot answer.
        """
        future: Future[Answer] = Future()
        with self._changed:
            if self._closed:
                future.set_exception(Cancelled("the server is stopping"))
                return future
            self._start()
            entry = self._entry_like(job) or self._new_entry(job)
            entry.urgent = entry.urgent or job.urgent
            entry.waiting.append(future)
            self._changed.notify()
        future.add_done_callback(lambda done: self._drop_if_unwanted(entry, done))
        return future

    def close(self) -> None:
        """Stop the work in flight and refuse more; does not wait for the thread."""
        with self._changed:
            self._closed = True
            dropped, self._pending = self._pending, []
            if self._running is not None:
                self._running.stop.set()
            self._changed.notify()
        for entry in dropped:
            _fail(entry, Cancelled("the server is stopping"))

    def _start(self) -> None:
        if self._thread.ident is None and not self._closed:
            self._thread.start()

    def _entry_like(self, job: Job) -> _Entry | None:
        running = [self._running] if self._running and not self._running.stop.is_set() else []
        return next((one for one in [*self._pending, *running] if one.job.key == job.key), None)

    def _new_entry(self, job: Job) -> _Entry:
        """Queue new work; nobody waits any longer for what it supersedes."""
        superseded = [
            one
            for one in self._pending
            if not one.urgent and one.job.origin == job.origin and one.job.key != job.key
        ]
        for one in superseded:
            self._pending.remove(one)
            _fail(one, Cancelled("a newer question took its place"))
        running = self._running
        newer = running is not None and (job.urgent or running.job.origin == job.origin)
        if running is not None and newer and not running.urgent:
            running.stop.set()
        entry = _Entry(job, job.urgent)
        self._pending.append(entry)
        return entry

    def _drop_if_unwanted(self, entry: _Entry, done: Future[Answer]) -> None:
        if not done.cancelled():
            return
        with self._changed:
            if all(future.cancelled() for future in entry.waiting):
                entry.stop.set()
                if entry in self._pending:
                    self._pending.remove(entry)

    def _run(self) -> None:
        try:
            predictor = self._load()
        except NamewrightError as error:
            self._refuse_all(error)
            return
        except Exception as error:
            _LOG.error("the predictor could not be loaded (%s)", type(error).__name__)
            _LOG.debug("while loading", exc_info=True)
            self._refuse_all(
                NamewrightError(
                    f"the predictor could not be loaded ({type(error).__name__}: {error});"
                    " run `namewright check`"
                )
            )
            return
        self._predictor = predictor
        self._watcher.loaded(predictor)
        while (entry := self._next()) is not None:
            self._watcher.working()
            started = monotonic()
            answered = self._answer(entry, predictor)
            self._watcher.worked(1000 * (monotonic() - started) if answered else None)
        predictor.close()

    def _next(self) -> _Entry | None:
        """Wait for the next work: the newest that a person waits for, else the newest of all."""
        patience: float | None = _REST_SECONDS
        while True:
            with self._changed:
                self._running = None
                if self._changed.wait_for(lambda: self._pending or self._closed, patience):
                    return None if self._closed else self._take()
            give_back()  # not between two answers: to take it again takes the second one longer
            patience = None

    def _take(self) -> _Entry:
        urgent = [one for one in self._pending if one.urgent]
        entry = (urgent or self._pending)[-1]
        self._pending.remove(entry)
        self._running = entry
        return entry

    def _answer(self, entry: _Entry, predictor: NamePredictor) -> bool:
        """Whether the predictor gave an answer."""
        question, name = entry.job.question, entry.job.name
        try:
            found = predictor.predict([question], self._k, entry.stop)[0]
            if entry.stop.is_set():
                raise Cancelled("nobody waits for it any longer")
            score = _present_score(name, found)
        except NamewrightError as error:
            _fail(entry, error)
            return False
        except Exception as error:
            _LOG.error("the predictor failed (%s)", type(error).__name__)
            _LOG.debug("while predicting", exc_info=True)
            _fail(entry, NamewrightError(f"the predictor failed ({type(error).__name__})"))
            return False
        answer = Answer(tuple(found), score)
        fingerprint = predictor.identity.fingerprint
        self._cache.put(CacheKey(question.digest(), name, fingerprint, self._k), answer)
        with self._changed:
            self._running = None
            waiting = tuple(entry.waiting)
        for future in waiting:
            with suppress(InvalidStateError):
                future.set_result(answer)
        return True

    def _refuse_all(self, error: NamewrightError) -> None:
        self._watcher.failed(error)
        while (entry := self._next()) is not None:
            _fail(entry, error)


def _present_score(name: str, found: Sequence[Candidate]) -> float:
    """The present name's log-probability where it was found, else minus infinity.

    A name outside the best ones is not better than they are, and to score it by itself would
    read the whole prompt again: nearly half of the answer's time.
    """
    scores = (one.log_probability for one in found if one.name == name)
    return next(scores, -math.inf)


def _fail(entry: _Entry, error: NamewrightError) -> None:
    for future in tuple(entry.waiting):
        with suppress(InvalidStateError):
            future.set_exception(error)
