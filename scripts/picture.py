"""Draws docs/figures/suggest.svg from what the command line really prints.

python scripts/picture.py
"""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.text import Text
from terminal import ROOT, output_of

FIGURE = ROOT / "docs" / "figures" / "suggest.svg"
WIDTH = 92
COMMANDS = (
    ("suggest", "examples/orders.py", "--line", "36"),
    ("suggest", "examples/intervals.py", "--function", "merge_intervals"),
    ("audit", "examples"),
)


def main() -> None:
    """Run the commands in a terminal of our own and keep what it showed."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for command in COMMANDS:
        console.print(Text.assemble(("$ ", "bold cyan"), f"namewright {' '.join(command)}"))
        console.print(Text.from_ansi(output_of(command, WIDTH)))
        console.print()
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title="namewright", unique_id="namewright")
    # The reader's own monospace font will do: a picture must not fetch anything.
    svg = re.sub(r"\s*@font-face\s*\{[^}]*\}", "", svg)
    FIGURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", "utf-8")
    print(f"wrote {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
