"""Compares trained runs of the embedded model by the names they give, side by side in one run.

    python -m benchmarks.embedded_forms --data CORPUS runs/plain runs/other …

Every run answers the same functions of the validation split, greedily, without context
and with all of it. Differences are to the first run: a paired bootstrap over the functions, which
says nothing of what another seed would give; train the first run twice to see that.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer

from dataset.question import Question
from server.predictors.embedded_prompt import (
    MAX_NAME_TOKENS,
    Vocabulary,
    answer_name,
    answer_text,
    encode,
)
from training.embedded.corpus import read_group, row_groups
from training.embedded.encoding import Example
from training.embedded.greedy import answers
from training.embedded.restore import load_run
from training.errors import TrainingError
from training.evaluation.measures import Interval, compare, micro_f1
from training.evaluation.outcomes import Outcome, judge

CONTEXTS = ("none", "file")


@dataclass(frozen=True)
class Row:
    """What one run gives with or without context; `nats` are the mean cost of an actual name."""

    run: str
    context: str
    micro_f1: float
    exact: float
    nats: float
    f1_difference: Interval | None = None
    exact_difference: Interval | None = None


def functions(data: Sequence[Path], split: str, limit: int, seed: int) -> list[Example]:
    """At most `limit` functions, drawn by lot from a split of the corpora."""
    groups = [group for folder in data for group in row_groups(folder, split)]
    found = [example for group in groups for example in read_group(group)]
    return random.Random(seed).sample(found, min(limit, len(found)))


@dataclass(frozen=True)
class Asked:
    """The functions in the tokens of one tokenizer, without context or with it."""

    tokenizer: Tokenizer
    prompts: list[list[int]]
    names: list[list[int]]


def ask(examples: Sequence[Example], context: str, tokenizer_file: Path) -> Asked:
    """Prompts and actual names, these ended."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    vocabulary = Vocabulary.of(tokenizer)
    questions = [
        Question(each.text, each.context) if context == "file" else Question(each.text)
        for each in examples
    ]
    texts = [answer_text(each.name) for each in examples]
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return Asked(
        tokenizer,
        [encode(question, tokenizer, vocabulary) for question in questions],
        [[*each.ids[:MAX_NAME_TOKENS], vocabulary.end] for each in encodings],
    )


def answer(run: Path, asked: Asked, examples: Sequence[Example]) -> tuple[list[Outcome], float]:
    """Outcomes of the greedy names of one run, and the mean cost of the actual ones in nats."""
    model = load_run(run).to("cuda" if torch.cuda.is_available() else "cpu")
    end = Vocabulary.of(asked.tokenizer).end
    found = answers(model, asked.prompts, asked.names, end)
    spelled = ([asked.tokenizer.id_to_token(i) for i in one.ids] for one in found)
    outcomes = [
        judge(each.name, [(answer_name(tokens), 1.0)])
        for each, tokens in zip(examples, spelled, strict=True)
    ]
    return outcomes, sum(one.loss for one in found) / len(found)


def measure(
    runs: Sequence[Path], examples: Sequence[Example], names: Path | None = None
) -> list[Row]:
    """A row for each run and context, in their order; names given go to files in `names`."""
    rows: list[Row] = []
    for context in CONTEXTS:
        first: list[Outcome] | None = None
        # Runs of one tokenizer are asked the same.
        asked: dict[bytes, Asked] = {}
        for run in runs:
            pieces = (run / "tokenizer.json").read_bytes()
            if pieces not in asked:
                asked[pieces] = ask(examples, context, run / "tokenizer.json")
            outcomes, nats = answer(run, asked[pieces], examples)
            if names is not None:
                text = "".join(f"{one.actual}\t{one.first}\n" for one in outcomes)
                (names / f"{run.name}.{context}.tsv").write_text(text, encoding="utf-8")
            exact = sum(one.is_exact for one in outcomes) / len(outcomes)
            found = {} if first is None else compare(outcomes, first)
            first = first or outcomes
            row = Row(
                run.name, context, micro_f1(outcomes), exact, nats,
                found.get("micro_f1"), found.get("exact_match"),
            )  # fmt: skip
            rows.append(row)
            print(f"{run.name} {context}: {row.micro_f1:.4f} {exact:.4f} {nats:.3f}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs, the first to compare")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="built corpora")
    parser.add_argument("--split", default="validation", help="of the corpora")
    parser.add_argument("--limit", type=int, default=20_000, help="functions")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--names", type=Path, help="write actual and given names to this folder")
    arguments = parser.parse_args()
    for run in arguments.runs:
        if not (run / "weights.pt").exists():
            parser.error(f"{run}: no trained run there; give folders that `pretrain` wrote")
    try:
        examples = functions(arguments.data, arguments.split, arguments.limit, arguments.seed)
    except TrainingError as error:
        parser.error(str(error))
    if arguments.names:
        arguments.names.mkdir(parents=True, exist_ok=True)
    rows = measure(arguments.runs, examples, arguments.names)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    table = Table("run", "context", "micro-F1", "to the first", "exact", "to the first", "nats")
    for row in rows:
        table.add_row(
            row.run, row.context,
            f"{row.micro_f1:.4f}", _interval(row.f1_difference),
            f"{row.exact:.4f}", _interval(row.exact_difference), f"{row.nats:.3f}",
        )  # fmt: skip
    console = Console(width=140)
    console.print(f"{len(examples):,} functions", highlight=False)
    console.print(table)


def _interval(found: Interval | None) -> str:
    if found is None:
        return "–"
    return f"{found.difference:+.4f} ({found.low:+.4f} to {found.high:+.4f})"


if __name__ == "__main__":
    main()
