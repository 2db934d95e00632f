"""What the predictor is doing, as clients show it: one state, changed from any thread.

A predictor that has something to say of itself takes an `Observer`; the queue adds when it works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Literal, Protocol, TypeAlias, runtime_checkable

State: TypeAlias = Literal["loading", "ready", "busy", "failed", "unloaded"]


@dataclass(frozen=True, slots=True)
class Status:
    """Who predicts, in which state; `fallback` is who answers in its place, if anybody does."""

    predictor: str
    state: State
    message: str = ""
    latency_ms: float | None = None
    fallback: str | None = None

    def to_wire(self) -> dict[str, object]:
        """The parameters of the notification `namewright/status`."""
        wire = asdict(self)
        wire["latencyMs"] = wire.pop("latency_ms")
        return wire


class Observer(Protocol):
    """Hears what a predictor says of itself; called from any thread."""

    def status(self, status: Status) -> None:
        """The predictor's state changed."""
        ...

    def tell(self, message: str) -> None:
        """The user should read this, once."""
        ...


@runtime_checkable
class Reporting(Protocol):
    """A predictor that says more of itself than that it is there."""

    def watch(self, observer: Observer) -> None:
        """Report to `observer` from now on, the present state first."""
        ...


@runtime_checkable
class Described(Protocol):
    """A predictor with more to say of its set-up than its identity."""

    def facts(self) -> list[tuple[str, str]]:
        """Labels and values for a person who checks the set-up; may ask an engine."""
        ...


class StatusBoard:
    """The state a client sees, made of what the predictor reports and of what the queue does.

    `publish` hears every change, on the thread that caused it.
    """

    def __init__(self, predictor: str, publish: Callable[[Status], None]) -> None:
        self._publish = publish
        self._lock = Lock()
        self._reported = Status(predictor, "loading", "the model is being loaded")
        self._working = False
        self._latency_ms: float | None = None
        self._shown = self._reported

    @property
    def current(self) -> Status:
        """The state now."""
        return self._shown

    def report(self, status: Status) -> None:
        """Take what the predictor says of itself."""
        with self._lock:
            self._reported = status
        self._show()

    def working(self) -> None:
        """A prediction begins."""
        with self._lock:
            self._working = True
        self._show()

    def worked(self, latency_ms: float | None) -> None:
        """A prediction is over; without a latency when it gave no answer."""
        with self._lock:
            self._working = False
            if latency_ms is not None:
                self._latency_ms = round(latency_ms, 1)
        self._show()

    def _show(self) -> None:
        with self._lock:
            status = replace(self._reported, latency_ms=self._latency_ms)
            if self._working and status.state == "ready":
                status = replace(status, state="busy")
            changed = status != self._shown
            self._shown = status
        if changed:
            self._publish(status)
