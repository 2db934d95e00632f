"""`python -m training COMMAND`: train, measure and export the models that name functions."""

from __future__ import annotations

import argparse
import importlib
import sys
from types import ModuleType

from dataset.errors import DatasetError
from server.errors import NamewrightError
from training.errors import TrainingError

COMMANDS = {
    "sft": "fine-tune a chat model on a corpus (LoRA, QLoRA)",
    "dpo": "teach a fine-tuned model which of two names people preferred",
    "pretrain": "train the embedded model from a corpus",
    "evaluate": "measure predictors on a file of functions",
    "report": "write the error analysis of predictions as one page",
    "export": "write a trained model in the form that is served",
    "random-base": "write a base model with random weights, for rehearsals and tests",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; errors that a person can mend are one line and exit status 2."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if arguments[:1] == [name]:
            _module(name).add_arguments(command)
    parsed = parser.parse_args(arguments)
    try:
        return _module(parsed.command).main(parsed)
    except (TrainingError, NamewrightError, DatasetError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"training.{command.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())
