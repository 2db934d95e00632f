"""`python -m dataset COMMAND`: build a corpus, look up addresses for evaluation."""

from __future__ import annotations

import argparse
import importlib
import sys

from dataset.errors import DatasetError

COMMANDS = {
    "build": "build a corpus from git repositories",
    "addresses": "resolve .../blob/sha/path#L1-L2 addresses into evaluation rows",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; errors that a person can mend are one line and exit status 2."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m dataset", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if arguments[:1] == [name]:
            importlib.import_module(f"dataset.commands.{name}").add_arguments(command)
    parsed = parser.parse_args(arguments)
    try:
        return importlib.import_module(f"dataset.commands.{parsed.command}").main(parsed)
    except DatasetError as error:
        print(f"dataset: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
