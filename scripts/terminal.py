"""What the real command line prints to a terminal, for the pictures made of it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def output_of(command: tuple[str, ...], width: int, folder: Path = ROOT) -> str:
    """The output of `namewright COMMAND` on a terminal of `width` columns, with its colours.

    Exits with the command's own complaint when it fails.
    """
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "COLUMNS": str(width),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "server", *command],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment,
    ) as process:
        os.close(theirs)
        pieces: list[bytes] = []
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end closed: how a Linux terminal says "no more"
                break
            if not piece:
                break
            pieces.append(piece)
        errors = process.stderr.read().decode() if process.stderr else ""
    os.close(ours)
    if process.returncode:
        raise SystemExit(f"namewright {' '.join(command)}: {errors}")
    return b"".join(pieces).decode("utf-8").replace("\r\n", "\n").rstrip()
