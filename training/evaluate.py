"""Measures predictors through the server's own code, so that the figures are what users get.

    python -m training evaluate --predictor embedded --data functions.jsonl --context file
    python -m training evaluate --predictor embedded --predictor nearest=corpus \\
        --data functions.jsonl --pairs pairs.jsonl --json results.json --html page.html
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dataset.functions import Function, find_functions
from dataset.question import Context, Question, ask, bare
from server.commands.opening import read_settings
from server.predictors.base import Candidate, NamePredictor
from training.errors import TrainingError
from training.evaluation import outcomes as judged
from training.evaluation.analysis import analyse
from training.evaluation.measures import compare, figures
from training.evaluation.predictors import HELP, Opened, open_predictor
from training.finetuning.rows import read_pairs
from training.metrics import Scores, measure

_BATCH = 32
_TIMED = 50


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its actual name, and the row it came from."""

    question: Question
    name: str
    row: dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--predictor", action="append", help=f"{HELP}; may be given often")
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any setting of the server, for example transformers.device=cpu",
    )
    parser.add_argument("--weights", type=Path, help="a folder of weights other than the shipped")
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines with `source`")
    parser.add_argument("--context", choices=("none", "file"), default="none")
    parser.add_argument(
        "--underscores",
        choices=("unknown", "known"),
        default="unknown",
        help="leading ones: unknown, they are part of the answer; known, as in an editor, which"
        " keeps those of the present name",
    )
    parser.add_argument("--limit", type=int, default=0, help="only the first N functions")
    parser.add_argument(
        "--pairs", type=Path, help="rename pairs to rank: is the new name preferred?"
    )
    parser.add_argument("--json", type=Path, help="file to write the metrics and analyses to")
    parser.add_argument("--predictions", type=Path, help="JSON Lines file for every prediction")
    parser.add_argument("--html", type=Path, help="page to write, as `report` does")
    parser.add_argument("--markdown", type=Path, help="table to write, as `report` does")


def main(arguments: argparse.Namespace) -> int:
    with_context = arguments.context == "file"
    settings = read_settings("auto", "", "", arguments.changes)
    underscores = arguments.underscores == "known"
    cases = list(read_cases(arguments.data, with_context, arguments.limit, underscores))
    if not cases:
        raise TrainingError(f"{arguments.data}: no function in it; rows need a `source`")
    pairs = read_pairs(arguments.pairs) if arguments.pairs else []
    found: list[dict[str, Any]] = []
    judgements: list[list[judged.Outcome]] = []
    if arguments.predictions:
        arguments.predictions.write_text("", encoding="utf-8")
    for text in arguments.predictor or ["embedded"]:
        opened = open_predictor(text, arguments.weights, settings)
        outcomes, result = _measure(opened, cases, pairs, with_context)
        found.append(result)
        judgements.append(outcomes)
        opened.predictor.close()
        if arguments.predictions:
            _write_predictions(arguments.predictions, opened.label, cases, outcomes)
    result = _result(arguments, found, judgements)
    print(json.dumps(_short(result), indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if arguments.html or arguments.markdown:
        from training.report import write

        write([result], arguments.html, arguments.markdown)
    return 0


def _measure(
    opened: Opened, cases: Sequence[Case], pairs: Sequence[dict[str, Any]], with_context: bool
) -> tuple[list[judged.Outcome], dict[str, Any]]:
    """Everything about one predictor: the contract's fields first, then speed and analyses."""
    started = time.perf_counter()
    answers = answer(opened.predictor, cases)
    seconds = time.perf_counter() - started
    outcomes = [
        judged.judge(case.name, [(c.name, c.probability) for c in found])
        for case, found in zip(cases, answers, strict=True)
    ]
    return outcomes, {
        "label": opened.label,
        "predictor": asdict(opened.identity),
        **figures(outcomes),
        "functions_per_second": len(cases) / seconds,
        "latency_ms": _latency(opened.predictor, cases),
        **({"pairs": _rank(opened.predictor, pairs, with_context)} if pairs else {}),
        "analysis": analyse([_described(case) for case in cases], outcomes),
    }


def _result(
    arguments: argparse.Namespace,
    found: list[dict[str, Any]],
    judgements: list[list[judged.Outcome]],
) -> dict[str, Any]:
    """The first predictor's figures on top, as the design's contract has them; then all."""
    first = {
        key: value for key, value in found[0].items() if key not in ("label", "analysis", "pairs")
    }
    comparisons = [
        {
            "first": found[0]["label"],
            "second": other["label"],
            **{name: asdict(one) for name, one in compare(judgements[0], judgement).items()},
        }
        for other, judgement in zip(found[1:], judgements[1:], strict=True)
    ]
    return {
        "data": arguments.data.name,
        "context": arguments.context,
        "underscores": arguments.underscores,
        **first,
        "predictors": found,
        "comparisons": comparisons,
    }


def _short(result: dict[str, Any]) -> dict[str, Any]:
    """What is printed: no analyses, and the figures of one predictor once."""
    if len(result["predictors"]) == 1:
        pairs = {key: one for key, one in result["predictors"][0].items() if key == "pairs"}
        kept = {key: one for key, one in result.items() if key not in ("predictors", "comparisons")}
        return {**kept, **pairs}
    predictors = [
        {key: value for key, value in one.items() if key != "analysis"}
        for one in result["predictors"]
    ]
    return {
        "data": result["data"],
        "context": result["context"],
        "underscores": result["underscores"],
        "predictors": predictors,
        "comparisons": result["comparisons"],
    }


def read_cases(
    path: Path, context: bool, limit: int = 0, underscores: bool = False
) -> Iterator[Case]:
    """Questions of the rows of a JSON Lines file; they may know the leading underscores.

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
        if not context:
            question = bare(question)
        if not underscores:
            question = replace(question, prefix=None)
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


def _latency(predictor: NamePredictor, cases: Sequence[Case]) -> dict[str, float]:
    """Milliseconds of single questions, as an editor asks them, on cases spread over the set."""
    step = max(1, len(cases) // _TIMED)
    times: list[float] = []
    for case in cases[::step][:_TIMED]:
        started = time.perf_counter()
        predictor.predict([case.question], 5)
        times.append(1000 * (time.perf_counter() - started))
    times.sort()
    return {"p50": times[len(times) // 2], "p95": times[int(0.95 * (len(times) - 1))]}


def _rank(
    predictor: NamePredictor, pairs: Sequence[dict[str, Any]], with_context: bool
) -> dict[str, float]:
    """How often the name that people chose scores above the one they replaced; ties count half."""
    questions = [_pair_question(pair, with_context) for pair in pairs]
    chosen = predictor.score(questions, [pair["chosen"] for pair in pairs])
    rejected = predictor.score(questions, [pair["rejected"] for pair in pairs])
    won = sum((a > b) + (a == b) / 2 for a, b in zip(chosen, rejected, strict=True))
    return {"n": len(pairs), "ranking_accuracy": won / len(pairs)}


def _pair_question(pair: dict[str, Any], with_context: bool) -> Question:
    question = Question(
        pair["question"],
        Context(
            file_stem=pair.get("file_stem") or "",
            class_chain=tuple(filter(None, (pair.get("class_name") or "").split("."))),
            decorators=tuple(pair.get("decorators") or ()),
            siblings=tuple(pair.get("siblings") or ()),
            docstring=pair.get("docstring") or "",
        ),
    )
    return question if with_context else bare(question)


def _described(case: Case) -> judged.Case:
    row, text = case.row, case.question.text
    decorators = " ".join(map(str, row.get("decorators") or case.question.context.decorators))
    path = str(row.get("path") or "")
    if case.name.startswith("test_") or "/test" in f"/{path}":
        kind = "test"
    elif "property" in decorators or ".setter" in decorators:
        kind = "property"
    elif text.startswith("async "):
        kind = "async"
    else:
        kind = "method" if row.get("class_name") else "function"
    repository = str(row.get("repository") or "")
    place = f"{repository} {path}".strip()
    return judged.Case(
        name=case.name,
        text=text,
        lines=text.count("\n") + 1,
        kind=kind,
        repository=repository,
        place=f"{place}:{row['line']}" if "line" in row else place,
    )


def _write_predictions(
    path: Path, label: str, cases: Sequence[Case], outcomes: Sequence[judged.Outcome]
) -> None:
    keys = ("repository", "commit", "path", "line")
    with path.open("a", encoding="utf-8") as stream:
        for case, outcome in zip(cases, outcomes, strict=True):
            row = {
                "predictor": label,
                "name": case.name,
                "candidates": [[name, round(p, 4)] for name, p in outcome.candidates],
                **{key: case.row[key] for key in keys if key in case.row},
            }
            stream.write(json.dumps(row) + "\n")
