"""Rows and runs of the embedded model at a size that a processor trains in seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dataset.extract import functions_with_siblings
from dataset.question import ask
from training.embedded.encoding import Example

ROOT = Path(__file__).parents[2]
RECIPE = """\
data: {data}
out: {out}
vocabulary: 600
tokenizer_sample: 1000
encode_workers: 1
shape: {{width: 64, layers: 2, heads: 2, key_value_heads: 1, feed_forward: 96}}
packing: {{length: 1024, rows: 2, workers: 1}}
schedule: {{steps: {steps}, warmup_steps: 3}}
"""


def own_rows() -> list[tuple[bytes, Path]]:
    paths = sorted((ROOT / "server").glob("*.py"))
    return [(data, path) for path in paths if b"def " in (data := path.read_bytes())]


def own_examples() -> list[Example]:
    return [
        Example(question.text, function.name, question.context, late=path.name < "d")
        for data, path in own_rows()
        for function, siblings in functions_with_siblings(data)
        for question in [ask(function, path=path.name, siblings=siblings)]
    ]


def train(*arguments: object) -> str:
    return run_module("training", *arguments)


def run_module(*arguments: object) -> str:
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer_losses(folder: Path) -> list[float]:
    lines = (folder / "out" / "log.txt").read_text().splitlines()
    return [float(line.split("answer_loss ")[1].split()[0]) for line in lines]


def refused(*arguments: object) -> str:
    """The one line with which a command refuses its input."""
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr
