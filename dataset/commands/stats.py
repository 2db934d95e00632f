"""`python -m dataset stats DIR`: a dataset card and a page of plots, written into the folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from dataset.card import card
from dataset.report import page
from dataset.statistics import measure
from dataset.storage import write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a corpus that `build` wrote")
    parser.add_argument("--title", default="Function names", help="heading of card and page")


def main(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    found = measure(folder)
    write_text(folder / "README.md", card(found, arguments.title))
    write_text(folder / "report.html", page(found, arguments.title))
    print(f"{folder / 'README.md'}\n{folder / 'report.html'}")
    return 0
