"""Builds corpora beside plain Python: functions per second and core, memory, near-duplicates.

    python -m benchmarks.dataset --repo DIR [DIR ...]
    python -m benchmarks.dataset --manifest F.tsv --repositories DIR    the whole of it, two workers

The peer reads the same files from the same `git cat-file --batch`, finds the functions with
Python's `ast`, writes question, name and context as compressed JSON Lines, all with the standard
library and on one core. Both keep every function they find. The table is printed last.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import re
import resource
import tempfile
import textwrap
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset.build import Build, build
from dataset.engines import Processes
from dataset.extract import Choice
from dataset.manifest import Rules, read_manifest
from dataset.near_duplicates import NearOptions
from dataset.parts import Job, make_part
from dataset.sources.git import Repository, head_commit

ROUNDS = 3
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; seconds are of the best round (for one core, of processor time)."""

    what: str
    functions: int
    seconds: float
    megabytes: float

    def show(self) -> str:
        return (
            f"{self.what:<44}{self.functions:>11,}{self.seconds:>9.2f}"
            f"{self.functions / self.seconds:>13,.0f}{self.megabytes:>10.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repo", nargs="+", type=Path, default=[Path()], help="git directories")
    parser.add_argument("--manifest", type=Path, help="build all of it, near-duplicates out")
    parser.add_argument("--repositories", type=Path, help="folder of its git directories")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    lines = _side_by_side(options.repo)
    if options.manifest:
        lines += _whole(options.manifest, options.repositories, options.workers)
    print(f"\n{'':<44}{'functions':>11}{'seconds':>9}{'functions/s':>13}{'peak MB':>10}")
    for line in lines:
        print(line.show())
    ours, peer = lines[0], lines[1]
    faster = (ours.functions / ours.seconds) / (peer.functions / peer.seconds)
    print(f"\n{faster:.2f} times as fast per core as the standard library")


def _side_by_side(git_dirs: list[Path]) -> list[Line]:
    units = [
        Repository(f"bench/{number}", head_commit(path), "unknown", path)
        for number, path in enumerate(git_dirs)
    ]
    ours: list[tuple[float, int]] = []
    peer: list[tuple[float, int]] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(_timed(lambda path: _ours(units, path), Path(folder)))
        with tempfile.TemporaryDirectory() as folder:
            peer.append(_timed(lambda path: _peer(units, path), Path(folder)))
    return [
        Line("git to Parquet, one core", min(ours)[1], min(ours)[0], _peak()),
        Line("ast to JSON Lines, one core", min(peer)[1], min(peer)[0], _peak()),
    ]


def _timed(work: Any, folder: Path) -> tuple[float, int]:
    start = _processor_time()
    functions = work(folder)
    return _processor_time() - start, functions


def _processor_time() -> float:
    """Of this process and of the `git` it started: neighbours do not count."""
    return sum(os.times()[:4])


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


def _whole(manifest: Path, repositories: Path, workers: int) -> list[Line]:
    units, _ = read_manifest(manifest, Rules(repositories))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        engine = Processes(workers)
        plan = Build(units, out, engine)
        start = time.perf_counter()
        stats: Any = build(plan, lambda _part: None)
        seconds = time.perf_counter() - start
        read = stats["counts"]["functions"]
        whole = Line(f"the manifest, {workers} workers", read, seconds, _peak())
        near = Build(units, out, engine, near=NearOptions())
        start = time.perf_counter()
        stats = build(near, lambda _part: None)
        seconds = time.perf_counter() - start
        kept = sum(entry["rows"] for entry in stats["files"].values())
        again = Line("again without near-duplicates", kept, seconds, _peak())
    return [whole, again]


def _peak() -> float:
    """Megabytes that the largest process has held."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


if __name__ == "__main__":
    main()
