"""From corpus rows to packed training rows: tokens, and what each token is worth learning.

Rows are encoded once, field by field; each epoch draws anew which context every function shows,
so that one model learns to answer with and without it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from dataset.question import Context
from server.predictors.embedded_prompt import (
    FIELDS,
    LIMITS,
    MAX_NAME_TOKENS,
    Vocabulary,
    answer_text,
    assemble,
    clip_code,
    field_texts,
)

Ids = NDArray[np.uint16]
Flags = NDArray[np.bool_]
T = TypeVar("T")
# What a token is as a target. A prompt's are not learnt where it is read both ways, for they see
# themselves in what stands before them.
NOTHING, PROMPT, BODY, ANSWER, DIGEST = range(5)
SUMMARY_TOKENS = 24
_COLUMNS = ("code", *FIELDS, "answer", "summary")


class Example(NamedTuple):
    """One function to learn from; a late one is shown only near the end of the training."""

    text: str
    name: str
    context: Context
    late: bool = False


@dataclass(frozen=True)
class Ragged:
    """Many short token arrays behind one another: item i is `flat[offsets[i] : offsets[i + 1]]`."""

    flat: Ids
    offsets: NDArray[np.int64]

    def __getitem__(self, index: int) -> Ids:
        return self.flat[self.offsets[index] : self.offsets[index + 1]]

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Encoded:
    """The token ids of every example, by column: code, each context field, answer, summary."""

    columns: dict[str, Ragged]
    late: Flags

    def __len__(self) -> int:
        return len(self.columns["code"])

    def longest(self) -> int:
        """The most tokens of an example that shows all its context."""
        fields = sum(np.diff(ragged.offsets) for ragged in self.columns.values())
        # Beside the fields: a marker for each, and the sequence's first and the answer's last.
        return int(np.max(fields)) + len(self.columns) + 2


@dataclass(frozen=True)
class Dropout:
    """How often an example shows no context at all, else how often it keeps each field.

    Leaving out lines makes every pass over a small corpus show other code for the same name.
    """

    nothing: float = 0.4
    keep: float = 0.75
    # Half of the examples lose each line below the signature's first with this probability.
    lines: float = 0.0


class Packed(NamedTuple):
    """Rows (n, length) of token ids and of the kind of each token as a target."""

    tokens: Ids
    kinds: NDArray[np.uint8]


def encode_examples(
    read: Callable[[T], Sequence[Example]], jobs: Iterable[T], tokenizer: Tokenizer, workers: int
) -> Encoded:
    """Encode and clip the examples that `read` gives for each of the jobs, in order.

    Reading happens in the workers, so `read` is a function of a module.
    """
    state = tokenizer.to_str()
    context = multiprocessing.get_context("spawn")
    parts: dict[str, list[Ids]] = {column: [] for column in _COLUMNS}
    lengths: dict[str, list[NDArray[np.int64]]] = {column: [] for column in _COLUMNS}
    late: list[Flags] = []
    with ProcessPoolExecutor(workers, context, _start_encoder, (state,)) as pool:
        for result, marks in pool.map(partial(_encode_job, read), jobs):
            late.append(marks)
            for column in _COLUMNS:
                parts[column].append(result[column][0])
                lengths[column].append(result[column][1])
    columns = {
        column: Ragged(
            np.concatenate(parts[column]),
            np.concatenate([np.zeros(1, np.int64), np.concatenate(lengths[column]).cumsum()]),
        )
        for column in _COLUMNS
    }
    return Encoded(columns, np.concatenate(late))


def pack(
    encoded: Encoded,
    indices: NDArray[np.int64],
    vocabulary: Vocabulary,
    dropout: Dropout,
    seed: int,
    length: int,
    summaries: bool = True,
    line_starts: Flags | None = None,
    both_ways: float = 0.0,
) -> Packed:
    """Draw contexts for the examples `indices`, in their order, and pack them into rows.

    `line_starts` says of each token of the vocabulary whether it begins a line; `both_ways` is the
    share of the examples whose prompt is read both ways, and not learnt.

    An example never crosses a row's end; what is left of a row is padding of kind `NOTHING`.
    """
    random = np.random.default_rng(seed)
    bare = random.random(len(indices)) < dropout.nothing
    kept = random.random((len(indices), len(FIELDS))) < dropout.keep
    thinned = random.random(len(indices)) < (0.5 if dropout.lines else 0.0)
    turned = random.random(len(indices)) < both_ways if both_ways else np.zeros(len(indices), bool)
    rows: list[Ids] = []
    kinds: list[NDArray[np.uint8]] = []
    row = np.zeros(length, np.uint16)
    kind = np.zeros(length, np.uint8)
    used = 0
    for position, index in enumerate(indices):
        shown = (
            [] if bare[position] else [f for f, k in zip(FIELDS, kept[position], strict=True) if k]
        )
        code = encoded.columns["code"][index]
        if thinned[position] and line_starts is not None:
            code = thin(code, line_starts, dropout.lines, random)
        ids, body, answer = example_tokens(encoded, int(index), code, vocabulary, shown, summaries)
        size = len(ids)
        if used + size > length:
            rows.append(row)
            kinds.append(kind)
            row = np.zeros(length, np.uint16)
            kind = np.zeros(length, np.uint8)
            used = 0
        row[used : used + size] = ids
        if turned[position]:
            kind[used : used + body] = PROMPT
        else:
            kind[used + 1 : used + body] = BODY
        kind[used + body : used + answer] = ANSWER
        kind[used + answer : used + size] = DIGEST
        used += size
    rows.append(row)
    kinds.append(kind)
    return Packed(np.stack(rows), np.stack(kinds))


def example_tokens(
    encoded: Encoded,
    index: int,
    code: Ids,
    vocabulary: Vocabulary,
    shown: Sequence[str],
    summaries: bool,
) -> tuple[list[int], int, int]:
    """Ids of one example with this code, and where its prompt and its answer end."""
    columns = encoded.columns
    fields = {field: columns[field][index] for field in shown}
    ids = assemble(code, fields, vocabulary)
    body = len(ids)
    ids.extend(columns["answer"][index])
    ids.append(vocabulary.end)
    answer = len(ids)
    # A docstring that the prompt does not show is learnt as a second answer.
    if summaries and "docstring" not in shown and len(columns["summary"][index]):
        ids.append(vocabulary.summary)
        ids.extend(columns["summary"][index])
    return ids, body, answer


def thin(code: Ids, line_starts: Flags, share: float, random: np.random.Generator) -> Ids:
    """Code without some of its lines after the first, each left out with probability `share`."""
    lines = np.cumsum(line_starts[code])
    gone = random.random(int(lines[-1]) + 1 if len(lines) else 1) < share
    gone[0] = False
    return code[~gone[lines]]


_encoder: tuple[Tokenizer, Vocabulary] | None = None


def _start_encoder(state: str) -> None:
    global _encoder
    tokenizer = Tokenizer.from_str(state)
    _encoder = tokenizer, Vocabulary.of(tokenizer)


def _encode_job(
    read: Callable[[T], Sequence[Example]], job: T
) -> tuple[dict[str, tuple[Ids, NDArray[np.int64]]], Flags]:
    assert _encoder is not None
    tokenizer, vocabulary = _encoder
    chunk = read(job)

    def ids(texts: list[str]) -> list[list[int]]:
        return [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    texts = [field_texts(example.context) for example in chunk]
    columns: dict[str, list[list[int]]] = {
        "code": [clip_code(code, vocabulary.cut) for code in ids([e.text for e in chunk])],
        "answer": [a[:MAX_NAME_TOKENS] for a in ids([answer_text(e.name) for e in chunk])],
        "summary": [
            s[:SUMMARY_TOKENS] for s in ids([first_sentence(t["docstring"]) for t in texts])
        ],
    }
    for field in FIELDS:
        columns[field] = [f[: LIMITS.of(field)] for f in ids([text[field] for text in texts])]
    arrays = {
        column: (
            np.fromiter((token for item in items for token in item), np.uint16),
            np.fromiter(map(len, items), np.int64),
        )
        for column, items in columns.items()
    }
    return arrays, np.array([example.late for example in chunk], np.bool_)


def first_sentence(docstring: str) -> str:
    """The first sentence of a docstring's first paragraph."""
    paragraph = " ".join(docstring.split("\n\n", 1)[0].split())
    return paragraph.split(". ", 1)[0]
