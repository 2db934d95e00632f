"""How long an editor waits: the real server over stdio beside two others, on the same file.

    python -m benchmarks.latency [--rounds 20] [--json FILE] [--server "COMMAND"]

Opens a file of 10,000 lines that holds functions of 50, 250 and 1,000 tokens, and measures start,
code actions (asked by a person, cold and cached; asked by the editor), edits and memory. The peers,
jedi-language-server and python-lsp-server, answer code actions on the same file in the same run.
The table is printed last. `--server` measures another command in the place of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.stdio_client import Connection
from benchmarks.synthetic_file import LINES, SIZES, SyntheticFile, write_file

OURS = f"{shlex.quote(sys.executable)} -m server --stdio"
PEERS = {"jedi-language-server": "jedi-language-server", "python-lsp-server": "pylsp"}
STARTS = 5
EDITS = 50
# How long VS Code waits after typing before it asks.
PAUSE = 0.25
AUTOMATIC = 2
INVOKED = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One measured quantity of one server, in milliseconds or, for memory, MB."""

    server: str
    what: str
    unit: str
    samples: int
    p50: float
    p99: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="functions of each size")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--server", default=OURS, help="what is measured as namewright")
    options = parser.parse_args()
    file = write_file(options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.py"
        path.write_text(file.text, encoding="utf-8")
        rows = measure_ours(shlex.split(options.server), file, path)
        for name, program in PEERS.items():
            found = shutil.which(program, path=os.pathsep.join(_program_folders()))
            if found is None:
                sys.exit(f"{program} is not installed; pip install -e '.[bench]'")
            rows += measure_peer(name, [found], file, path)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print_table(rows, file)


def measure_ours(command: Sequence[str], file: SyntheticFile, path: Path) -> list[Row]:
    """All quantities of our server."""
    name = "namewright"
    rows = [_row(name, "start to initialized", _starts(command, path))]
    rows.append(_row(name, "start to first names", _first_names(command, file, path)))
    with _opened(command, file, path) as connection:
        _ask(connection, path, 0, AUTOMATIC)
        for size in SIZES:
            lines = file.lines[size]
            cold = [_timed(lambda at=line: _names(connection, path, at)) for line in lines]
            rows.append(_row(name, f"invoked, cold, {size} tokens", cold))
        line = file.lines[SIZES[1]][0]
        cached = [_timed(lambda: _names(connection, path, line)) for _ in range(200)]
        rows.append(_row(name, "invoked, cached", cached))
        resting = [_timed(lambda: _ask(connection, path, line, AUTOMATIC)) for _ in range(200)]
        rows.append(_row(name, "automatic, cached", resting))
        moving = [
            _timed(lambda at=at: _ask(connection, path, at, AUTOMATIC))
            for at in range(0, LINES, LINES // 200)
        ]
        rows.append(_row(name, "automatic, cursor moving", moving))
        rows.append(_row(name, "edit, automatic at once", _edits(connection, path, line, 0.0)))
        paused = _edits(connection, path, line, PAUSE)
        rows.append(_row(name, "edit, pause, automatic", paused))
        rows.append(_memory(name, connection))
    return rows


def measure_peer(name: str, command: Sequence[str], file: SyntheticFile, path: Path) -> list[Row]:
    """The quantities that a server without names has too."""
    rows = [_row(name, "start to initialized", _starts(command, path))]
    with _opened(command, file, path) as connection:
        lines = [line for size in SIZES for line in file.lines[size]][:20]
        cold = [_timed(lambda at=line: _ask(connection, path, at, INVOKED)) for line in lines]
        offered = len(_ask(connection, path, lines[0], INVOKED))
        rows.append(_row(name, f"invoked, cold ({offered} actions offered)", cold))
        again = [_timed(lambda: _ask(connection, path, lines[0], INVOKED)) for _ in range(50)]
        rows.append(_row(name, "invoked, again", again))
        resting = [_timed(lambda: _ask(connection, path, lines[0], AUTOMATIC)) for _ in range(50)]
        rows.append(_row(name, "automatic", resting))
        at_once = _edits(connection, path, lines[0], 0.0)
        rows.append(_row(name, "edit, automatic at once", at_once))
        rows.append(_memory(name, connection))
    return rows


def print_table(rows: Sequence[Row], file: SyntheticFile) -> None:
    """The table that the run is for."""
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()};")
    print(f"{LINES} lines, tokens counted by {file.tokenizer}\n")
    print("| server | what | n | p50 | p99 | unit |\n|---|---|---:|---:|---:|---|")
    for row in rows:
        print(
            f"| {row.server} | {row.what} | {row.samples} | {row.p50:.1f} | {row.p99:.1f} "
            f"| {row.unit} |"
        )


def _starts(command: Sequence[str], path: Path) -> list[float]:
    times: list[float] = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        with Connection(command) as connection:
            _initialize(connection, path)
            times.append(time.perf_counter() - begun)
    return times


def _first_names(command: Sequence[str], file: SyntheticFile, path: Path) -> list[float]:
    times: list[float] = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        with _opened(command, file, path) as connection:
            _names(connection, path, file.lines[SIZES[1]][0])
            times.append(time.perf_counter() - begun)
    return times


def _opened(command: Sequence[str], file: SyntheticFile, path: Path) -> Connection:
    connection = Connection(command)
    _initialize(connection, path)
    connection.notify("initialized", {})
    item = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": file.text}
    connection.notify("textDocument/didOpen", {"textDocument": item})
    return connection


def _initialize(connection: Connection, path: Path) -> None:
    literals = {"codeActionKind": {"valueSet": ["", "refactor", "refactor.rewrite"]}}
    action = {
        "codeActionLiteralSupport": literals,
        "dataSupport": True,
        "resolveSupport": {"properties": ["edit"]},
    }
    connection.request(
        "initialize",
        {
            "processId": os.getpid(),
            "rootUri": path.parent.as_uri(),
            "capabilities": {"textDocument": {"codeAction": action}},
            "initializationOptions": {"budgetMs": 10_000, "minimumProbability": 0.0},
        },
    )


def _ask(connection: Connection, path: Path, line: int, trigger: int) -> list[object]:
    place = {"line": line, "character": 4}
    result = connection.request(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": path.as_uri()},
            "range": {"start": place, "end": place},
            "context": {"diagnostics": [], "triggerKind": trigger},
        },
    )
    return result if isinstance(result, list) else []


def _names(connection: Connection, path: Path, line: int) -> None:
    """Ask as a person does; the budget is long enough for names, or for nothing better."""
    _ask(connection, path, line, INVOKED)


def _edits(connection: Connection, path: Path, line: int, pause: float) -> list[float]:
    """Type a character in a comment at the end of the file, pause, and time the next answer."""
    times: list[float] = []
    for _ in range(EDITS):
        connection.version += 1
        place = {"line": LINES - 1, "character": 2}
        begun = time.perf_counter()
        connection.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": path.as_uri(), "version": connection.version},
                "contentChanges": [{"range": {"start": place, "end": place}, "text": "x"}],
            },
        )
        time.sleep(pause)
        _ask(connection, path, line, AUTOMATIC)
        times.append(time.perf_counter() - begun - pause)
    return times


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _row(server: str, what: str, seconds: Sequence[float]) -> Row:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]
    row = Row(server, what, "ms", len(ordered), statistics.median(ordered) * 1000, p99 * 1000)
    print(f"{server}: {what}: {row.p50:.1f} / {row.p99:.1f} ms", file=sys.stderr)
    return row


def _memory(server: str, connection: Connection) -> Row:
    resident, peak = connection.memory_mb()
    return Row(server, "resident memory, and its peak", "MB", 1, resident, peak)


def _program_folders() -> list[str]:
    return [str(Path(sys.executable).parent), *os.environ.get("PATH", "").split(os.pathsep)]


if __name__ == "__main__":
    main()
