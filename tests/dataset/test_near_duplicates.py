"""Near-duplicates leave one of their kind; what is near an evaluation set leaves none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dataset.__main__ import main

BODY = """def {name}(stream, separator, limit):
    rows = []
    for number, line in enumerate(stream):
        cells = [cell.strip() for cell in line.split(separator)]
        if not any(cells) or line.startswith("#"):
            continue
        if number > limit:
            raise ValueError("too many rows: " + str(number))
        rows.append({{"number": number, "cells": cells, "width": len(cells)}})
    total = sum(row["width"] for row in rows)
    return rows, total{end}
"""
OTHER = """def count_words(text):
    words = {}
    for word in text.lower().split():
        words[word] = words.get(word, 0) + 1
    return sorted(words.items(), key=lambda item: -item[1])
"""


def names(out: Path) -> set[str]:
    return {
        name
        for path in out.glob("*.parquet")
        for name in pq.read_table(path).column("name").to_pylist()
    }


def build(sources: dict[str, str], folder: Path, *more: str) -> tuple[set[str], dict[str, Any]]:
    code = folder / "code"
    code.mkdir()
    for name, text in sources.items():
        (code / name).write_text(text)
    out = folder / "out"
    arguments = ["build", "--source", "folder", "--path", str(code), "--out", str(out), "--near"]
    assert main([*arguments, "--workers", "1", *more]) == 0
    return names(out), json.loads((out / "stats.json").read_text())


def test_one_of_a_kind_stays(tmp_path: Path) -> None:
    sources = {
        "a.py": BODY.format(name="read_rows", end=""),
        "b.py": BODY.format(name="load_rows", end=", limit"),
        "c.py": OTHER,
    }
    found, stats = build(sources, tmp_path)
    assert found == {"read_rows", "count_words"}
    assert stats["counts"]["near-duplicate"] == 1


@pytest.mark.parametrize("count", [0, 1])
def test_small_corpora(tmp_path: Path, count: int) -> None:
    found, _ = build({"c.py": OTHER * count}, tmp_path)
    assert len(found) == count


def evaluation_set(path: Path, *sources: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps({"source": source}) + "\n" for source in sources))
    return str(path)


def test_what_is_near_an_evaluation_set_goes(tmp_path: Path) -> None:
    known = evaluation_set(tmp_path / "known.jsonl", BODY.format(name="x", end=", 1"))
    sources = {
        "a.py": BODY.format(name="read_rows", end=""),
        "b.py": BODY.format(name="load_rows", end=", limit"),
        "c.py": OTHER,
    }
    found, stats = build(sources, tmp_path, "--against", known)
    assert found == {"count_words"}
    assert stats["leaks"] == {"known": {"functions": 1, "exact": 0, "near": 2}}


def test_leaks_are_told_of_each_evaluation_set(tmp_path: Path) -> None:
    near = evaluation_set(tmp_path / "near.jsonl", BODY.format(name="x", end=", 1"))
    equal = evaluation_set(tmp_path / "equal.jsonl", BODY.format(name="y", end=""), OTHER)
    far = evaluation_set(tmp_path / "far.jsonl", "def z(a):\n    return [a, a, 'other']\n")
    again = evaluation_set(tmp_path / "b/near.jsonl", OTHER.replace("text", "words_of_text"))
    sources = {
        "a.py": BODY.format(name="read_rows", end=""),
        "b.py": BODY.format(name="load_rows", end=", limit"),
        "c.py": "def skip(stream):\n    return stream.read(1) or stream.read(2)\n",
    }
    arguments = (word for path in (near, equal, far, again) for word in ("--against", path))
    found, stats = build(sources, tmp_path, *arguments)
    assert found == {"skip"}
    assert stats["leaks"] == {
        str(near): {"functions": 1, "exact": 0, "near": 1},
        "equal": {"functions": 2, "exact": 1, "near": 1},
        "far": {"functions": 1, "exact": 0, "near": 0},
        str(again): {"functions": 1, "exact": 0, "near": 0},
    }
    assert stats["counts"]["in an evaluation set"] == 1
    assert stats["counts"]["near an evaluation set"] == 1
    assert main(["stats", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out/README.md").read_text()
    assert "| equal | 2 | 1 | 1 |" in card
    page = (tmp_path / "out/report.html").read_text()
    assert "equal: equal" in page
    assert "equal: near" in page
