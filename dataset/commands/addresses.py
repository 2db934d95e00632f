"""`python -m dataset addresses`: addresses of functions to rows for evaluation."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from dataset.errors import DatasetError
from dataset.sources.addresses import read_addresses, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--urls", type=Path, required=True, help="one address a line")
    parser.add_argument("--repositories", type=Path, required=True, help="folder of clones")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines file to write")


def main(arguments: argparse.Namespace) -> int:
    try:
        lines = arguments.urls.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DatasetError(f"{arguments.urls}: cannot be read ({error.strerror})") from error
    reasons: Counter[str] = Counter()
    partial = arguments.out.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as stream:
        for row in resolve(read_addresses(lines), arguments.repositories, reasons):
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    partial.replace(arguments.out)
    print(json.dumps(dict(reasons), indent=1, sort_keys=True))
    return 0
