"""A Llama-family model with its adapter on this machine's GPU (or processor), in its own process.

This side is thin: it starts the process, tells how loading goes, passes questions on, and survives
whatever happens over there. It imports no torch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Event, Thread
from typing import TypeAlias

from dataset.question import Question
from server.predictors.base import Cancelled, Candidate, Identity, StopFlag, Unavailable
from server.predictors.status import Observer, State, Status
from server.predictors.together import Judged
from server.predictors.transformers_model import fingerprint, fits, open_configured
from server.predictors.worker import protocol
from server.predictors.worker.checkpoint import ModelError
from server.predictors.worker.process import WorkerProcess
from server.settings import Settings

_Make: TypeAlias = Callable[[int], protocol.ToWorker]
_LOG = logging.getLogger("namewright.transformers")
NAME = "transformers"
_FIRST_PAUSE_SECONDS = 1.0
# A card that others use is not asked again at once.
_PAUSE_TO_LOAD_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 300.0
# How long an answer may take before the process is taken for hung.
_PATIENCE_SECONDS = 120.0
_PATIENCE_EACH_SECONDS = 5.0
_POLL_SECONDS = 0.02
_LEAST_IDLE_SECONDS = 1.0
_FEWEST_BEAMS = 5
_REMEMBERED = 512
# Some batches for the card, of which only the last is not full.
TOGETHER = 256


def load_transformers(settings: Settings) -> TransformersPredictor:
    """Begin to load the model of the settings; raises ModelError when it cannot run here."""
    reason = fits(settings)
    if reason:
        raise ModelError(reason)
    return TransformersPredictor(settings)


@dataclass(slots=True)
class _Request:
    """A question under way; `answer` is set before `done` is."""

    process: WorkerProcess
    done: Event = field(default_factory=Event)
    answer: protocol.Message | None = None
    failure: str = ""


class TransformersPredictor:
    """Asks the model's process. Raises Unavailable while it loads and somebody watches: another one
    answers then. Without a watcher (a command) it waits."""

    def __init__(self, settings: Settings, idle_seconds: float | None = None) -> None:
        base, adapter = open_configured(settings)
        self._load = protocol.Load(
            str(base.folder),
            str(adapter.folder) if adapter is not None else "",
            settings.transformers_mode,
            settings.transformers_device,
            max(settings.candidates + 1, _FEWEST_BEAMS),
        )
        self._label = base.folder.name + (f" with {adapter.folder.name}" if adapter else "")
        self._identity = Identity(
            NAME,
            self._label,
            fingerprint(self._load.mode, base, adapter),
            understands_context=False,
        )
        minutes = settings.transformers_idle_minutes
        self._idle_seconds = 60.0 * minutes if idle_seconds is None else idle_seconds
        self._changed = Condition()
        self._process: WorkerProcess | None = None
        self._state: State = "unloaded"
        self._message = ""
        self._lasting = False
        self._is_closed = False
        self._pause = _FIRST_PAUSE_SECONDS
        self._not_before = 0.0
        self._used = time.monotonic()
        self._device = ""
        self._observer: Observer | None = None
        self._numbers = count(1)
        self._requests: dict[int, _Request] = {}
        self._scores: dict[str, dict[str, float]] = {}
        Thread(target=self._unload_when_idle, name="namewright-idle", daemon=True).start()
        with self._changed:
            self._start()

    @property
    def identity(self) -> Identity:
        """Which model this is."""
        return self._identity

    @property
    def device(self) -> str:
        """Where the model runs; empty until it is loaded."""
        return self._device

    def facts(self) -> list[tuple[str, str]]:
        """The set-up, for a person who checks it."""
        return [
            ("model", self._load.model),
            ("adapter", self._load.adapter or "none"),
            ("mode", self._load.mode),
            ("device", self._device or self._load.device),
            ("weights", self._identity.fingerprint),
        ]

    @property
    def batch(self) -> int:
        """How many questions it likes at once."""
        return TOGETHER

    def watch(self, observer: Observer) -> None:
        """Report to `observer` from now on, the present state first."""
        with self._changed:
            self._observer = observer
            status = self._status()
        observer.status(status)

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Up to `k` candidates for each question, best first.

        Raises Cancelled when stopped, Unavailable when the model cannot answer now.
        """
        return self._names(questions, [], k, stop)[0]

    def judge(self, questions: Sequence[Question], names: Sequence[str], k: int) -> Judged:
        """What `predict` and `score` give, of one read of each prompt."""
        found, scores = self._names(questions, names, k, None)
        # A name that was found has its own score: the one that others are compared with.
        known = ({one.name: one.log_probability for one in row} for row in found)
        return found, [
            row.get(name, score) for row, name, score in zip(known, names, scores, strict=True)
        ]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log-probability of each question's present name; raises Unavailable."""
        known = [
            self._scores.get(question.digest(), {}).get(name)
            for question, name in zip(questions, names, strict=True)
        ]
        open_ones = [index for index, score in enumerate(known) if score is None]
        if open_ones:
            texts = [questions[index].text for index in open_ones]
            asked = [names[index] for index in open_ones]
            answer = self._ask(
                lambda number: protocol.Score(number, texts, asked), len(open_ones), None
            )
            if not isinstance(answer, protocol.Scores):
                raise Unavailable("the model's process gave no scores; see the log")
            for index, score in zip(open_ones, answer.scores, strict=True):
                known[index] = score
        return [score for score in known if score is not None]

    def close(self) -> None:
        """End the process and give the memory back."""
        with self._changed:
            self._is_closed = True
            self._observer = None
            process, self._process = self._process, None
            self._changed.notify_all()
        if process is not None:
            process.close()

    def _names(
        self, questions: Sequence[Question], present: Sequence[str], k: int, stop: StopFlag | None
    ) -> Judged:
        texts = [one.text for one in questions]
        prefixes = [one.prefix for one in questions]
        answer = self._ask(
            lambda number: protocol.Ask(number, texts, prefixes, k, list(present)),
            len(questions),
            stop,
        )
        if not isinstance(answer, protocol.Names):
            raise Unavailable("the model's process gave no names; see the log")
        for question, row in zip(questions, answer.found, strict=True):
            self._remember(question, dict(row))
        found = [[Candidate(name, score) for name, score in row][:k] for row in answer.found]
        return found, answer.scores

    def _remember(self, question: Question, scores: dict[str, float]) -> None:
        self._scores[question.digest()] = scores
        while len(self._scores) > _REMEMBERED:
            del self._scores[next(iter(self._scores))]

    def _ask(self, make: _Make, size: int, stop: StopFlag | None) -> protocol.Message:
        """Send a request to the loaded model and wait for its answer."""
        process = self._loaded(stop)
        number = next(self._numbers)
        request = _Request(process)
        with self._changed:
            self._requests[number] = request
        process.send(make(number))
        try:
            self._wait(process, number, request, size, stop)
        finally:
            with self._changed:
                self._requests.pop(number, None)
                self._used = time.monotonic()
        answer = request.answer
        if isinstance(answer, protocol.Stopped):
            raise Cancelled("the prediction was stopped")
        if isinstance(answer, protocol.Refused):
            raise self._refusal(process, answer)
        if answer is None:
            raise Unavailable(request.failure or "the model's process ended")
        with self._changed:
            self._pause = _FIRST_PAUSE_SECONDS
        return answer

    def _wait(
        self,
        process: WorkerProcess,
        number: int,
        request: _Request,
        size: int,
        stop: StopFlag | None,
    ) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS + size * _PATIENCE_EACH_SECONDS
        told = False
        while not request.done.wait(_POLL_SECONDS):
            if stop is not None and stop.is_set() and not told:
                told = True
                process.send(protocol.Stop(number))
            if time.monotonic() > until:
                process.kill()
                request.done.wait(_POLL_SECONDS)
                raise Unavailable("the model's process did not answer; it is started again")

    def _refusal(self, process: WorkerProcess, answer: protocol.Refused) -> Unavailable:
        """What to raise for a refusal; a process that is short of memory gives all of it back."""
        if not answer.out_of_memory:
            return Unavailable(f"the model gave no answer ({answer.reason})")
        reason = (
            "the GPU's memory was not enough for an answer; close what else uses the card, or set"
            " transformers.mode to memory"
        )
        with self._changed:
            if self._process is process:
                self._process = None
                self._fail(reason)
        process.close()
        self._tell()
        return Unavailable(reason)

    def _loaded(self, stop: StopFlag | None) -> WorkerProcess:
        """The process once its model is loaded; raises Unavailable."""
        with self._changed:
            while True:
                if stop is not None and stop.is_set():
                    raise Cancelled("the prediction was stopped")
                if self._is_closed:
                    raise Unavailable("the model was unloaded")
                if self._process is not None and self._state == "ready":
                    return self._process
                waits = self._observer is None and not self._lasting
                if self._process is None and not self._lasting:
                    if time.monotonic() >= self._not_before:
                        self._start()
                    else:
                        waits = False
                if not waits:
                    raise Unavailable(self._message)
                self._changed.wait(_POLL_SECONDS * 5)

    def _start(self) -> None:
        """Begin to load; holds the lock."""
        self._state, self._message = "loading", f"{self._label} is being loaded"
        self._process = WorkerProcess(self._load, self._hear, self._ended)
        self._used = time.monotonic()
        self._tell()

    def _fail(self, reason: str) -> None:
        """Note a failure and when to try again; holds the lock."""
        self._state, self._message = "failed", reason
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def _hear(self, process: WorkerProcess, message: protocol.Message) -> None:
        with self._changed:
            if process is not self._process:
                return
            if isinstance(message, protocol.Progress):
                self._message = f"{message.what}, {message.share:.0%}"
            elif isinstance(message, protocol.Ready):
                self._state, self._device = "ready", message.device
                self._message = f"{self._label} on {message.device}"
                self._used = time.monotonic()
            elif isinstance(message, protocol.Failed):
                self._process, self._lasting = None, message.lasting
                self._pause = max(self._pause, _PAUSE_TO_LOAD_SECONDS)
                self._fail(message.reason)
                process.close()
            elif isinstance(
                message, (protocol.Names, protocol.Scores, protocol.Stopped, protocol.Refused)
            ):
                request = self._requests.get(message.number)
                if request is not None:
                    request.answer = message
                    request.done.set()
                return
            self._changed.notify_all()
        self._tell()

    def _ended(self, process: WorkerProcess, how: str) -> None:
        """A process has ended: requests to it fail; unless it was asked to, it is started again."""
        with self._changed:
            unasked = process is self._process and not self._is_closed
            reason = f"the model's process ended unexpectedly ({how}); it is started again"
            if unasked:
                self._process = None
                self._fail(reason)
            for request in self._requests.values():
                if request.process is process and not request.done.is_set():
                    request.failure = reason
                    request.done.set()
            pause = self._not_before - time.monotonic()
            self._changed.notify_all()
        if unasked:
            _LOG.warning("%s", reason)
            self._tell()
            self._start_after(pause)

    def _start_after(self, pause: float) -> None:
        """Start again after a pause, unless a question did so before."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed, max(pause, 0.0))
            if self._process is None and not self._is_closed and not self._lasting:
                self._start()

    def _unload_when_idle(self) -> None:
        """Give the card's memory back when nobody has asked for a while."""
        if not self._idle_seconds:
            return
        while True:
            with self._changed:
                left = self._used + self._idle_seconds - time.monotonic()
                self._changed.wait(max(left, _LEAST_IDLE_SECONDS))
                if self._is_closed:
                    return
                idle = time.monotonic() - self._used >= self._idle_seconds
                if not idle or self._requests or self._state != "ready":
                    continue
                process, self._process = self._process, None
                self._state = "unloaded"
                self._message = f"{self._label} gave the memory back; a question loads it again"
            if process is not None:
                process.close()
            self._tell()

    def _status(self) -> Status:
        return Status(NAME, self._state, self._message)

    def _tell(self) -> None:
        with self._changed:
            observer, status = self._observer, self._status()
        if observer is not None:
            observer.status(status)
