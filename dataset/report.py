"""The page of a corpus: one HTML file with its plots inside, that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from dataset.card import reasons
from dataset.statistics import Statistics

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1c2733; background: #fdfdfb }
h1 { font-weight: 600 } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem }
.figures div { border-top: 3px solid #2f6f8f; padding-top: .4rem }
.figures b { display: block; font-size: 1.6rem; font-weight: 600 }
svg { width: 100%; height: auto } text { font: 12px system-ui, sans-serif; fill: #1c2733 }
rect { fill: #2f6f8f } .value { fill: #5a6672 }
@media (prefers-color-scheme: dark) { body { background: #14191e; color: #dde4ea }
  text { fill: #dde4ea } rect { fill: #5aa5c8 } .value { fill: #93a1ad } }
"""
_ROW, _LEFT, _WIDTH = 22, 210, 820


def page(found: Statistics, title: str) -> str:
    """The text of the page."""
    figures = [
        ("functions", f"{found.total:,}"),
        ("repositories", f"{len(found.repositories):,}"),
        ("different names", f"{len(found.names):,}"),
        ("functions read", f"{found.counts.get('functions', 0):,}"),
        ("leaks left out", f"{sum(found.build.get('leaks', {}).values()):,}"),
    ]
    sections = [
        ("Splits", _bars(sorted(found.rows.items()))),
        ("Left out, by reason", _bars([(name, n) for name, _, n in reasons(found)])),
        ("Leakage: found in evaluation sets", _bars(sorted(found.build.get("leaks", {}).items()))),
        ("Licences", _bars(_most(found.licences, 15))),
        ("Largest repositories", _bars(_most(found.repositories, 25))),
        ("Sub-tokens of a name", _bars(_lengths(found.name_lengths, 1, 10))),
        ("Words and signs of a question", _bars(_lengths(found.question_lengths, 50, 20))),
        ("Most frequent sub-tokens", _bars(_most(found.pieces, 40))),
        ("Most frequent names", _bars(_most(found.names, 25))),
        ("Kinds", _bars(_most(found.kinds, 10))),
    ]
    body = "".join(f"<h2>{escape(name)}</h2>{plot}" for name, plot in sections)
    numbers = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for name, value in figures)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<h1>{escape(title)}</h1><div class="figures">{numbers}</div>{body}</html>\n'
    )


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


def _bars(rows: Sequence[tuple[str, int]]) -> str:
    """Horizontal bars as inline SVG, each with its label and number."""
    if not rows:
        return "<p>None.</p>"
    most = max(max(count for _, count in rows), 1)
    lines: list[str] = []
    for place, (label, count) in enumerate(rows):
        top = place * _ROW
        width = max(1.0, count / most * (_WIDTH - _LEFT - 100)) if count else 0.0
        short = label if len(label) <= 32 else label[:31] + "…"
        lines.append(
            f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{_LEFT}" y="{top + 4}" width="{width:.1f}" height="{_ROW - 8}" rx="2"/>'
            f'<text class="value" x="{_LEFT + width + 6:.1f}" y="{top + 15}">{count:,}</text>'
        )
    height = len(rows) * _ROW
    return f'<svg role="img" viewBox="0 0 {_WIDTH} {height}">{"".join(lines)}</svg>'
