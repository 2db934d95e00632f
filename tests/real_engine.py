"""Starts a real engine as a process of its own and waits until it listens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 180.0
_SERVE = "from transformers.cli.transformers import main; main()"


@contextmanager
def transformers_serve(model: Path) -> Iterator[str]:
    """`transformers serve` on the processor with one model; yields its base address."""
    port = free_port()
    flags = ["--port", str(port), "--host", "127.0.0.1", "--device", "cpu", "--dtype", "float32"]
    command = [sys.executable, "-c", _SERVE, "serve", str(model), *flags]
    with running(command, f"http://127.0.0.1:{port}/health", model.parent / "engine.log"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def running(command: Sequence[str], url: str, log: Path) -> Iterator[None]:
    """A process that answers at `url`; it is ended afterwards."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env=environment
        )
    try:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > end:
                said = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the engine did not start: {said}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (OSError, urllib.error.URLError):
        return False
