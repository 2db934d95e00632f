"""How fast functions are found: one core, beside Python's own parser on the same files.

    python -m benchmarks.extraction [--megabytes 20] [--json FILE]

Reads files of Python's standard library, as many as make up the size asked for. The questions are
what the corpus holds and what the model reads. The table is printed last.
"""

from __future__ import annotations

import argparse
import ast
import json
import sysconfig
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dataset.functions import find_functions
from dataset.question import ask, sibling_names

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One way through all files: the best of the rounds, in processor time of one core."""

    what: str
    functions: int
    seconds: float
    functions_per_second: float
    megabytes_per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=20.0, help="of source to read")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    files = library_files(options.megabytes)
    size = sum(map(len, files)) / 1e6
    rows = [
        measure("find_functions (tree-sitter)", count_functions, files),
        measure("find_functions + questions", count_questions, files),
        measure("ast.parse and a walk", count_with_ast, files),
    ]
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(f"{len(files)} files of the standard library, {size:.1f} MB")
    print(f"processor time of one core, best of {ROUNDS}\n")
    print(f"{'':<30}{'functions':>10}{'seconds':>9}{'functions/s':>13}{'MB/s':>7}")
    for row in rows:
        print(
            f"{row.what:<30}{row.functions:>10,}{row.seconds:>9.2f}"
            f"{row.functions_per_second:>13,.0f}{row.megabytes_per_second:>7.1f}"
        )


def library_files(megabytes: float) -> list[bytes]:
    """Files of the standard library that Python itself can parse, up to a total size."""
    files: list[bytes] = []
    left = megabytes * 1e6
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        data = path.read_bytes()
        if is_parsed_by_python(data):
            files.append(data)
            left -= len(data)
        if left <= 0:
            break
    return files


def is_parsed_by_python(data: bytes) -> bool:
    """Whether `ast.parse` takes the file; the library holds broken ones for its own tests."""
    try:
        data.decode("utf-8")
        parse_quietly(data)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def parse_quietly(data: bytes) -> ast.Module:
    """Python's own parse, without its warnings about old escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(data)


def measure(what: str, count: Callable[[bytes], int], files: Sequence[bytes]) -> Row:
    """Time one way of counting the functions of all files; the best of the rounds."""
    functions, best = 0, float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        functions = sum(map(count, files))
        best = min(best, time.process_time() - start)
    size = sum(map(len, files)) / 1e6
    return Row(what, functions, best, functions / best, size / best)


def count_functions(data: bytes) -> int:
    """Functions as Namewright finds them, with all their spans."""
    return len(find_functions(data))


def count_questions(data: bytes) -> int:
    """The same, and the masked question of each."""
    functions = find_functions(data)
    for function in functions:
        ask(function, path="file.py", siblings=sibling_names(function, functions))
    return len(functions)


def count_with_ast(data: bytes) -> int:
    """Functions as Python's own parser finds them; it stops at the first syntax error."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return sum(isinstance(node, kinds) for node in ast.walk(parse_quietly(data)))


if __name__ == "__main__":
    main()
