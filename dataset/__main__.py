"""`python -m dataset COMMAND`: build and describe corpora, and what is measured on them."""

from __future__ import annotations

import argparse
import importlib
import sys

from dataset.errors import DatasetError
from dataset.interruption import remembered_interrupts

# Distributions of the extra `data`, by the modules they give.
_EXTRA = {
    "pyarrow": "pyarrow",
    "yaml": "pyyaml",
    "datatrove": "datatrove",
    "urllib3": "urllib3",
    "packaging": "packaging",
}
COMMANDS = {
    "build": "build a corpus from git repositories, folders, packages, tables or the hub",
    "stats": "write a corpus's dataset card and a page of plots",
    "pairs": "find renames in git histories: two names for one question",
    "export": "write a corpus as chats, or prompts and completions, for training",
    "sample": "draw functions to measure on from the repositories of a manifest",
    "fetch": "fetch the releases of packages that a list names, to build a corpus from",
    "addresses": "resolve .../blob/sha/path#L1-L2 addresses into evaluation rows",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; errors that a person can mend are one line and exit status 2."""
    try:
        with remembered_interrupts():
            return _run(sys.argv[1:] if argv is None else argv)
    except DatasetError as error:
        print(f"dataset: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("dataset: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        absent = _EXTRA.get((error.name or "").partition(".")[0])
        if absent is None:
            raise
        print(
            f"dataset: {absent} is not installed; pip install 'namewright[data]'", file=sys.stderr
        )
        return 2


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m dataset", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if arguments[:1] == [name]:
            importlib.import_module(f"dataset.commands.{name}").add_arguments(command)
    parsed = parser.parse_args(arguments)
    return importlib.import_module(f"dataset.commands.{parsed.command}").main(parsed)


if __name__ == "__main__":
    sys.exit(main())
