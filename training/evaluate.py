"""Measures a predictor through the server's own code, so that the figures are what users get.

python -m training evaluate --predictor embedded --data functions.jsonl --context file
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dataset.functions import Function, find_functions
from dataset.question import Question, ask, bare
from server.predictors.base import Candidate, NamePredictor
from training.errors import TrainingError
from training.metrics import Scores, measure

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its actual name, and the row it came from."""

    question: Question
    name: str
    row: dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--predictor", default="embedded")
    parser.add_argument("--weights", type=Path, help="a folder of weights other than the shipped")
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines with `source`")
    parser.add_argument("--context", choices=("none", "file"), default="none")
    parser.add_argument("--limit", type=int, default=0, help="only the first N functions")
    parser.add_argument("--json", type=Path, help="file to write the metrics to")
    parser.add_argument("--predictions", type=Path, help="JSON Lines file for every prediction")


def main(arguments: argparse.Namespace) -> int:
    cases = list(read_cases(arguments.data, arguments.context == "file", arguments.limit))
    if not cases:
        raise TrainingError(f"{arguments.data}: no function in it; rows need a `source`")
    predictor = _load(arguments.predictor, arguments.weights)
    started = time.perf_counter()
    answers = answer(predictor, cases)
    seconds = time.perf_counter() - started
    report: dict[str, Any] = {
        "predictor": asdict(predictor.identity),
        "data": arguments.data.name,
        "context": arguments.context,
        **asdict(scores_of(cases, answers)),
        "functions_per_second": len(cases) / seconds,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    if arguments.predictions:
        with arguments.predictions.open("w", encoding="utf-8") as stream:
            for case, found in zip(cases, answers, strict=True):
                stream.write(json.dumps(_prediction(case, found)) + "\n")
    return 0


def read_cases(path: Path, context: bool, limit: int = 0) -> Iterator[Case]:
    """Questions of the rows of a JSON Lines file; the leading underscores stay unknown.

    Raises TrainingError with the number of a row that holds no function.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines[: limit or None], 1):
        try:
            row = json.loads(line)
            function = _outermost(row["source"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise TrainingError(f"{path}:{number}: not a row with a function's `source`") from error
        siblings = tuple(row.get("siblings") or ())
        if not function.decorators:
            function = replace(function, decorators=tuple(row.get("decorators") or ()))
        if row.get("class_name"):
            function = replace(function, class_chain=tuple(row["class_name"].split(".")))
        question = ask(function, path=row.get("path") or "", siblings=siblings)
        question = replace(question if context else bare(question), prefix=None)
        yield Case(question, row.get("name") or function.name, row)


def answer(predictor: NamePredictor, cases: Sequence[Case], k: int = 5) -> list[list[Candidate]]:
    """Candidates for each case; questions of like length go together, as batches do best."""
    order = sorted(range(len(cases)), key=lambda index: len(cases[index].question.text))
    answers: dict[int, list[Candidate]] = {}
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        found = predictor.predict([cases[index].question for index in part], k)
        answers.update(zip(part, found, strict=True))
    return [answers[index] for index in range(len(cases))]


def scores_of(cases: Sequence[Case], answers: Sequence[Sequence[Candidate]]) -> Scores:
    """The metrics of answers to cases."""
    ranked = [[(c.name, c.probability) for c in found] for found in answers]
    return measure([case.name for case in cases], ranked)


def _outermost(source: str) -> Function:
    return find_functions(source.encode())[0]


def _load(name: str, weights: Path | None) -> NamePredictor:
    if name == "embedded":
        from server.predictors.embedded import load_embedded

        return load_embedded(weights)
    from server.predictors.choose import load_predictor
    from server.settings import Settings

    return load_predictor(name, Settings())


def _prediction(case: Case, found: Sequence[Candidate]) -> dict[str, Any]:
    keys = ("repository", "commit", "path", "line")
    return {
        "name": case.name,
        "candidates": [[c.name, round(math.exp(min(0.0, c.log_probability)), 4)] for c in found],
        **{key: case.row[key] for key in keys if key in case.row},
    }
