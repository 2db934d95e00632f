"""A predictor that answers from a small table, and the real command line run with it.

python -m tests.table_predictor suggest FILE --line 3
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.base import Candidate, Identity, StopFlag
from server.settings import Settings

# A mark in the text of the question, and the names it brings, with their probabilities.
TABLE: tuple[tuple[str, dict[str, float]], ...] = (
    ("json.load", {"load_json": 0.62, "read_json": 0.2, "getJson": 0.05}),
    ("amount +=", {"sum_totals": 0.8, "add": 0.1}),
    ("self.size", {"get_size": 0.55, "size": 0.3}),
    ("gibberish", {"class": 0.5, "x": 0.3}),
)
OTHERWISE = {"run": 0.05, "main": 0.04}
KNOWN = {"load_settings": 0.7, "total": 0.01}


class TablePredictor:
    """Looks names up by what the function's text mentions; deterministic."""

    identity = Identity("table", "1", "0123456789abcdef", understands_context=False)

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        return [
            [Candidate(name, math.log(p)) for name, p in list(_names(question).items())[:k]]
            for question in questions
        ]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        return [math.log(KNOWN.get(name, 0.001)) for name in names]

    def close(self) -> None:
        pass


def _names(question: Question) -> dict[str, float]:
    return next((names for mark, names in TABLE if mark in question.text), OTHERWISE)


def open_table(settings: Settings) -> TablePredictor:
    """Opens the table, whatever the settings; one name stands for a model that is damaged."""
    if settings.predictor == "damaged":
        raise NamewrightError("the weights are damaged;\nreinstall namewright")
    return TablePredictor()


if __name__ == "__main__":
    from server.cli import main

    sys.exit(main(sys.argv[1:], open_table))
