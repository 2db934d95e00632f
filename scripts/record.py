"""Records a session in a terminal: docs/figures/session.svg (animated) and session.cast.

python scripts/record.py

The output is what the commands really print, in a copy of examples/. Only the rhythm is set here:
how fast the commands are typed and how long an answer stays, so that one output makes one picture.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.console import Console
from rich.text import Text
from terminal import ROOT, output_of

FIGURES = ROOT / "docs" / "figures"
COLUMNS, ROWS = 92, 25
PROMPT = "$ "
TYPING_S, THINKING_S, READING_S, PER_LINE_S, END_S = 0.035, 0.5, 1.2, 0.16, 4.0
COLUMN_PX, ROW_PX, MARGIN_PX, TOP_PX = 8.43, 19, 16, 44
# One for each colour that the commands use; chosen for contrast on the dark card.
COLOURS = {"red": "#f87171", "green": "#4ade80", "cyan": "#22d3ee", "yellow": "#facc15"}
# As rich calls them when it reads a terminal's codes.
NUMBERED = {"color(1)": "red", "color(2)": "green", "color(3)": "yellow", "color(6)": "cyan"}


@dataclass(frozen=True)
class Line:
    """A line of the session and when it is there: typed from `begin` on, or all at once."""

    text: Text
    begin: float
    typed: bool


def main() -> None:
    """Run the session and write both forms of it."""
    lines, seconds = record()
    (FIGURES / "session.svg").write_text(as_svg(lines, seconds), encoding="utf-8")
    (FIGURES / "session.cast").write_text(as_cast(lines), encoding="utf-8")
    size = (FIGURES / "session.svg").stat().st_size
    print(f"wrote docs/figures/session.svg ({size / 1000:.0f} kB, {seconds:.0f} s) and .cast")


def record() -> tuple[list[Line], float]:
    """The lines of the session, and how long it lasts with the pause at its end."""
    lines: list[Line] = []
    now = 0.4
    for command, output in run_session():
        typed = f"namewright {' '.join(command)}"
        lines.append(Line(Text.assemble((PROMPT, "cyan bold"), typed), now, True))
        now += TYPING_S * len(typed) + THINKING_S
        answer = [Text.from_ansi(each) for each in output.split("\n")]
        lines += [Line(each, now, False) for each in (*answer, Text())]
        now += READING_S + PER_LINE_S * len(answer)
    return lines, now + END_S


def run_session() -> Iterator[tuple[tuple[str, ...], str]]:
    """Each command and its output: suggest, apply, look at a rename, audit."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder, "shop")
        shutil.copytree(ROOT / "examples", shop, ignore=shutil.ignore_patterns("__pycache__"))
        (shop / "pyproject.toml").touch()
        place = ("suggest", "orders.py", "--function", "process")
        best = json.loads(output_of((*place, "--json"), COLUMNS, shop))["suggestions"][0]["name"]
        helper = json.loads(
            output_of(
                ("suggest", "orders.py", "--function", "Reminder.helper", "--json"), COLUMNS, shop
            )
        )
        for command in (
            place,
            (*place, "--apply", best),
            ("rename", "orders.py", "--line", str(helper["line"]), "is_overdue"),
            ("audit", "."),
        ):
            yield command, output_of(command, COLUMNS, shop)


def as_cast(lines: list[Line]) -> str:
    """The session for asciinema's player (asciicast version 2)."""
    events: list[tuple[float, str]] = []
    for line in lines:
        plain = line.text.plain
        if not line.typed:
            events.append((line.begin, ansi(line.text) + "\r\n"))
            continue
        typed = plain.removeprefix(PROMPT)
        events.append((line.begin, PROMPT))
        events += [(line.begin + TYPING_S * (i + 1), letter) for i, letter in enumerate(typed)]
        events.append((line.begin + TYPING_S * (len(typed) + 1), "\r\n"))
    head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "Namewright"}
    rows = [json.dumps(head), *(json.dumps([round(at, 3), "o", text]) for at, text in events)]
    return "\n".join(rows) + "\n"


def ansi(text: Text) -> str:
    """A line with its colours as a terminal's codes."""
    console = Console(force_terminal=True, color_system="standard", width=10 * COLUMNS)
    with console.capture() as capture:
        console.print(text, end="", soft_wrap=True)
    return capture.get()


def as_svg(lines: list[Line], seconds: float) -> str:
    """The session as one file that moves by its own style sheet and fetches nothing."""
    width = round(2 * MARGIN_PX + COLUMNS * COLUMN_PX)
    height = TOP_PX + ROWS * ROW_PX + MARGIN_PX
    rows = [row for line in lines for row in wrapped(line)]
    colours = "\n".join(f".{name} {{ fill: {colour}; }}" for name, colour in COLOURS.items())
    drawn = "\n".join(draw(row, index) for index, row in enumerate(rows))
    moving = "\n".join(appear(row, index, seconds) for index, row in enumerate(rows))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-label="A terminal session with namewright">
<style>
text {{ font: 14px ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace; \
fill: #e5e7eb; white-space: pre; }}
{colours}
.bold {{ font-weight: 700; }}
.dim {{ fill-opacity: 0.65; }}
.title {{ fill: #9ca3af; text-anchor: middle; font-size: 13px; }}
@media not (prefers-reduced-motion: reduce) {{
.line {{ opacity: 0; animation: {seconds:.2f}s step-end infinite; }}
#screen {{ animation: scroll {seconds:.2f}s ease-out infinite; }}
{moving}
{scroll(rows, seconds)}
}}
@media (prefers-reduced-motion: reduce) {{
#screen {{ transform: translateY({-ROW_PX * max(0, len(rows) - ROWS)}px); }}
}}
</style>
<rect width="{width}" height="{height}" rx="10" fill="#0f172a"/>
<circle cx="22" cy="20" r="6" fill="#f87171"/><circle cx="42" cy="20" r="6" fill="#facc15"/>\
<circle cx="62" cy="20" r="6" fill="#4ade80"/>
<text class="title" x="{width // 2}" y="25">namewright</text>
<svg y="{TOP_PX}" width="{width}" height="{ROWS * ROW_PX}"><g id="screen">
{drawn}
</g></svg>
</svg>
"""


def wrapped(line: Line) -> list[Line]:
    """A line as the rows that a terminal of our width shows."""
    parts = line.text.divide(range(COLUMNS, len(line.text), COLUMNS))
    return [Line(part, line.begin, line.typed) for part in parts] or [line]


def draw(row: Line, index: int) -> str:
    """One row of text; each run of one style has its own place, whatever the reader's font is."""
    runs: list[str] = []
    column = 0
    for run in row.text.divide(sorted({edge for s in row.text.spans for edge in (s.start, s.end)})):
        if run.plain.strip():
            blank = len(run.plain) - len(run.plain.lstrip())
            x = MARGIN_PX + (column + blank) * COLUMN_PX
            shown = run.plain.strip()
            length = f' textLength="{len(shown) * COLUMN_PX:.1f}" lengthAdjust="spacingAndGlyphs"'
            kind = classes(run)
            runs.append(f'<tspan x="{x:.1f}"{length}{kind}>{escape(shown, quote=False)}</tspan>')
        column += len(run.plain)
    return f'<text class="line l{index}" y="{(index + 1) * ROW_PX - 5}">{"".join(runs)}</text>'


def classes(run: Text) -> str:
    """The classes of a run: its colour, bold, dim."""
    words: set[str] = set()
    for span in run.spans:
        words |= {NUMBERED.get(word, word) for word in str(span.style).split()}
    known = sorted(words & {*COLOURS, "bold", "dim"})
    return f' class="{" ".join(known)}"' if known else ""


def appear(row: Line, index: int, seconds: float) -> str:
    """The rule by which one row comes; a typed one is uncovered letter by letter."""
    begin = 100 * row.begin / seconds
    shown = f"@keyframes a{index} {{ {begin:.2f}% {{ opacity: 1; }} 100% {{ opacity: 1; }} }}"
    if not row.typed:
        return f"{shown}\n.l{index} {{ animation-name: a{index}; }}"
    letters = len(row.text.plain)
    end = begin + 100 * TYPING_S * letters / seconds
    cover = (
        f"@keyframes t{index} {{ 0%, {begin:.2f}% {{ clip-path: inset(-5px 100% -5px 0);"
        f" animation-timing-function: steps({letters}); }}"
        f" {end:.2f}%, 100% {{ clip-path: inset(-5px 0 -5px 0); }} }}"
    )
    return (
        f"{shown}\n{cover}\n.l{index} {{ animation-name: a{index}, t{index};"
        f" animation-duration: {seconds:.2f}s, {seconds:.2f}s; }}"
    )


def scroll(rows: list[Line], seconds: float) -> str:
    """The rule that moves the screen up as rows come below its last one."""
    stops: dict[float, int] = {0.0: 0}
    for index, row in enumerate(rows):
        stops[row.begin] = max(0, index + 1 - ROWS)
    steps: list[str] = []
    before = 0
    for at, hidden in sorted(stops.items()):
        if hidden != before:
            steps.append(f"{100 * max(at - 0.01, 0) / seconds:.2f}% {{ {moved(before)} }}")
        steps.append(f"{100 * at / seconds:.2f}% {{ {moved(hidden)} }}")
        before = hidden
    return f"@keyframes scroll {{ {' '.join(steps)} 100% {{ {moved(before)} }} }}"


def moved(hidden: int) -> str:
    """The screen with so many rows above its top."""
    return f"transform: translateY({-ROW_PX * hidden}px);"


if __name__ == "__main__":
    main()
