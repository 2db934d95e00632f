"""The page of a corpus: one HTML file with its plots inside, that needs nothing else."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Literal

from dataset.card import reasons
from dataset.charts import bars, document
from dataset.deduplicate import LEAK
from dataset.near_duplicates import NEAR_LEAK
from dataset.statistics import Statistics


def page(found: Statistics, title: str) -> str:
    """The text of the page."""
    figures = [
        ("functions", f"{found.total:,}"),
        ("repositories", f"{len(found.repositories):,}"),
        ("different names", f"{len(found.names):,}"),
        ("functions read", f"{found.counts.get('functions', 0):,}"),
        ("leaks left out", f"{found.counts.get(LEAK, 0) + found.counts.get(NEAR_LEAK, 0):,}"),
    ]
    sections = [
        ("Splits", bars(sorted(found.rows.items()))),
        ("Left out, by reason", bars([(name, n) for name, _, n in reasons(found)])),
        ("Leakage: found in evaluation sets", bars(_leaks(found))),
        ("Licences", bars(_most(found.licences, 15))),
        ("Largest repositories", bars(_most(found.repositories, 25))),
        ("Sub-tokens of a name", bars(_lengths(found.name_lengths, 1, 10))),
        ("Words and signs of a question", bars(_lengths(found.question_lengths, 50, 20))),
        ("Most frequent sub-tokens", bars(_most(found.pieces, 40))),
        ("Most frequent names", bars(_most(found.names, 25))),
        ("Kinds", bars(_most(found.kinds, 10))),
    ]
    body = "".join(f"<h2>{escape(name)}</h2>{plot}" for name, plot in sections)
    return document(title, figures, body)


def _leaks(found: Statistics) -> list[tuple[str, int]]:
    kinds: tuple[Literal["exact", "near"], ...] = ("exact", "near")
    return [
        (f"{name}: {'equal' if kind == 'exact' else 'near'}", count)
        for name, leak in sorted(found.leaks.items())
        for kind in kinds
        if (count := leak[kind]) is not None
    ]


def _most(counts: Counter[str], number: int) -> list[tuple[str, int]]:
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return ordered[:number]


def _lengths(lengths: Counter[int], width: int, bins: int) -> list[tuple[str, int]]:
    """Counts in bins of equal width; the last one takes all that is longer."""
    found = [0] * bins
    for length, count in lengths.items():
        found[min(length // width, bins - 1)] += count
    labels = [
        f"{i * width}" if width == 1 else f"{i * width}–{i * width + width - 1}"
        for i in range(bins - 1)
    ]
    return list(zip([*labels, f"{(bins - 1) * width} and more"], found, strict=True))
