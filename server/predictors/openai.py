"""The predictor that asks an OpenAI-compatible engine: a team's vLLM, llama.cpp on a Mac, others.

Only the masked text of one function at a time is sent, in the form that fine-tuning used. After a
failure it refuses at once until the engine is back, which it finds out in the background.
"""

from __future__ import annotations

import hashlib
import random
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from threading import Lock, Thread
from time import monotonic

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.base import Cancelled, Candidate, Identity, StopFlag, Unavailable
from server.predictors.engine.address import Address, read_address
from server.predictors.engine.answers import Sample
from server.predictors.engine.engine import Engine
from server.predictors.engine.names import is_settled, names_of, rank
from server.predictors.engine.parallel import in_parallel
from server.predictors.engine.transport import Break, Deadline
from server.predictors.status import Observer, State, Status
from server.settings import Settings

NAME = "openai"
_FEWEST_TOGETHER, _MOST_TOGETHER = 8, 24
_FEWEST_SINGLY, _MOST_SINGLY = 6, 12
# So many equal answers in a row: the engine is certain, or does not sample.
_SETTLED = 3
# Engines that give one answer at a time are asked for more for so long.
_AGAIN_SECONDS = 1.0
_PROBE_SECONDS = 3.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_REMEMBERED = 256
_LISTED = 8


def load_openai(settings: Settings) -> OpenAIPredictor:
    """The predictor for the engine of the settings; does not ask it yet.

    Raises NamewrightError when the settings name none, or one that source text must not go to.
    """
    address = read_address(settings.endpoint, settings.openai_allow_insecure)
    return OpenAIPredictor(address, settings)


def what_leaves(address: Address) -> str:
    """One sentence on what is sent to an engine, and where."""
    if address.is_loopback:
        return f"nothing leaves this machine: {address} is on it"
    clear = ", readable on the way (plain http)" if address.scheme == "http" else ""
    return (
        f"the text of the function that is asked about, without its name and docstring, goes to"
        f" {address}{clear}; nothing else does"
    )


class OpenAIPredictor:
    """Asks for several samples and ranks them; see `engine.names`."""

    def __init__(self, address: Address, settings: Settings) -> None:
        self._engine = Engine(address, settings.openai_api, settings.openai_concurrency)
        self._seconds = float(settings.openai_timeout_seconds)
        self._limit = settings.openai_concurrency
        self._api = settings.openai_api
        self._wanted = settings.model
        self._lock = Lock()
        self._closing = Break()
        self._observer: Observer | None = None
        self._status = Status(NAME, "loading", f"{address} is asked for its models")
        self._failure: NamewrightError | None = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._prober: Thread | None = None
        self._found = self._model = settings.model
        self._knows_model = False
        self._identity = self._identity_of(self._model)
        self._remembered: OrderedDict[str, tuple[dict[str, float], float]] = OrderedDict()

    @property
    def identity(self) -> Identity:
        """Which engine and model answered last; changes within `predict` only."""
        return self._identity

    @property
    def device(self) -> str:
        """Where the model runs."""
        return str(self._engine.address)

    def facts(self) -> list[tuple[str, str]]:
        """Where the engine is, which model it serves, how far away it is, what it gets."""
        started = monotonic()
        try:
            served = self._engine.models(Deadline(_PROBE_SECONDS), self._closing)
            round_trip = f"{1000 * (monotonic() - started):.0f} ms"
        except Unavailable:
            served, round_trip = [], "no answer"
        manner = self._engine.manner
        details = [
            manner.api,
            "several answers at once" if manner.several else "one answer at a time",
            "with scores" if manner.scored else "without scores",
        ]
        return [
            ("endpoint", str(self._engine.address)),
            ("model", self._model or "the engine's own choice"),
            ("served", ", ".join(served[:_LISTED]) or "not listed"),
            ("asked for", ", ".join(details)),
            ("round trip", round_trip),
            ("privacy", what_leaves(self._engine.address)),
        ]

    def watch(self, observer: Observer) -> None:
        """Report to `observer` from now on; begins to ask the engine in the background."""
        self._observer = observer
        observer.status(self._status)
        if not self._engine.address.is_loopback:
            observer.tell(f"names come from an engine: {what_leaves(self._engine.address)}")
        self._probe_until_there(first_pause=0.0)

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Up to `k` candidates for each question, best first.

        Raises Unavailable when the engine does not answer, Cancelled when stopped.
        """
        if self._failure is not None:
            raise Unavailable(str(self._failure))
        breaking = Break()
        waves = -(-len(questions) // self._limit)
        deadline = Deadline(self._seconds * waves)
        try:
            self._adopt_model(deadline, breaking, stop)
            asked = self._sampled(questions, k, deadline, breaking, stop)
        except Cancelled:
            raise
        except NamewrightError as error:
            self._fail(error)
            raise
        finally:
            breaking.now()
        self._succeed()
        return [
            self._ranked(question, samples, k)
            for question, samples in zip(questions, asked, strict=True)
        ]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log-probability of each question's present name among its samples.

        A name that was not sampled gets less than the least probable one that was: engines do not
        agree on a way to score a given text.
        """
        scores: list[float] = []
        for start in range(0, len(questions), _REMEMBERED // 2):
            part = questions[start : start + _REMEMBERED // 2]
            missing = {one.digest(): one for one in part}
            for digest in missing.keys() & self._remembered.keys():
                del missing[digest]
            if missing:
                self.predict(list(missing.values()), _FEWEST_SINGLY)
            for question, name in zip(part, names[start:], strict=False):
                found, unseen = self._remembered[question.digest()]
                scores.append(found.get(name, unseen))
        return scores

    def close(self) -> None:
        """Break off what is under way; nothing is asked afterwards."""
        self._observer = None
        self._closing.now()
        self._engine.close()

    def _adopt_model(self, deadline: Deadline, breaking: Break, stop: StopFlag | None) -> None:
        """Know which model answers before it is asked, or caches would mix two of them up."""
        if not self._knows_model and not self._wanted:
            ask = partial(self._engine.models, deadline, breaking)
            models = in_parallel([ask], 1, deadline, breaking, stop)[0]
            if isinstance(models, NamewrightError):
                raise models
            self._find(models)
        with self._lock:
            if self._found != self._model:
                self._model = self._found
                self._identity = self._identity_of(self._model)

    def _sampled(
        self,
        questions: Sequence[Question],
        k: int,
        deadline: Deadline,
        breaking: Break,
        stop: StopFlag | None,
    ) -> list[list[Sample]]:
        together = min(max(2 * k, _FEWEST_TOGETHER), _MOST_TOGETHER)
        calls = [partial(self._ask, one.text, together, 1, deadline, breaking) for one in questions]
        asked: list[list[Sample]] = []
        for found in in_parallel(calls, self._limit, deadline, breaking, stop):
            if isinstance(found, NamewrightError):
                raise found
            asked.append(found)
        self._ask_again(questions, asked, k, deadline, stop)
        return asked

    def _ask_again(
        self,
        questions: Sequence[Question],
        asked: list[list[Sample]],
        k: int,
        deadline: Deadline,
        stop: StopFlag | None,
    ) -> None:
        """Ask engines that give one answer at a time for more, as far as time allows."""
        singly = min(max(k + 2, _FEWEST_SINGLY), _MOST_SINGLY)
        for seeds in (range(2, _SETTLED + 1), range(_SETTLED + 1, singly + 1)):
            needy = [
                index
                for index, samples in enumerate(asked)
                if len(samples) == seeds.start - 1 and not _is_enough(samples, k)
            ]
            places = [(index, seed) for index in needy for seed in seeds]
            waves = -(-len(places) // self._limit)
            more = Deadline(min(deadline.left(), _AGAIN_SECONDS * waves))
            if not places or not more.left():
                return
            breaking = Break()
            calls = [
                partial(self._ask, questions[index].text, 1, seed, more, breaking)
                for index, seed in places
            ]
            found = in_parallel(calls, self._limit, more, breaking, stop)
            breaking.now()
            for (index, _), samples in zip(places, found, strict=True):
                # One answer is there already; a further one that fails is not missed.
                if not isinstance(samples, NamewrightError):
                    asked[index] += samples

    def _ask(
        self, text: str, count: int, seed: int, deadline: Deadline, breaking: Break
    ) -> list[Sample]:
        own = Deadline(min(self._seconds, deadline.left()))
        return self._engine.samples(text, self._model, count, seed, own, breaking)

    def _ranked(self, question: Question, samples: Sequence[Sample], k: int) -> list[Candidate]:
        candidates, unseen = rank(samples, question.prefix, len(samples) * k)
        found = {one.name: one.log_probability for one in candidates}
        self._remembered[question.digest()] = found, unseen
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return candidates[:k]

    def _identity_of(self, model: str) -> Identity:
        told = f"{self._engine.address}\x1e{model}\x1e{self._api}"
        fingerprint = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
        return Identity(NAME, model or "unnamed", fingerprint, understands_context=False)

    def _find(self, models: Sequence[str]) -> None:
        with self._lock:
            self._found = self._wanted or (models[0] if models else "")
            self._knows_model = True

    def _report(self, state: State, message: str) -> None:
        status = Status(NAME, state, message)
        with self._lock:
            changed, self._status = status != self._status, status
            observer = self._observer
        if changed and observer is not None:
            observer.status(status)

    def _succeed(self) -> None:
        with self._lock:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._report("ready", f"{self._model or 'its model'} at {self._engine.address}")

    def _fail(self, error: NamewrightError) -> None:
        """Refuse from now on, until the engine is back; only where somebody is told of that."""
        if self._observer is None:
            return
        with self._lock:
            self._failure = error
            pause = self._pause_seconds
            self._pause_seconds = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        self._report("failed", str(error))
        self._probe_until_there(pause)

    def _probe_until_there(self, first_pause: float) -> None:
        with self._lock:
            if self._prober is not None or self._closing.is_set:
                return
            self._prober = Thread(
                target=self._probe, args=(first_pause,), name="namewright-probe", daemon=True
            )
            self._prober.start()

    def _probe(self, pause: float) -> None:
        """Ask for the models until there is an answer; no source text is sent."""
        while not self._closing.wait(pause * random.uniform(0.8, 1.2)):
            try:
                models = self._engine.models(Deadline(_PROBE_SECONDS), self._closing)
            except Cancelled:
                return
            except NamewrightError as error:
                with self._lock:
                    self._failure = error
                self._report("failed", str(error))
                pause = min(max(2 * pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
                continue
            self._find(models)
            with self._lock:
                self._failure = self._prober = None
            self._report("ready", f"{self._found or 'its model'} at {self._engine.address}")
            return


def _is_enough(samples: Sequence[Sample], k: int) -> bool:
    return is_settled(samples, _SETTLED) or any(len(names_of(one)) >= k > 1 for one in samples)
