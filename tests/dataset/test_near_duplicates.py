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


def test_what_is_near_an_evaluation_set_goes(tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    known.write_text(json.dumps({"source": BODY.format(name="x", end=", 1")}) + "\n")
    sources = {
        "a.py": BODY.format(name="read_rows", end=""),
        "b.py": BODY.format(name="load_rows", end=", limit"),
        "c.py": OTHER,
    }
    found, stats = build(sources, tmp_path, "--against", str(known))
    assert found == {"count_words"}
    assert stats["leaks"] == {"near": 2}
