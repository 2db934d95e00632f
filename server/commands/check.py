"""`namewright check`: which model answers here, on what, how fast, and one answer as a sample."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dataset.functions import find_functions
from dataset.question import ask
from server import __version__
from server.commands.suggest import percent
from server.errors import NamewrightError
from server.naming import fit_to_offer
from server.predictors.base import NamePredictor

SAMPLE = b"""\
def f(path, encoding="utf-8"):
    with open(path, encoding=encoding) as stream:
        return json.load(stream)
"""
_OFFERED = 5
_REPEATED = 5


def check(open_predictor: Callable[[], NamePredictor]) -> int:
    """Print what runs here and return the exit status; raises NamewrightError when it does not."""
    started = time.perf_counter()
    predictor = open_predictor()
    loaded = time.perf_counter()
    try:
        function = find_functions(SAMPLE)[0]
        question = ask(function, path="settings.py")
        answers = predictor.predict([question], _OFFERED)[0]
        first = time.perf_counter()
        for _ in range(_REPEATED):
            predictor.predict([question], _OFFERED)
        repeated = (time.perf_counter() - first) / _REPEATED
        offers = fit_to_offer(answers, function, frozenset(), _OFFERED, None)
        if not offers:
            raise NamewrightError("the model gave no name for the sample; reinstall namewright")
        identity = predictor.identity
        rows = [
            ("namewright", __version__),
            ("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
            ("predictor", f"{identity.name} {identity.version}"),
            ("device", str(getattr(predictor, "device", "cpu"))),
            ("weights", identity.fingerprint),
            ("reads context", "yes" if identity.understands_context else "no"),
            ("loading", f"{1000 * (loaded - started):.0f} ms"),
            ("first answer", f"{1000 * (first - loaded):.0f} ms"),
            ("next answers", f"{1000 * repeated:.0f} ms"),
            ("sample", "json.load(stream) of a path"),
            (
                "named",
                ", ".join(f"{each.name} ({percent(each.log_probability)})" for each in offers),
            ),
        ]
    finally:
        predictor.close()
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, Text(value))
    Console(soft_wrap=True).print(table)
    return 0
