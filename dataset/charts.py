"""Self-contained pages: their frame, their look, and bars as inline SVG, for every report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

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


def document(title: str, figures: Sequence[tuple[str, str]], body: str, style: str = "") -> str:
    """A whole page: its title, (name, value) figures in a row, and the rest as HTML.

    `style` is CSS of the page's own.
    """
    numbers = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for name, value in figures)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style>"
        f'<h1>{escape(title)}</h1><div class="figures">{numbers}</div>{body}</html>\n'
    )


def whole(value: float) -> str:
    """A count as a person reads it."""
    return f"{value:,.0f}"


def bars(rows: Sequence[tuple[str, float]], told: Callable[[float], str] = whole) -> str:
    """Horizontal bars as inline SVG, each with its label and number."""
    if not rows:
        return "<p>None.</p>"
    most = max(count for _, count in rows) or 1
    lines: list[str] = []
    for place, (label, count) in enumerate(rows):
        top = place * _ROW
        width = max(1.0, count / most * (_WIDTH - _LEFT - 100)) if count else 0.0
        short = label if len(label) <= 32 else label[:31] + "…"
        lines.append(
            f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{_LEFT}" y="{top + 4}" width="{width:.1f}" height="{_ROW - 8}" rx="2"/>'
            f'<text class="value" x="{_LEFT + width + 6:.1f}" y="{top + 15}">{told(count)}</text>'
        )
    height = len(rows) * _ROW
    return f'<svg role="img" viewBox="0 0 {_WIDTH} {height}">{"".join(lines)}</svg>'
