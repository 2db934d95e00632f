"""One editor's connection: its open files, settings, predictor and background threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from server.documents import Documents, Snapshot
from server.features.client_profile import ClientProfile
from server.line_index import Place
from server.logs import set_level
from server.predictors.base import NamePredictor
from server.predictors.cache import Answer, AnswerCache
from server.predictors.queue import Job, PredictionQueue
from server.predictors.status import Status
from server.reporting import STATUS_METHOD, Reporter
from server.settings import Settings, resolve
from server.suggestions import Asked, Offer, look_up
from server.workers import Worker

_LOG = logging.getLogger("namewright.session")
_T = TypeVar("_T")
LoadPredictor: TypeAlias = Callable[[str, Settings], NamePredictor]
# Names beyond those offered are asked for, because some will be taken or spelled alike.
SPARE_NAMES = 1
REST_SECONDS = 0.1
PAUSE_SECONDS = 0.1


class Client(Protocol):
    """The editor at the other end; called on the event loop's thread only."""

    async def request(self, method: str, params: object) -> Any:
        """Send a request and await its result; raises NamewrightError when it is refused."""
        ...

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        ...

    def warn(self, message: str) -> None:
        """Tell the user about a set-up that needs attention."""
        ...


class DocumentListener(Protocol):
    """Hears which open files changed, and that the settings did."""

    def follow(self, uri: str) -> None:
        """A file was opened or edited."""
        ...

    def forget(self, uri: str) -> None:
        """A file was closed."""
        ...

    def reconfigure(self) -> None:
        """The settings changed."""
        ...


class Session:
    """The state of one connection; the features work on it."""

    def __init__(self, load_predictor: LoadPredictor, client: Client) -> None:
        self.client = client
        self.documents = Documents()
        self.profile = ClientProfile()
        self.settings = Settings()
        self.roots: tuple[Path, ...] = ()
        self.layers: dict[str, object] = {}
        self.listeners: list[DocumentListener] = []
        self.running: dict[int | str, asyncio.Task[Any]] = {}
        self.starting: asyncio.Task[None] | None = None
        self._load_predictor = load_predictor
        self._cache = AnswerCache()
        self._told: set[str] = set()
        self._last_place = ("", Place(0, 0))
        self._pausing: asyncio.TimerHandle | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._rests_on: tuple[str, str] | None = None
        self._analysis = Worker("analysis")
        self._renaming = Worker("renaming")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reporter, self.queue = self._new_queue()

    @property
    def status(self) -> Status:
        """What the predictor is doing."""
        return self._reporter.current

    def start_predictor(self) -> None:
        """Load the predictor, and tell the editor from now on how it fares."""
        self._loop = asyncio.get_running_loop()
        self._publish(self.status)
        self.queue.start()

    def renew_remote_predictor(self) -> None:
        """Begin anew with an engine whose key changed."""
        if self.settings.predictor == "openai":
            self._renew_queue()

    def configure(self, layer: str, options: object) -> None:
        """Take one layer of options (`initialization` or `workspace`) and act on what changed."""
        self.layers[layer] = options
        names = ("initialization", "workspace")
        before, self.settings = (
            self.settings,
            resolve(*(self.layers.get(name) for name in names), warn=self.warn_once),
        )
        if self.settings.log_level != before.log_level:
            set_level(self.settings.log_level)
        if _predictor_of(self.settings) != _predictor_of(before):
            self._renew_queue()
        if self.settings != before:
            for listener in self.listeners:
                listener.reconfigure()

    def warn_once(self, message: str) -> None:
        """Tell the user something that one telling is enough for; any thread may call it."""
        if message not in self._told:
            self._told.add(message)
            self.client.warn(message)

    async def analyse(self, call: Callable[[], _T]) -> _T:
        """Run work on syntax trees off the event loop."""
        return await asyncio.wrap_future(self._analysis.submit(call))

    async def look_up(self, snapshot: Snapshot, place: Place) -> tuple[Asked | None, Offer | None]:
        """The question at a place of an open file, and what to offer as far as it is cached."""
        self._last_place = (snapshot.uri, place)
        return await self.analyse(self._look(snapshot, place))

    def analyse_soon(self, uri: str) -> None:
        """Parse a file once typing pauses, before the editor asks about it."""
        if self._pausing is not None:
            self._pausing.cancel()
        loop = asyncio.get_running_loop()
        self._pausing = loop.call_later(PAUSE_SECONDS, self._analyse_quietly, uri)

    async def rename(self, call: Callable[[], _T]) -> _T:
        """Run work on the whole workspace off the event loop, apart from the quick analysis."""
        return await asyncio.wrap_future(self._renaming.submit(call))

    def predict(self, job: Job) -> Future[Answer]:
        """Ask for names; see `PredictionQueue.submit`."""
        self._stop_resting()
        return self.queue.submit(job)

    def predict_at_rest(self, job: Job) -> None:
        """Ask in the background once the cursor has stayed for a moment."""
        if self._resting is not None and self._rests_on == job.key:
            # An editor that polls must not put it off for ever.
            return
        self._stop_resting()
        loop = asyncio.get_running_loop()
        self._rests_on = job.key
        self._resting = loop.call_later(REST_SECONDS, self._submit_quietly, job)

    def overlays(self) -> Mapping[Path, bytes]:
        """The open files that have a path, as the editor shows them."""
        return {one.path: one.source for one in self.documents if one.path is not None}

    def close(self) -> None:
        """Stop all work; threads are daemons and need no waiting."""
        self._stop_resting()
        self.queue.close()

    def _analyse_quietly(self, uri: str) -> None:
        self._pausing = None
        snapshot = self.documents.get(uri)
        if snapshot is None:
            return
        last_uri, place = self._last_place
        # The editor will most likely ask about the same place again.
        self._analysis.submit(
            self._look(snapshot, place) if last_uri == uri else lambda: snapshot.functions
        )

    def _look(
        self, snapshot: Snapshot, place: Place
    ) -> Callable[[], tuple[Asked | None, Offer | None]]:
        encoding, settings, queue = self.profile.encoding, self.settings, self.queue
        return lambda: look_up(snapshot, place, encoding, settings, queue)

    def _submit_quietly(self, job: Job) -> None:
        self._resting = None
        future = self.queue.submit(job)
        future.add_done_callback(lambda done: None if done.cancelled() else done.exception())

    def _stop_resting(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def _renew_queue(self) -> None:
        self._reporter.silence()
        self.queue.close()
        self._reporter, self.queue = self._new_queue()
        if self._loop is not None:
            self.start_predictor()

    def _new_queue(self) -> tuple[Reporter, PredictionQueue]:
        settings = self.settings

        def load() -> NamePredictor:
            return self._load_predictor(settings.predictor, settings)

        reporter = Reporter(settings.predictor, self._publish, self.warn_once)
        count = settings.candidates + SPARE_NAMES
        return reporter, PredictionQueue(load, self._cache, count, reporter)

    def _publish(self, status: Status) -> None:
        """Tell the editor once it listens; called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.client.notify, STATUS_METHOD, status.to_wire())


_OF_PREDICTOR = ("predictor", "threads", "endpoint", "model", "candidates")
_ONE_PREDICTOR = ("embedded_", "openai_", "transformers_")


def _predictor_of(settings: Settings) -> tuple[object, ...]:
    """All that a predictor is made from."""
    return tuple(
        getattr(settings, one.name)
        for one in fields(settings)
        if one.name in _OF_PREDICTOR or one.name.startswith(_ONE_PREDICTOR)
    )
