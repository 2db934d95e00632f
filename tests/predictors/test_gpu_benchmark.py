"""The GPU's benchmark runs through on a processor with a tiny model; it claims nothing there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_prints_a_table_last(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu_latency", "--shape", "tiny"]
    command += ["--device", "cpu", "--folder", str(tmp_path), "--repeats", "2"]
    command += ["--stages", "floor,speed,generate"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.rstrip().splitlines()
    table = table[next(i for i, line in enumerate(table) if line.startswith("| five")) :]
    rows = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in table if "|" in line}
    assert float(rows["speed"]) > 0
    assert float(rows["generate"]) > 0
    assert rows["memory"] == "not run"
    assert {"floor, speed mode", "an RTX 3090's floor, speed mode"} <= rows.keys()
