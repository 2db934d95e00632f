"""Builds corpora beside plain Python: functions per second and core, memory, near-duplicates.

    python -m benchmarks.dataset --repo DIR [DIR ...]
    python -m benchmarks.dataset --manifest F.tsv [--manifest G.tsv] --repositories DIR
        [--functions 1000000] [--workers 2] [--repo DIR ...] [--json FILE]

The peer reads the same files from the same `git cat-file --batch`, finds the functions with
Python's `ast`, writes question, name and context as compressed JSON Lines, all with the standard
library and on one core. Both keep every function they find.

With a manifest its whole corpus is built, near-duplicates out, and then so many different
functions of it, tests among them, are searched for near-duplicates; where the first manifest has
too few, the others are read as well, outside the time. A dozen of its repositories are built with
one and with two workers and compared. Memory is that of all processes together. Each line is
printed when it is measured.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import re
import tempfile
import textwrap
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dataset.build import Build, build, make_parts
from dataset.engines import Processes
from dataset.extract import Choice
from dataset.manifest import Rules, read_manifest
from dataset.near_duplicates import NearOptions, find_near_duplicates
from dataset.parts import Job, Part, make_part
from dataset.sources.git import Repository, head_commit
from dataset.storage import read_tables

ROUNDS = 3
Definition = ast.FunctionDef | ast.AsyncFunctionDef


# Repositories built twice, to compare the bytes.
COMPARED = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; the two on one core tell the processor time of their best round."""

    what: str
    functions: int
    seconds: float
    processor: float
    megabytes: float

    def show(self) -> str:
        return (
            f"{self.what:<40}{self.functions:>11,}{self.seconds:>9.1f}{self.processor:>11.1f}"
            f"{self.functions / self.seconds:>13,.0f}{self.megabytes:>10,.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repo", nargs="+", type=Path, default=[Path()], help="git directories")
    parser.add_argument("--manifest", action="append", type=Path, help="build all of the first")
    parser.add_argument("--repositories", type=Path, help="folder of its git directories")
    parser.add_argument("--functions", type=int, default=1_000_000, help="to find near-duplicates")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the lines here too")
    options = parser.parse_args()
    if options.manifest and not options.repositories:
        parser.error("--manifest needs --repositories")
    print(
        f"{'':<40}{'functions':>11}{'seconds':>9}{'processor':>11}{'functions/s':>13}{'MB':>10}",
        flush=True,
    )
    lines: list[Line] = []
    for line in _measure(options):
        lines.append(line)
        print(line.show(), flush=True)
        if len(lines) == 2:
            print(_ratio(*lines), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")


def _measure(options: argparse.Namespace) -> Iterator[Line]:
    yield from _side_by_side(options.repo)
    if options.manifest:
        units = [read_manifest(path, Rules(options.repositories))[0] for path in options.manifest]
        with tempfile.TemporaryDirectory() as folder:
            yield _whole(units[0], Path(folder), options.workers)
            parts = _enough_parts(units, Path(folder) / "parts", options)
            yield _near(parts, options.functions, Path(folder), options.workers)
            print(_same_bytes(units[0], Path(folder)), flush=True)


def _ratio(ours: Line, peer: Line) -> str:
    faster = (ours.functions / ours.seconds) / (peer.functions / peer.seconds)
    return f"{faster:.2f} times as fast per core as the standard library"


def _side_by_side(git_dirs: list[Path]) -> Iterator[Line]:
    units = [
        Repository(f"bench/{number}", head_commit(path), "unknown", path)
        for number, path in enumerate(git_dirs)
    ]
    yield _one_core("git to Parquet, one core", lambda path: _ours(units, path))
    yield _one_core("ast to JSON Lines, one core", lambda path: _peer(units, path))


def _one_core(what: str, work: Callable[[Path], int]) -> Line:
    best: list[tuple[float, int]] = []
    with _peak() as megabytes:
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                start = _processor_time()
                functions = work(Path(folder))
                best.append((_processor_time() - start, functions))
    seconds, functions = min(best)
    return Line(what, functions, seconds, seconds, megabytes[0])


def _processor_time() -> float:
    """Of this process and of those it started and saw end: neighbours do not count."""
    return sum(os.times()[:4])


@contextmanager
def _peak() -> Generator[list[float]]:
    """The most memory that this process and all below it held at once, sampled, in megabytes."""
    found = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while True:
            found[0] = max(found[0], _resident(os.getpid()) / 1024)
            if ended.wait(0.25):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _resident(process: int) -> int:
    """Kilobytes of a process and of all below it; pages that several share count once for each."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [word for task in tasks for word in (task / "children").read_text().split()]
    except OSError:
        return 0
    match = re.search(r"VmRSS:\s+(\d+)", status)
    return int(match.group(1) if match else 0) + sum(_resident(int(child)) for child in children)


def _ours(units: list[Repository], folder: Path) -> int:
    parts = (make_part(Job(unit, folder, Choice())) for unit in units)
    return sum(part.counts["functions"] for part in parts)


def _peer(units: list[Repository], folder: Path) -> int:
    functions = 0
    for number, unit in enumerate(units):
        with gzip.open(folder / f"{number}.jsonl.gz", "wt", compresslevel=3) as stream:
            for document in unit.documents(Counter()):
                for row in _rows_with_ast(document.data.decode(), document.path):
                    stream.write(json.dumps(row) + "\n")
                    functions += 1
    return functions


def _rows_with_ast(text: str, path: str) -> Iterator[dict[str, Any]]:
    """What a careful script without other libraries would write; nothing for a broken file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    lines = text.split("\n")
    scopes: list[tuple[ast.AST, tuple[str, ...]]] = [(tree, ())]
    while scopes:
        scope, chain = scopes.pop()
        found: list[Definition] = []
        for node in _definitions(scope):
            if isinstance(node, ast.ClassDef):
                scopes.append((node, (*chain, node.name)))
            else:
                found.append(node)
                scopes.append((node, chain))
        for node in found:
            yield _row(node, lines, path, chain, [other.name for other in found])


def _definitions(scope: ast.AST) -> Iterator[ast.ClassDef | Definition]:
    """Definitions directly in a scope, through its branches and loops."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            waiting += ast.iter_child_nodes(node)


def _row(
    node: Definition, lines: list[str], path: str, chain: tuple[str, ...], siblings: list[str]
) -> dict[str, Any]:
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    docstring = ast.get_docstring(node) or ""
    body = lines[first:last]
    if docstring:
        text = node.body[0]
        body = lines[first : text.lineno - 1] + lines[text.end_lineno or text.lineno : last]
    word = re.compile(rf"\b{node.name}\b")
    question = textwrap.dedent("\n".join(line for line in body if line.strip()))
    return {
        "question_text": word.sub("x", question),
        "name": node.name,
        "file_stem": Path(path).stem,
        "class_chain": chain,
        "decorators": [word.sub("x", ast.unparse(entry)) for entry in node.decorator_list],
        "siblings": [name for name in siblings if name != node.name],
        "docstring": word.sub("x", docstring),
        "path": path,
        "line": node.lineno,
    }


def _whole(units: Sequence[Repository], folder: Path, workers: int) -> Line:
    plan = Build(units, folder, Processes(workers), near=NearOptions())
    with _peak() as megabytes:
        start, processor = time.perf_counter(), _processor_time()
        stats: Any = build(plan, lambda _part: None)
        seconds, processor = time.perf_counter() - start, _processor_time() - processor
    what = f"{len(units)} repositories, {workers} workers"
    return Line(what, stats["counts"]["functions"], seconds, processor, megabytes[0])


def _enough_parts(
    units: Sequence[Sequence[Repository]], folder: Path, options: argparse.Namespace
) -> list[Part]:
    """The parts of as many manifests as it takes to have the functions asked for."""
    parts: list[Part] = []
    for some in units:
        jobs = [Job(unit, folder, Choice()) for unit in some]
        parts += make_parts(jobs, Processes(options.workers), lambda _part: None)
        if _count(_different(parts, options.functions)) >= options.functions:
            break
    return [part for part in parts if not part.problem]


def _near(parts: Sequence[Part], functions: int, folder: Path, workers: int) -> Line:
    keep = _different(parts, functions)
    before = _count(keep)
    with _peak() as megabytes:
        start, processor = time.perf_counter(), _processor_time()
        options, engine = NearOptions(), Processes(workers)
        found = find_near_duplicates(parts, keep, (), options, folder / "near", engine)
        seconds, processor = time.perf_counter() - start, _processor_time() - processor
    what = f"near-duplicates ({found.duplicates:,} found)"
    return Line(what, before, seconds, processor, megabytes[0])


def _different(parts: Sequence[Part], functions: int) -> list[bytearray]:
    """Marks the first so many rows with questions of their own."""
    seen: set[str] = set()
    keep: list[bytearray] = []
    for part in parts:
        mask = bytearray()
        for table in [] if part.problem else read_tables(part.path, ["source_hash"]):
            for source_hash in table.column("source_hash").to_pylist():
                new = len(seen) < functions and source_hash not in seen
                if new:
                    seen.add(source_hash)
                mask.append(new)
        if not part.problem:
            keep.append(mask)
    return keep


def _count(keep: Sequence[bytearray]) -> int:
    return sum(sum(mask) for mask in keep)


def _same_bytes(units: Sequence[Repository], folder: Path) -> str:
    some = units[:: max(1, len(units) // COMPARED)][:COMPARED]
    for workers in (1, 2):
        plan = Build(some, folder / f"{workers}", Processes(workers), near=NearOptions())
        build(plan, lambda _part: None)
    first, second = (_contents(folder / f"{workers}") for workers in (1, 2))
    verdict = "the same bytes" if first == second else "DIFFERENT bytes"
    return f"{verdict} of {len(some)} repositories with one and with two workers"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


if __name__ == "__main__":
    main()
