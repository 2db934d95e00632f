"""A file of 10,000 lines with functions of given numbers of tokens, the same on every machine."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

SIZES = (50, 250, 1000)
LINES = 10_000
_SEED = 7
_WORDS = (
    "account amount batch buffer cache client column config count cursor data device entry event"
    " field file filter flag folder frame group handler header index item job key label limit line"
    " list log message model name node number offset option order output owner page path payload"
    " port price query queue range rate record region reply request result row rule sample schema"
    " score section server session size source stage state step stream target task text time token"
    " total trace user value vector version view weight window worker"
).split()


@dataclass(frozen=True, slots=True)
class SyntheticFile:
    """The text, the lines (from 0) at which the functions of each size begin, and who counted."""

    text: str
    lines: dict[int, list[int]]
    tokenizer: str


def write_file(rounds: int) -> SyntheticFile:
    """A file with `rounds` functions of each size, filled up with other functions."""
    count, tokenizer = _counter()
    chance = random.Random(_SEED)
    text: list[str] = ["import os", "", ""]
    lines: dict[int, list[int]] = {size: [] for size in SIZES}
    for number in range(rounds):
        for size in SIZES:
            lines[size].append(len(text))
            text += [*_function(chance, f"f{number}_{size}", size, count), "", ""]
    if len(text) > LINES - 20:
        raise SystemExit(f"{rounds} rounds do not fit into {LINES} lines; use fewer")
    number = 0
    while len(text) < LINES - 40:
        number += 1
        text += [*_function(chance, f"filler_{number}", 120, count), "", ""]
    text += ["#"] * (LINES - len(text))
    return SyntheticFile("\n".join(text) + "\n", lines, tokenizer)


def count_tokens(text: str) -> int:
    """Words and signs, for want of the model's own tokenizer."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def _counter() -> tuple[Callable[[str], int], str]:
    from server.predictors.weights import SHIPPED

    tokenizer_file = SHIPPED / "tokenizer.json"
    if not tokenizer_file.exists():
        return count_tokens, "words and signs"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    return (
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
        "the shipped model's tokenizer",
    )


def _function(
    chance: random.Random, name: str, size: int, count: Callable[[str], int]
) -> list[str]:
    a, b, c = chance.sample(_WORDS, 3)
    lines = [f"def {name}({a}, {b}, {c}=None):"]
    while count("\n".join(lines)) < size - 6:
        lines += _statement(chance, a, b)
    return [*lines, f"    return {a}"]


def _statement(chance: random.Random, a: str, b: str) -> list[str]:
    x, y, z = chance.sample(_WORDS, 3)
    return chance.choice(
        [
            [f"    {x} = {a}.{y}({b}, {chance.randint(0, 99)})"],
            [f"    if {x} is None:", f'        raise ValueError("no {y} for {z}")'],
            [f"    for {x} in {b}.{y}:", f"        {a}.append({x}[{z!r}])"],
            [f"    {a} = [{x} + {chance.randint(1, 9)} for {x} in {a} if {x} != {b}]"],
            [f"    os.environ[{x!r}] = str({a} or {y!r})"],
        ]
    )
