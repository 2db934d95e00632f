"""Starts the process that holds the model and carries messages to and from it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from typing import BinaryIO, cast

from server.predictors.worker import protocol
from server.predictors.worker.protocol import Message, ProtocolError

_LOG = logging.getLogger("namewright.worker")
_KEPT_LINES = 20
_GRACE_SECONDS = 3.0


class WorkerProcess:
    """One process. `on_message` hears each message and `on_exit` once how it ended, on a thread of
    their own."""

    def __init__(
        self,
        first: protocol.Load,
        on_message: Callable[[WorkerProcess, Message], None],
        on_exit: Callable[[WorkerProcess, str], None],
    ) -> None:
        self._on_message = on_message
        self._on_exit = on_exit
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._writing = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "server.predictors.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            # Ctrl-C in a terminal is for the command, which then closes this one.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.send(first)
        for work in (self._listen, self._keep_lines):
            Thread(target=work, name="namewright-worker", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, message: protocol.ToWorker) -> None:
        """Say something; a process that has ended is told of by `on_exit`, not here."""
        with self._writing, suppress(OSError, ValueError):
            protocol.write(cast("BinaryIO", self._process.stdin), message)

    def close(self) -> None:
        """End the process: ask it first, then insist. Does not wait."""
        with self._writing, suppress(OSError, ValueError):
            cast("BinaryIO", self._process.stdin).close()
        Thread(target=self._insist, name="namewright-worker", daemon=True).start()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def _insist(self) -> None:
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _listen(self) -> None:
        reason = ""
        try:
            while message := protocol.read(cast("BinaryIO", self._process.stdout)):
                self._on_message(self, message)
        except (ProtocolError, OSError, ValueError) as error:
            reason = str(error)
            self._process.kill()
        status = self._process.wait()
        self._on_exit(self, reason or _told(status, tuple(self._lines)))

    def _keep_lines(self) -> None:
        for line in cast("BinaryIO", self._process.stderr):
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            _LOG.debug("%s", text)


def _told(status: int, lines: tuple[str, ...]) -> str:
    if status < 0:
        return f"signal {-status}"
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"exit status {status}" + (f": {last[:160]}" if last and status else "")


def _environment() -> dict[str, str]:
    """Nothing is fetched by this process, and it finds the modules that this one found."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        # Batches are of many sizes: blocks that grow leave no holes between them.
        "PYTORCH_CUDA_ALLOC_CONF": os.environ.get(
            "PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"
        ),
    }
