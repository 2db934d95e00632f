"""Writes the error analysis of predictors as one page and a table, from results of `evaluate`.

python -m training report --results results.json --html page.html --markdown table.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.evaluation.listing import listing, read_predictions
from training.evaluation.page import markdown, page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--results", type=Path, nargs="+", default=[], help="files of `evaluate --json`"
    )
    parser.add_argument("--predictions", type=Path, help="file of `evaluate --predictions`")
    parser.add_argument("--listing", type=Path, help="table of single predictions to write")
    parser.add_argument("--count", type=int, default=100, help="how many of them (%(default)s)")
    parser.add_argument("--html", type=Path, help="page to write")
    parser.add_argument("--markdown", type=Path, help="table to write")
    parser.add_argument(
        "--without-code", action="store_true", help="leave the code of errors out of the page"
    )


def main(arguments: argparse.Namespace) -> int:
    if arguments.listing and arguments.predictions:
        rows = read_predictions(arguments.predictions, arguments.count)
        arguments.listing.write_text(listing(rows), encoding="utf-8")
        if not arguments.results:
            return 0
    elif arguments.listing or arguments.predictions:
        raise TrainingError("a listing needs both --predictions and --listing")
    if not arguments.results:
        raise TrainingError("nothing to read; give --results or --predictions")
    if not arguments.html and not arguments.markdown:
        raise TrainingError("nothing to write; give --html or --markdown")
    results = [_read(path) for path in arguments.results]
    write(results, arguments.html, arguments.markdown, code=not arguments.without_code)
    return 0


def write(
    results: Sequence[dict[str, Any]], html: Path | None, table: Path | None, code: bool = True
) -> None:
    """Write the page and the table of some results."""
    if html:
        html.write_text(page(results, code), encoding="utf-8")
    if table:
        table.write_text(markdown(results), encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        result["predictors"][0]["analysis"]["reliability"]
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise TrainingError(f"{path}: no result of `evaluate --json`; make it again") from error
    return result
