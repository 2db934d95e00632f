"""An engine as the predictor sees it: asks for samples, again after a failure, plainer if need be.

What an engine understands is learnt from its refusals and remembered.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import TypeVar

from server.predictors.api_key import API_KEY, VARIABLE
from server.predictors.base import Unavailable
from server.predictors.engine.address import Address
from server.predictors.engine.answers import (
    Sample,
    error_text,
    read_json,
    read_models,
    read_samples,
)
from server.predictors.engine.requests import (
    LONGEST_QUESTION,
    Api,
    Manner,
    body_of,
    path_of,
    shortened,
)
from server.predictors.engine.transport import Break, Broken, Deadline, Reply, Transport

_T = TypeVar("_T")
_RETRIES = 2
_FIRST_PAUSE_SECONDS = 0.25
_SHORTEST_QUESTION = 200
_QUOTED = 120
_GIVEAWAY = 8
# Statuses that another attempt may change: too slow, too early, too many, the engine's own faults.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_NOT_UNDERSTOOD = frozenset({400, 422, 501})
_NO_SUCH_PLACE = frozenset({404, 405})


class _Refusal(Broken):
    """A status other than success; `text` is what the engine says of it."""

    def __init__(self, status: int, text: str, after: float) -> None:
        super().__init__(f"the engine answers with status {status}")
        self.status = status
        self.text = text
        self.after = after


class Engine:
    """One engine at one address; any thread may ask it, `concurrency` requests at once."""

    def __init__(self, address: Address, api: str, concurrency: int) -> None:
        self.address = address
        self._transport = Transport(address)
        self._slots = BoundedSemaphore(concurrency)
        self._lock = Lock()
        first: Api = "completions" if api == "completions" else "chat"
        self._first = self._manner = Manner(first)
        self._may_change_api = api == "auto"
        self._longest = LONGEST_QUESTION

    @property
    def manner(self) -> Manner:
        """How it is asked, as far as is known by now."""
        return self._manner

    def models(self, deadline: Deadline, breaking: Break) -> list[str]:
        """The models it serves, its own order; none where it does not list them.

        Raises Unavailable when it cannot be asked, Cancelled when broken off.
        """

        def ask() -> list[str]:
            with self._reply("/models", None, deadline, breaking) as reply:
                return read_models(read_json(reply))

        try:
            return self._asked(ask, deadline, breaking)
        except _Refusal as refusal:
            if refusal.status in _NO_SUCH_PLACE | _NOT_UNDERSTOOD:
                return []
            raise self._unavailable(refusal, "", "") from refusal

    def samples(
        self, question: str, model: str, count: int, seed: int, deadline: Deadline, breaking: Break
    ) -> list[Sample]:
        """Up to `count` answers to a question, at least one.

        Raises Unavailable when it cannot answer, Cancelled when broken off.
        """
        while True:
            manner, longest = self._manner, self._longest
            text = shortened(question, longest)
            body = body_of(text, model, manner, count, seed)

            def ask(manner: Manner = manner, body: object = body) -> list[Sample]:
                with self._reply(path_of(manner), body, deadline, breaking) as reply:
                    return read_samples(reply, count if manner.several else 1)

            try:
                return self._asked(ask, deadline, breaking)
            except _Refusal as refusal:
                if not self._adapts(refusal, manner, longest, len(text)):
                    with self._lock:
                        # Its refusals taught nothing; it may be another engine the next time.
                        self._manner, self._longest = self._first, LONGEST_QUESTION
                    raise self._unavailable(refusal, text, model) from refusal

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def _adapts(self, refusal: _Refusal, manner: Manner, longest: int, length: int) -> bool:
        """Whether there is another way to ask, which is then taken from now on."""
        says = refusal.text.lower()
        with self._lock:
            if self._manner != manner or self._longest != longest:
                return True  # another thread has learnt meanwhile
            if refusal.status in _NO_SUCH_PLACE and "model" in says:
                return False
            other: Manner | None = None
            if refusal.status in _NOT_UNDERSTOOD:
                if "context" in says and min(longest, length) > 2 * _SHORTEST_QUESTION:
                    self._longest = min(longest, length) // 2
                    return True
                if "template" not in says:
                    other = manner.plainer()
            elif refusal.status not in _NO_SUCH_PLACE:
                other = manner.plainer() if manner.scored and "logprobs" in says else None
                if other is None:
                    return False
            if other is None and self._may_change_api and manner.api == "chat":
                other = Manner("completions")
            if other is None:
                return False
            self._manner = other
            return True

    @contextmanager
    def _reply(
        self, path: str, body: object, deadline: Deadline, breaking: Break
    ) -> Generator[Reply]:
        """A successful reply; raises _Refusal for another status, Unavailable for a web page."""
        exchange = self._transport.exchange(path, body, API_KEY.value(), deadline, breaking)
        with exchange as reply:
            is_page = reply.media_type in ("text/html", "application/xhtml+xml")
            if not 200 <= reply.status < 300:
                text = "" if is_page else _said(reply)
                raise _Refusal(reply.status, text, _retry_after(reply))
            if is_page:
                raise Unavailable(
                    f"{self.address} answers with a web page; does `endpoint` end with /v1?"
                )
            yield reply

    def _asked(self, ask: Callable[[], _T], deadline: Deadline, breaking: Break) -> _T:
        """The answer, after further attempts where they may help; raises _Refusal for the rest."""
        if not self._slots.acquire(timeout=deadline.left()):
            raise Unavailable(f"{self.address} is still busy with earlier questions; ask again")
        try:
            for attempt in range(_RETRIES + 1):
                try:
                    return ask()
                except Broken as error:
                    wait = _pause(error, attempt)
                    if attempt == _RETRIES or wait is None or wait >= deadline.left():
                        if isinstance(error, _Refusal):
                            raise
                        raise Unavailable(f"{error}; is the engine running?") from error
                    breaking.wait(wait)
            raise AssertionError("unreachable")
        finally:
            self._slots.release()

    def _unavailable(self, refusal: _Refusal, text: str, model: str) -> Unavailable:
        status, where = refusal.status, self.address
        said = _quotable(refusal.text, text)
        if status in (401, 403):
            had = "refuses the key" if API_KEY.value() else "wants a key"
            return Unavailable(
                f"{where} {had} ({status}); set {VARIABLE}, or the key in the editor's secret store"
            )
        if status == 429:
            return Unavailable(f"{where} is overloaded or its quota spent (429); ask again later")
        if 300 <= status < 400:
            return Unavailable(f"{where} redirects elsewhere ({status}); set `endpoint` to there")
        if status in _NO_SUCH_PLACE:
            named = f"the model {model!r}" if model else "a model"
            return Unavailable(
                f"{where} does not know {named} or this address ({status}{said});"
                " see `model` and `endpoint`"
            )
        if status >= 500:
            return Unavailable(f"{where} fails ({status}{said}); see the engine's log")
        return Unavailable(f"{where} does not take the question ({status}{said})")


def _pause(error: Broken, attempt: int) -> float | None:
    """Seconds to wait before another attempt, spread by chance; None where none would help."""
    wait = _FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5)
    if not isinstance(error, _Refusal):
        return wait
    if error.status not in _PASSING or "logprobs" in error.text.lower():
        return None
    return max(wait, error.after)


def _said(reply: Reply) -> str:
    try:
        return error_text(read_json(reply))
    except Broken:
        return ""


def _retry_after(reply: Reply) -> float:
    """The seconds that an engine asks for; dates are not read."""
    text = reply.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _quotable(said: str, question: str) -> str:
    """What an engine said, to be shown: short, without the key and without source text."""
    key = API_KEY.value()
    if key:
        said = said.replace(key, "…")
    lines = (line.strip() for line in question.split("\n"))
    if not said or any(line in said for line in lines if len(line) > _GIVEAWAY):
        return ""
    return f": {said[:_QUOTED]}"
