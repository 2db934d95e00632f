"""`namewright check`: which model answers here, on what, how fast, and one answer as a sample."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dataset.functions import find_functions
from dataset.question import ask
from server import __version__
from server.commands.suggest import percent
from server.errors import NamewrightError
from server.naming import fit_to_offer
from server.predictors.base import NamePredictor, Unavailable
from server.predictors.status import Described

SAMPLE = b"""\
def f(path, encoding="utf-8"):
    with open(path, encoding=encoding) as stream:
        return json.load(stream)
"""
_OFFERED = 5
_REPEATED = 5


def check(open_predictor: Callable[[], NamePredictor]) -> int:
    """Print what runs here and return the exit status; raises NamewrightError when it does not.

    An engine that does not answer is described all the same, before the error is raised.
    """
    started = time.perf_counter()
    predictor = open_predictor()
    loaded = time.perf_counter()
    try:
        rows = [
            ("namewright", __version__),
            ("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ]
        try:
            answered = _answered(predictor, loaded - started)
        except Unavailable:
            _show([*rows, *_described(predictor, "failed")])
            raise
        _show([*rows, *_described(predictor, "ready"), *answered])
    finally:
        predictor.close()
    return 0


def _described(predictor: NamePredictor, state: str) -> list[tuple[str, str]]:
    identity = predictor.identity
    rows = [
        ("predictor", f"{identity.name} {identity.version}"),
        ("state", state),
        ("device", str(getattr(predictor, "device", "cpu"))),
        ("weights", identity.fingerprint),
        ("reads context", "yes" if identity.understands_context else "no"),
    ]
    if isinstance(predictor, Described):
        told = dict(predictor.facts())
        # An engine's weights and device are its own affair.
        rows = [row for row in rows if row[0] not in ("weights", "device") or not told]
        rows += told.items()
    return rows


def _answered(predictor: NamePredictor, loading: float) -> list[tuple[str, str]]:
    """Timings and the sample; raises NamewrightError when there is no name."""
    began = time.perf_counter()
    function = find_functions(SAMPLE)[0]
    question = ask(function, path="settings.py")
    answers = predictor.predict([question], _OFFERED)[0]
    first = time.perf_counter()
    for _ in range(_REPEATED):
        predictor.predict([question], _OFFERED)
    repeated = (time.perf_counter() - first) / _REPEATED
    offers = fit_to_offer(answers, function, frozenset(), _OFFERED, None)
    if not offers:
        raise NamewrightError(f"the model gave no name for the sample; {_remedy(predictor)}")
    return [
        ("loading", f"{1000 * loading:.0f} ms"),
        ("first answer", f"{1000 * (first - began):.0f} ms"),
        ("next answers", f"{1000 * repeated:.0f} ms"),
        ("sample", "json.load(stream) of a path"),
        ("named", ", ".join(f"{each.name} ({percent(each.log_probability)})" for each in offers)),
    ]


def _remedy(predictor: NamePredictor) -> str:
    if predictor.identity.name == "embedded":
        return "reinstall namewright"
    return "does this model answer questions with a name?"


def _show(rows: Sequence[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, Text(value))
    Console(soft_wrap=True).print(table)
