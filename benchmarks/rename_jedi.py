"""Would jedi's inference settle what our reader of types leaves in doubt, and at what price?

    python -m benchmarks.rename_jedi FOLDER... --functions 25

Plans renames of functions drawn from each folder and asks jedi about every receiver that is in
doubt, or was left alone as unlikely: how often it names a class of the project, and how long it
takes beside the whole plan.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from pathlib import Path

import jedi

from dataset.functions import find_functions
from server.refactoring.edits import RenameError
from server.refactoring.rename import Workspace, plan_rename


def main() -> None:
    """Ask, and print what it gave and cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--functions", type=int, default=25)
    options = parser.parse_args()
    asked = named = 0
    plans: list[float] = []
    questions: list[float] = []
    for folder in options.folders:
        root = folder.resolve()
        project = jedi.Project(root, smart_sys_path=True)
        for path, offset, name in _drawn(root, options.functions):
            started = time.perf_counter()
            try:
                plan = plan_rename(Workspace((root,)), path, offset, f"{name}_renamed")
            except RenameError:
                continue
            plans.append(time.perf_counter() - started)
            lines = {
                (one.path, one.line) for one in plan.findings if "the type of" in one.reason
            }  # fmt: skip
            for where, line in sorted(lines):
                started = time.perf_counter()
                found = _inferred(project, where, line, name)
                questions.append(time.perf_counter() - started)
                asked += 1
                named += any(root in Path(one).parents for one in found)
    print(f"plans {len(plans)}, median {statistics.median(plans) * 1000:.0f} ms")
    print(f"receivers in doubt {asked}, of these jedi names a class of the project for {named}")
    if questions:
        late = sorted(questions)[int(len(questions) * 0.95)]
        print(f"one question, median / p95: {statistics.median(questions) * 1000:.0f} / "
              f"{late * 1000:.0f} ms")  # fmt: skip


def _drawn(root: Path, count: int) -> list[tuple[Path, int, str]]:
    found = [
        (path, one.name_span.start, one.name)
        for path in sorted(root.rglob("*.py"))
        for one in find_functions(path.read_bytes())
        if one.is_method and not one.name.startswith("__") and "test" not in str(path)
    ]
    return random.Random(0).sample(found, min(count, len(found)))


def _inferred(project: jedi.Project, path: Path, line: int, name: str) -> list[str]:
    code = path.read_text("utf-8")
    text = code.split("\n")[line - 1]
    at = text.find(f".{name}")
    if at < 1:
        return []
    try:
        names = jedi.Script(code, path=path, project=project).infer(line, at - 1)
    except Exception:
        return []
    return [str(one.module_path) for one in names if one.module_path is not None]


if __name__ == "__main__":
    main()
