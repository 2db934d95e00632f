"""Renames in a project of 1,000 files: the cold index, one file's update, a plan, the memory.

    python -m benchmarks.rename_scale --files 1000 --renames 100

The project is made of the files of installed packages, whole packages first, under one root. One
process, one core (`taskset` where there is one); the table comes last.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from dataset.functions import find_functions

_PACKAGES = (
    "pip", "setuptools", "jedi", "parso", "pygments", "hypothesis", "rich", "pytest", "_pytest",
    "accelerate", "peft", "trl", "datasets", "networkx", "sympy",
)  # fmt: skip


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--renames", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        size = _make(root, options.files)
        print(_table(root, size, options.renames, options.seed))


def _make(root: Path, count: int) -> int:
    source = Path(sys.prefix) / f"lib/python3.{sys.version_info.minor}" / "site-packages"
    size = made = 0
    for package in _PACKAGES:
        for path in sorted((source / package).rglob("*.py")):
            if made == count:
                return size
            target = root / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            size += path.stat().st_size
            made += 1
    raise SystemExit(f"only {made} files are installed; take fewer --files")


def _table(root: Path, size: int, renames: int, seed: int) -> str:
    from server.refactoring.edits import RenameError
    from server.refactoring.rename import Workspace, plan_rename

    workspace = Workspace((root,))
    before = _memory("VmRSS")
    cpu, wall = time.process_time(), time.perf_counter()
    index = workspace.current_index()
    cold = time.process_time() - cpu, time.perf_counter() - wall
    held = _memory("VmRSS") - before
    files = sorted(root.rglob("*.py"), key=lambda path: path.stat().st_size)
    updates = {path.stat().st_size: _update(index, path) for path in (files[500], files[-1])}
    cpu = time.process_time()
    index.refresh()
    refresh = time.process_time() - cpu
    times: list[float] = []
    walls: list[float] = []
    chosen = random.Random(seed)
    while len(times) < renames:
        path = chosen.choice(files)
        found = find_functions(path.read_bytes())
        names = [one for one in found if not one.name.startswith("__")]
        if not names:
            continue
        one = chosen.choice(names)
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            plan_rename(workspace, path, one.name_span.start, f"{one.name}_renamed")
        except RenameError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
        times.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    rows = [
        ("files, megabytes", f"{len(files)}, {size / 1e6:.1f}"),
        ("cold index, processor (wall)", f"{cold[0]:.2f} s ({cold[1]:.2f} s)"),
        ("looking for changes on disk", f"{refresh * 1000:.0f} ms"),
        *((f"update of a file of {bytes_ // 1000} kB", f"{seconds * 1000:.1f} ms")
          for bytes_, seconds in updates.items()),
        (f"plan, median of {renames}, processor (wall)", _both(times, walls, 0.5)),
        ("plan, p95", _both(times, walls, 0.95)),
        ("plan, slowest", _both(times, walls, 1.0)),
        ("memory of the index", f"{held:.0f} MB"),
        ("memory, most during all plans", f"{_memory('VmHWM') - before:.0f} MB"),
    ]  # fmt: skip
    return "\n".join(
        ["| what | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]
    )


def _update(index: object, path: Path) -> float:
    from server.refactoring.index import ProjectIndex

    assert isinstance(index, ProjectIndex)
    seconds: list[float] = []
    for number in range(5):
        data = path.read_bytes() + b"# %d\n" % number
        cpu = time.process_time()
        index.update(path, data)
        seconds.append(time.process_time() - cpu)
    index.update(path, None)
    return statistics.median(seconds)


def _both(times: list[float], walls: list[float], share: float) -> str:
    at = min(int(len(times) * share), len(times) - 1)
    return f"{sorted(times)[at] * 1000:.0f} ms ({sorted(walls)[at] * 1000:.0f} ms)"


def _memory(field: str) -> float:
    status = Path("/proc/self/status").read_text("utf-8")
    found = next(line for line in status.splitlines() if line.startswith(field))
    return int(found.split()[1]) / 1024


if __name__ == "__main__":
    main()
