"""The real server over stdio with a predictor that answers from a table.

python tests/protocol/serve_with_table.py [--slow SECONDS] [--print] [--broken]

`--slow` makes every prediction take that long, `--print` writes to standard output on loading and
on every prediction, in Python and in C, and `--broken` fails to load.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

from dataset.question import Question
from server import logs
from server.errors import NamewrightError
from server.language_server import serve_stdio
from server.predictors.base import Cancelled, Candidate, Identity, NamePredictor, StopFlag
from server.settings import Settings

# A word of the body, and the names for a function that holds it.
TABLE: dict[str, tuple[tuple[str, float], ...]] = {
    "headers": (("parse_headers", -0.33), ("read_headers", -2.0), ("split_lines", -3.0)),
    "total": (("total_price", -0.5), ("sum_prices", -1.5)),
    "secret": (("_hidden", -0.5),),
    "return 1": (("best", -0.05), ("do_work", -4.0)),
}
NOTHING = (("do_work", -4.0),)
PRESENT = {"best": -0.05, "best_name": -0.05}


class TablePredictor:
    """Deterministic names; the protocol of a real predictor, its stop flag included."""

    identity = Identity("table", "1", "table-1", understands_context=True)

    def __init__(self, seconds: float, prints: bool) -> None:
        self._seconds = seconds
        self._prints = prints

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        if self._prints:
            print("a stray line in Python")
            os.write(1, b"a stray line in C\n")
        end = time.monotonic() + self._seconds
        while time.monotonic() < end:
            if stop is not None and stop.is_set():
                raise Cancelled("stopped")
            time.sleep(0.005)
        return [[Candidate(*one) for one in _names(question)[:k]] for question in questions]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        return [PRESENT.get(name, -9.0) for name in names]

    def close(self) -> None:
        pass


def _names(question: Question) -> tuple[tuple[str, float], ...]:
    return next((names for word, names in TABLE.items() if word in question.text), NOTHING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--print", action="store_true", dest="prints")
    parser.add_argument("--broken", action="store_true")
    options = parser.parse_args()

    def load(name: str, settings: Settings) -> NamePredictor:
        if options.broken:
            raise NamewrightError("the weights are damaged; reinstall namewright")
        if options.prints:
            print("a stray line on loading", flush=True)
        return TablePredictor(options.slow, options.prints)

    logs.set_up("warning")
    serve_stdio(load)


if __name__ == "__main__":
    main()
