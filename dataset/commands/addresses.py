"""`python -m dataset addresses`: addresses of functions to rows for evaluation."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from dataset.errors import DatasetError
from dataset.manifest import read_lines
from dataset.sources.addresses import read_addresses, resolve
from dataset.storage import settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--urls", type=Path, required=True, help="one address a line")
    parser.add_argument("--repositories", type=Path, required=True, help="folder of clones")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines file to write")


def main(arguments: argparse.Namespace) -> int:
    addresses = read_addresses(read_lines(arguments.urls), f"{arguments.urls}:")
    reasons: Counter[str] = Counter()
    try:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with settled(arguments.out) as partial, partial.open("w", encoding="utf-8") as stream:
            for row in resolve(addresses, arguments.repositories, reasons):
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as error:
        raise DatasetError(f"{arguments.out}: cannot be written ({error.strerror})") from error
    print(json.dumps(dict(reasons), indent=1, sort_keys=True))
    return 0
