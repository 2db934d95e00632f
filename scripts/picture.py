"""Draws docs/figures/suggest.svg from what the command line really prints.

python scripts/picture.py
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
FIGURE = ROOT / "docs" / "figures" / "suggest.svg"
WIDTH = 92
COMMANDS = (
    ("suggest", "examples/orders.py", "--line", "36"),
    ("suggest", "examples/intervals.py", "--function", "merge_intervals"),
    ("audit", "examples"),
)


def main() -> None:
    """Run the commands in a terminal of our own and keep what it showed."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for command in COMMANDS:
        console.print(Text.assemble(("$ ", "bold cyan"), f"namewright {' '.join(command)}"))
        console.print(Text.from_ansi(output_of(command)))
        console.print()
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title="namewright", unique_id="namewright")
    # The reader's own monospace font will do: a picture must not fetch anything.
    svg = re.sub(r"\s*@font-face\s*\{[^}]*\}", "", svg)
    FIGURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", "utf-8")
    print(f"wrote {FIGURE.relative_to(ROOT)}")


def output_of(command: tuple[str, ...]) -> str:
    """What the real command prints to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-m", "server", *command],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        cwd=ROOT,
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


if __name__ == "__main__":
    main()
