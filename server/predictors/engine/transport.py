"""One HTTP exchange with an engine, line by line, that another thread can break off.

The standard library's `http.client`, because the default installation is to stay small and what is
needed is little: JSON there, a stream of lines back, connections that are used again, and a socket
that can be closed from outside. Redirects are not followed and proxies not asked: source text goes
to the address the user gave and nowhere else.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from threading import Event, Lock
from time import monotonic
from typing import cast

from server import __version__
from server.errors import NamewrightError
from server.predictors.base import Cancelled
from server.predictors.engine.address import Address

_CONNECT_SECONDS = 5.0
_MOST_BYTES = 4_000_000
_LONGEST_LINE = 1_000_000
_END_SECONDS = 0.05
_MOST_TAIL = 65_536
_IDLE_KEPT = 8
# Engines close idle connections after about five seconds (uvicorn's default).
_IDLE_SECONDS = 4.0


class Broken(NamewrightError):
    """The exchange failed on the way; another attempt may succeed."""


class Deadline:
    """A moment by which an answer must be there."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds that remain; not negative."""
        return max(0.0, self._end - monotonic())


class Break:
    """Breaks off every exchange that was begun with it; any thread may call `now`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sockets: set[socket.socket] = set()
        self._event = Event()

    @property
    def is_set(self) -> bool:
        """Whether `now` has been called."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether `now` was called."""
        return self._event.wait(seconds)

    def now(self) -> None:
        """Close the sockets, so that reads and writes on them fail at once."""
        with self._lock:
            self._event.set()
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            # Without it a read in another thread would go on waiting.
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def breaks(self, one: socket.socket) -> Generator[None]:
        """Let `now` close this socket meanwhile; raises Cancelled when it has been called."""
        with self._lock:
            if self.is_set:
                raise Cancelled("the request was broken off")
            self._sockets.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(one)


@dataclass(slots=True)
class Reply:
    """What an engine answered; `lines` can be read once."""

    status: int
    headers: Mapping[str, str]
    lines: Iterator[bytes]

    @property
    def media_type(self) -> str:
        """`application/json`, `text/event-stream`, `text/html`…"""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class _Idle:
    connection: HTTPConnection
    since: float


class Transport:
    """Connections to one address, used again while they last; safe from any thread."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = Lock()
        self._idle: list[_Idle] = []
        self._closed = False
        self._context = ssl.create_default_context() if address.scheme == "https" else None

    @contextmanager
    def exchange(
        self, path: str, body: object, key: str, deadline: Deadline, breaking: Break
    ) -> Generator[Reply]:
        """POST `body` as JSON, or GET when it is None; `path` follows the address's base.

        Raises Broken when the engine cannot be reached, is silent until the deadline or stops in
        the middle, also while the reply is read; Cancelled when it was broken off.
        """
        connection: HTTPConnection | None = None
        whole = False
        try:
            connection, response, wire = self._send(path, body, key, deadline, breaking)
            with breaking.breaks(wire):
                headers = {name.lower(): value for name, value in response.getheaders()}
                yield Reply(response.status, headers, _lines(response, wire, deadline))
                whole = _is_read_to_its_end(response, wire) and not response.will_close
        except (OSError, http.client.HTTPException, ValueError) as error:
            if breaking.is_set:
                raise Cancelled("the request was broken off") from error
            raise Broken(self._reason(error, deadline)) from error
        finally:
            if connection is not None:
                self._give_back(connection, whole)

    def close(self) -> None:
        """Close the idle connections and keep none from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for one in idle:
            one.connection.close()

    def _send(
        self, path: str, body: object, key: str, deadline: Deadline, breaking: Break
    ) -> tuple[HTTPConnection, HTTPResponse, socket.socket]:
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Accept": "application/json, text/event-stream",
            "User-Agent": f"namewright/{__version__}",
        }
        if data is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Authorization"] = f"Bearer {key}"
        method, target = "GET" if data is None else "POST", f"{self._address.base}{path}"
        while True:
            connection, used_before = self._take(deadline)
            try:
                if connection.sock is None:
                    connection.connect()
                wire = cast(socket.socket, connection.sock)
                with breaking.breaks(wire):
                    wire.settimeout(_remaining(deadline))
                    connection.request(method, target, data, headers)
                    return connection, connection.getresponse(), wire
            except (ConnectionError, http.client.BadStatusLine):
                connection.close()
                # The engine had closed a connection that lay idle: not its failure.
                if not used_before or breaking.is_set:
                    raise
            except BaseException:
                connection.close()
                raise

    def _take(self, deadline: Deadline) -> tuple[HTTPConnection, bool]:
        with self._lock:
            while self._idle:
                one = self._idle.pop()
                if monotonic() - one.since < _IDLE_SECONDS:
                    return one.connection, True
                one.connection.close()
        seconds = min(_CONNECT_SECONDS, _remaining(deadline))
        host, port = self._address.host, self._address.port
        if self._context is None:
            return HTTPConnection(host, port, timeout=seconds), False
        return HTTPSConnection(host, port, timeout=seconds, context=self._context), False

    def _give_back(self, connection: HTTPConnection, whole: bool) -> None:
        with self._lock:
            if whole and not self._closed and len(self._idle) < _IDLE_KEPT:
                self._idle.append(_Idle(connection, monotonic()))
                return
        connection.close()

    def _reason(self, error: Exception, deadline: Deadline) -> str:
        address = self._address
        if isinstance(error, TimeoutError):
            return f"{address} was silent for {deadline.seconds - deadline.left():.0f} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the certificate of {address} is not trusted ({error.verify_message})"
        if isinstance(error, ssl.SSLError):
            return f"{address} does not speak https"
        if isinstance(error, ConnectionRefusedError):
            return f"nothing listens at {address}"
        if isinstance(error, socket.gaierror):
            return f"the host {address.host} is not known"
        if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionError):
            return f"{address} does not speak http"
        if isinstance(error, http.client.IncompleteRead | ConnectionError):
            return f"{address} broke its answer off"
        return f"{address} cannot be asked ({type(error).__name__})"


def _remaining(deadline: Deadline) -> float:
    left = deadline.left()
    if not left:
        raise TimeoutError("the deadline has passed")
    return left


def _is_read_to_its_end(response: HTTPResponse, wire: socket.socket) -> bool:
    """Whether nothing of the answer is left, after a short look for what follows its last line."""
    try:
        wire.settimeout(_END_SECONDS)
        response.read(_MOST_TAIL)
    except (OSError, http.client.HTTPException):
        return False
    return response.isclosed()


def _lines(response: HTTPResponse, wire: socket.socket, deadline: Deadline) -> Iterator[bytes]:
    size = 0
    while True:
        wire.settimeout(_remaining(deadline))
        line = response.readline(_LONGEST_LINE)
        if not line:
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            return
        size += len(line)
        if size > _MOST_BYTES:
            raise ValueError("the answer does not end")
        yield line
