"""The command line of `namewright`: flags in, an exit status out; each command does its own work.

0 means done, 1 a refusal or a finding that CI asked about, 2 bad usage or bad input (one line on
stderr says what to change). Nothing heavy is imported before it is known what is wanted.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from server import __version__
from server.errors import NamewrightError

if TYPE_CHECKING:
    from server.commands.opening import PredictorOpener
    from server.predictors.base import NamePredictor

USAGE = 2
LOG_LEVELS = ("error", "warning", "info", "debug")


def main(
    arguments: Sequence[str] | None = None, open_predictor: PredictorOpener | None = None
) -> int:
    """Run one command and return its exit status; `open_predictor` replaces the real models."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = _parser().parse_args(arguments)
        status = _run(options, open_predictor)
        sys.stdout.flush()
        return status
    except NamewrightError as error:
        sys.stderr.write(f"namewright: {' '.join(str(error).split())}\n")
        return USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (`| head`) went away; leave without Python's complaint at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace, open_predictor: PredictorOpener | None) -> int:
    if options.command is None:
        return _serve(options)
    if options.command == "rename":
        from server.commands.rename import rename

        return rename(
            options.file,
            options.line,
            options.new_name,
            apply=options.apply,
            confirm=options.confirm,
            as_json=options.json,
            alias=options.alias,
        )
    from server.commands import opening

    settings = opening.read_settings(
        options.predictor, options.endpoint, options.model, options.set
    )

    def open_chosen() -> NamePredictor:
        return (open_predictor or opening.open_predictor)(settings)

    if options.command == "suggest":
        from server.commands.suggest import apply_name, suggest

        place = opening.Place(options.file, options.line, options.function)
        if options.apply:
            return apply_name(place, options.apply, as_json=options.json)
        return suggest(place, open_chosen, options.k, as_json=options.json)
    if options.command == "audit":
        from server.commands.audit import audit

        return audit(
            options.paths,
            open_chosen,
            form=options.format,
            min_confidence=options.min_confidence,
            fail_on=options.fail_on,
        )
    from server.commands.check import check

    return check(open_chosen)


def _serve(options: argparse.Namespace) -> int:
    if not (options.stdio or options.tcp):
        raise NamewrightError("nothing to do: give a command or --stdio (see namewright --help)")
    if options.stdio:
        from server.stdout_guard import take_stdout

        take_stdout()
    from server import language_server, logs

    logs.set_up(options.log_level, options.log_file)
    if options.tcp:
        language_server.serve_tcp(options.host, options.port, options.position_encoding)
    else:
        language_server.serve_stdio(encoding=options.position_encoding)
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of argparse's block of usage."""
        self.exit(USAGE, f"namewright: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="namewright",
        description="Suggests names for Python functions and renames them, on this machine.",
    )
    parser.add_argument("--version", action="version", version=f"namewright {__version__}")
    server = parser.add_argument_group("language server")
    transport = server.add_mutually_exclusive_group()
    transport.add_argument("--stdio", action="store_true", help="talk to an editor over stdio")
    transport.add_argument("--tcp", action="store_true", help="listen for one editor over TCP")
    server.add_argument("--host", default="127.0.0.1", help="address of --tcp (%(default)s)")
    server.add_argument("--port", type=_port, default=2087, help="port of --tcp (%(default)s)")
    server.add_argument(
        "--position-encoding",
        choices=("utf-8", "utf-16", "utf-32"),
        default="",
        help="how the editor counts columns, where it does not say so itself (ALE: utf-8)",
    )
    server.add_argument("--log-level", choices=LOG_LEVELS, default="warning", metavar="LEVEL")
    server.add_argument("--log-file", type=Path, metavar="FILE", help="instead of stderr")
    server.add_argument("--clientProcessId", help=argparse.SUPPRESS)  # VS Code adds it
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_suggest(commands.add_parser("suggest", help="names for one function"))
    _add_rename(commands.add_parser("rename", help="rename one function everywhere"))
    _add_audit(commands.add_parser("audit", help="functions whose names mislead"))
    _add_predictor(commands.add_parser("check", help="does it work here, and how fast"))
    return parser


def _add_suggest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--line", type=int, metavar="N", help="any line of the function, from 1")
    which.add_argument("--function", metavar="NAME", help="name, or Class.name")
    parser.add_argument(
        "-k", type=_positive, default=5, metavar="K", help="at most K names (%(default)s)"
    )
    parser.add_argument("--apply", metavar="NAME", help="rename the function to NAME")
    parser.add_argument("--json", action="store_true", help="for programs")
    _add_predictor(parser)


def _add_rename(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--line", type=int, required=True, metavar="N", help="any line of the function, from 1"
    )
    parser.add_argument("new_name", metavar="NEW")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--preview", action="store_true", help="show, write nothing (default)")
    action.add_argument("--apply", action="store_true", help="write the certain edits")
    parser.add_argument("--confirm", action="store_true", help="the doubtful edits as well")
    parser.add_argument(
        "--alias", action="store_true", help="leave the old name behind as a deprecated alias"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "html"), default="text", help="(%(default)s)"
    )
    parser.add_argument(
        "--min-confidence",
        type=_probability,
        default=0.2,
        metavar="P",
        help="how much likelier the better name must be, 0 to 1 (%(default)s)",
    )
    parser.add_argument(
        "--fail-on", type=_positive, metavar="N", help="exit 1 when N or more are found"
    )
    _add_predictor(parser)


def _add_predictor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--predictor",
        default="auto",
        metavar="P",
        help="auto, embedded, transformers or openai (%(default)s)",
    )
    parser.add_argument(
        "--endpoint", default="", metavar="URL", help="of an engine, for the predictor openai"
    )
    parser.add_argument(
        "--model", default="", metavar="NAME", help="for the predictors openai and transformers"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any setting of the editor, for example openai.timeoutSeconds=60",
    )


def _positive(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return value


def _port(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return value


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
