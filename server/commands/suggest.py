"""`namewright suggest`: names for one function, for a person or for a program."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dataset.functions import Function
from dataset.question import ask, sibling_names
from server.commands.opening import Place, open_function
from server.commands.rename import rename_function
from server.naming import fit_to_offer, names_taken
from server.predictors.base import Candidate, NamePredictor

_SPARE = 5  # asked beyond k, because some answers will not fit the place
_BAR = 24


def suggest(
    place: Place, open_predictor: Callable[[], NamePredictor], k: int, *, as_json: bool
) -> int:
    """Print at most `k` names for the function that is meant, and return the exit status.

    The names are printed even when the present one is better: the reader sees both figures.
    """
    function, functions = open_function(place)
    predictor = open_predictor()
    try:
        siblings = sibling_names(function, functions)
        question = ask(function, path=str(place.path), siblings=siblings)
        answers = predictor.predict([question], k + _SPARE)[0]
        present = predictor.score([question], [function.name])[0]
        offers = fit_to_offer(answers, function, names_taken(function, functions), k, None)
        if as_json:
            _print_json(place.path, function, predictor.identity.name, offers, present)
        else:
            _print_table(Console(), place.path, function, offers, present)
    finally:
        predictor.close()
    return 0


def apply_name(place: Place, new_name: str, *, as_json: bool) -> int:
    """Rename the function that is meant and return the exit status (1: refused)."""
    function, _ = open_function(place)
    offset = function.name_span.start
    return rename_function(place.path, offset, new_name, apply=True, confirm=False, as_json=as_json)


def percent(log_probability: float) -> str:
    """A probability as people read it; never a bare 0% or 100%."""
    value = 100 * math.exp(min(log_probability, 0.0))
    if value < 0.5:
        return "<1%"
    return f"{min(value, 99):.0f}%"


def _print_json(
    path: Path, function: Function, predictor: str, offers: Sequence[Candidate], present: float
) -> None:
    answer = {
        "file": str(path),
        "line": function.line,
        "function": function.name,
        "predictor": predictor,
        "suggestions": [
            {"name": each.name, "probability": round(each.probability, 6)} for each in offers
        ],
        "current_probability": round(math.exp(min(present, 0.0)), 6),
    }
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")


def _print_table(
    console: Console, path: Path, function: Function, offers: Sequence[Candidate], present: float
) -> None:
    parameters = ", ".join(function.parameters)
    place = f"{path}:{function.line}"
    title = Text.assemble((place, "dim"), "  ", (function.name, "bold"), f"({parameters})")
    console.print(title, soft_wrap=True)
    if not offers:
        console.print("no name fits better than the present one")
        return
    best = present >= offers[0].log_probability
    if best:
        console.print(
            Text.assemble(
                ("✓ ", "green"),
                (function.name, "bold green"),
                f" is already the best name ({percent(present)}); others that were considered:",
            ),
            soft_wrap=True,
        )
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for rank, each in enumerate(offers):
        style = "dim" if best else "bold green" if rank == 0 else "green"
        bar = "━" * max(1, round(_BAR * each.probability))
        table.add_row(
            Text("  " + each.name, style=style),
            percent(each.log_probability),
            Text(bar, style="dim" if best else "cyan"),
        )
    if not best:
        table.add_row(Text("  " + function.name, style="dim"), Text(percent(present), "dim"), "")
    console.print(table)
    if not best:
        place = f"{_shell_word(path)} --line {function.line}"
        advice = f"rename: namewright suggest {place} --apply {offers[0].name}"
        console.print(Text(advice, style="dim"), soft_wrap=True)


def _shell_word(path: Path) -> str:
    """A path as it can be pasted into this system's shell."""
    # cmd.exe does not know single quotes; a path holds no double ones there.
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))
