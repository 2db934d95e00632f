"""Two plots as inline SVG: probability against truth, and a matrix of counts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

_SIDE, _EDGE, _CELL, _LABEL = 300, 40, 26, 78


def reliability_plot(bins: Sequence[dict[str, float]]) -> str:
    """Mean probability (across) against the share that was right (up); size tells how many."""
    if not bins:
        return "<p>None.</p>"
    size = _SIDE + 2 * _EDGE
    most = max(one["n"] for one in bins)
    parts = [
        f'<line x1="{_x(0):.0f}" y1="{_y(0):.0f}" x2="{_x(1):.0f}" y2="{_y(1):.0f}"/>',
        f'<line x1="{_x(0):.0f}" y1="{_y(0):.0f}" x2="{_x(1):.0f}" y2="{_y(0):.0f}"/>',
        f'<line x1="{_x(0):.0f}" y1="{_y(0):.0f}" x2="{_x(0):.0f}" y2="{_y(1):.0f}"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(
            f'<text x="{_x(tick):.0f}" y="{_y(0) + 16:.0f}" text-anchor="middle">{tick:.0%}</text>'
            f'<text x="{_x(0) - 6:.0f}" y="{_y(tick) + 4:.0f}" text-anchor="end">{tick:.0%}</text>'
        )
    points = " ".join(f"{_x(one['confidence']):.1f},{_y(one['accuracy']):.1f}" for one in bins)
    parts.append(f'<polyline points="{points}"/>')
    for one in bins:
        radius = 3 + 9 * (one["n"] / most) ** 0.5
        parts.append(
            f'<circle cx="{_x(one["confidence"]):.1f}" cy="{_y(one["accuracy"]):.1f}"'
            f' r="{radius:.1f}"><title>{one["n"]:,.0f} functions: said {one["confidence"]:.0%},'
            f" right {one['accuracy']:.0%}</title></circle>"
        )
    return f'<svg role="img" viewBox="0 0 {size} {size}">{"".join(parts)}</svg>'


def matrix(confusion: dict[str, Any]) -> str:
    """Counts by row and column; the darker, the larger their share of the row."""
    words, counts = confusion["words"], confusion["counts"]
    size = _LABEL + _CELL * len(words) + 4
    parts: list[str] = []
    for place, word in enumerate(words):
        middle = _LABEL + _CELL * place + _CELL / 2
        short = escape(word[:10])
        parts.append(
            f'<text x="{_LABEL - 6}" y="{middle + 4:.0f}" text-anchor="end">{short}</text>'
            f'<text x="{middle + 4:.0f}" y="{_LABEL - 6}"'
            f' transform="rotate(-60 {middle + 4:.0f} {_LABEL - 6})">{short}</text>'
        )
    for row, line in enumerate(counts):
        total = sum(line)
        for column, count in enumerate(line):
            if not count:
                continue
            x, y = _LABEL + _CELL * column, _LABEL + _CELL * row
            parts.append(
                f'<rect class="cell" x="{x + 1}" y="{y + 1}" width="{_CELL - 2}"'
                f' height="{_CELL - 2}" fill-opacity="{0.1 + 0.9 * count / total:.2f}">'
                f"<title>{escape(words[row])} answered {escape(words[column])}: {count}</title>"
                f'</rect><text x="{x + _CELL / 2}" y="{y + _CELL / 2 + 4}" text-anchor="middle"'
                f' style="font-size:9px">{count}</text>'
            )
    return f'<svg role="img" viewBox="0 0 {size} {size}">{"".join(parts)}</svg>'


def _x(value: float) -> float:
    return _EDGE + value * _SIDE


def _y(value: float) -> float:
    return _EDGE + (1 - value) * _SIDE
