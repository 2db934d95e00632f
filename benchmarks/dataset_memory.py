"""Measures the memory of looking for exact duplicates in corpora of several sizes.

    python -m benchmarks.dataset_memory [--rows 1000000 2000000 4000000 8000000]

The rows are made up, no two alike: the worst case, in which nothing can be forgotten early. Each
size runs in a process of its own; `before` is what its imports take.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dataset.deduplicate import ExactDuplicates
from dataset.parts import Part

ROWS_OF_A_PART = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[10**6, 2 * 10**6, 4 * 10**6, 8 * 10**6]
    )
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        _measure(options.folder, options.rows[0])
        return
    print(f"{'rows':>12}{'processor s':>13}{'before MB':>11}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for rows in sorted(options.rows):
            for number in range(rows // ROWS_OF_A_PART):
                _make_part(Path(folder), number)
            again = [sys.executable, "-m", "benchmarks.dataset_memory", "--in", folder]
            subprocess.run([*again, "--rows", str(rows)], check=True)


def _make_part(folder: Path, number: int) -> None:
    path = folder / f"{number}.parquet"
    if path.exists():
        return
    draw = random.Random(number)
    hashes = [f"{draw.getrandbits(64):016x}" for _ in range(ROWS_OF_A_PART)]
    same = {"repository": f"ann/r{number}", "licence": "MIT", "is_test": False}
    columns = {name: [value] * ROWS_OF_A_PART for name, value in same.items()}
    names = [f"load_rows_{each[:4]}" for each in hashes]
    pq.write_table(pa.table({"source_hash": hashes, "name": names, **columns}), path)


def _measure(folder: Path, rows: int) -> None:
    parts = [
        Part(f"r{number}", folder / f"{number}.parquet", {})
        for number in range(rows // ROWS_OF_A_PART)
    ]
    before, start = _peak(), time.process_time()
    keep = ExactDuplicates().select(parts)
    seconds = time.process_time() - start
    found = sum(map(sum, keep))
    print(f"{found:>12,}{seconds:>13.1f}{before:>11,.0f}{_peak():>9,.0f}", flush=True)


def _peak() -> float:
    """Megabytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
