"""Sets up logging: to stderr or a file, and never with source text above the debug level."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from server.errors import NamewrightError

LEVELS = ("error", "warning", "info", "debug")
LOGGER = logging.getLogger("namewright")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class _WithoutBodies(logging.Filter):
    """Cuts what the protocol library logs of messages: their bodies hold source text."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.DEBUG and record.name.startswith("pygls"):
            record.msg = str(record.msg).splitlines()[0] if record.msg else ""
            if isinstance(record.args, tuple):
                record.args = tuple(map(_harmless, record.args))
            cause = record.exc_info[0] if record.exc_info else None
            if cause is not None:
                record.msg = f"{record.msg} ({cause.__name__})"
            record.exc_info, record.exc_text = None, None
        return True


def set_up(level: str = "warning", file: Path | None = None) -> None:
    """Log to `file`, or to stderr; raises NamewrightError for a file that cannot be written."""
    try:
        handler = (
            logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
            if file is not None
            else logging.StreamHandler(sys.stderr)
        )
    except OSError as error:
        raise NamewrightError(
            f"the log file {file} cannot be written ({error.strerror}); choose another --log-file"
        ) from error
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_WithoutBodies())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    set_level(level)


def set_level(level: str) -> None:
    """Change how much is logged; an unknown level is taken as `warning`."""
    chosen = getattr(logging, level.upper()) if level in LEVELS else logging.WARNING
    LOGGER.setLevel(chosen)
    # The library's info log prints every message's body.
    debugging = chosen == logging.DEBUG
    logging.getLogger("pygls").setLevel(logging.DEBUG if debugging else logging.WARNING)


def _harmless(argument: object) -> object:
    """An argument as it may be logged: ids and names of methods; of the rest only the type."""
    if isinstance(argument, int) or (isinstance(argument, str) and len(argument) <= 60):
        return "…" if isinstance(argument, str) and "\n" in argument else argument
    return type(argument).__name__
