"""`python -m training COMMAND`: pretrain, evaluate, export."""

from __future__ import annotations

import argparse
import importlib
import sys

from dataset.errors import DatasetError
from server.errors import NamewrightError
from training.errors import TrainingError

COMMANDS = {
    "pretrain": "train the embedded model from a corpus",
    "export": "write a trained embedded model in the shipped form",
    "evaluate": "measure a predictor on a file of functions",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; errors that a person can mend are one line and exit status 2."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if arguments[:1] == [name]:
            importlib.import_module(f"training.{name}").add_arguments(command)
    parsed = parser.parse_args(arguments)
    try:
        return importlib.import_module(f"training.{parsed.command}").main(parsed)
    except (TrainingError, NamewrightError, DatasetError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
