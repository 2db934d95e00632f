"""Examples as token ids, encoded once, field by field, and kept as one file.

Identifiers of the code are told apart where the tokenizer has a token to mask them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
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
    clip_code,
    field_texts,
)
from training.embedded.identifiers import MASK, Ids, identifiers_of

Flags = NDArray[np.bool_]
T = TypeVar("T")
SUMMARY_TOKENS = 24
_COLUMNS = ("code", *FIELDS, "answer", "summary")
# Of each token of the code, its identifier's number; and the identifiers, each ended.
_IDENTIFIERS = ("numbers", "identifiers")


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
    """The token ids of every example, by column: code, each context field, answer, summary.

    Where identifiers can be masked, `mask` is the token for it, and two more columns tell them.
    """

    columns: dict[str, Ragged]
    late: Flags
    mask: int | None = None

    def __len__(self) -> int:
        return len(self.columns["code"])

    def longest(self) -> int:
        """The most tokens of an example that shows all its context."""
        fields = sum(np.diff(self.columns[column].offsets) for column in _COLUMNS)
        # Beside the fields: a marker for each, and the sequence's first and the answer's last.
        beside = len(_COLUMNS) + 2
        if self.mask is not None:
            beside += MAX_NAME_TOKENS + 1
        return int(np.max(fields)) + beside


def encode_examples(
    read: Callable[[T], Sequence[Example]], jobs: Iterable[T], tokenizer: Tokenizer, workers: int
) -> Encoded:
    """Encode and clip the examples that `read` gives for each of the jobs, in order.

    Reading happens in the workers, so `read` is a function of a module. Identifiers are looked for
    where the tokenizer has a token to mask them.
    """
    state = tokenizer.to_str()
    mask = tokenizer.token_to_id(MASK)
    names = _COLUMNS if mask is None else (*_COLUMNS, *_IDENTIFIERS)
    context = multiprocessing.get_context("spawn")
    parts: dict[str, list[Ids]] = {column: [] for column in names}
    lengths: dict[str, list[NDArray[np.int64]]] = {column: [] for column in names}
    late: list[Flags] = []
    with ProcessPoolExecutor(workers, context, _start_encoder, (state,)) as pool:
        for result, marks in pool.map(partial(_encode_job, read), jobs):
            late.append(marks)
            for column in names:
                parts[column].append(result[column][0])
                lengths[column].append(result[column][1])
    columns = {
        column: Ragged(
            np.concatenate(parts[column]),
            np.concatenate([np.zeros(1, np.int64), np.concatenate(lengths[column]).cumsum()]),
        )
        for column in names
    }
    return Encoded(columns, np.concatenate(late), mask)


def save_encoded(encoded: Encoded, path: Path) -> None:
    arrays: dict[str, np.ndarray] = {"late": encoded.late}
    if encoded.mask is not None:
        arrays["mask"] = np.array(encoded.mask)
    for column, ragged in encoded.columns.items():
        arrays[f"{column}.flat"] = ragged.flat
        arrays[f"{column}.lengths"] = np.diff(ragged.offsets).astype(np.uint16)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


def load_encoded(path: Path) -> Encoded:
    with np.load(path, allow_pickle=False) as arrays:
        return Encoded(
            {
                column: Ragged(
                    arrays[f"{column}.flat"],
                    np.concatenate(
                        [
                            np.zeros(1, np.int64),
                            arrays[f"{column}.lengths"].astype(np.int64).cumsum(),
                        ]
                    ),
                )
                for column in sorted({n.split(".")[0] for n in arrays.files} - {"late", "mask"})
            },
            arrays["late"],
            int(arrays["mask"]) if "mask" in arrays.files else None,
        )


def line_starts(tokenizer: Tokenizer) -> Flags:
    """Whether each token of the vocabulary begins a line of code."""
    newline = tokenizer.encode("\n", add_special_tokens=False).tokens[0]
    tokens = (tokenizer.id_to_token(index) for index in range(tokenizer.get_vocab_size()))
    return np.array([token is not None and token.startswith(newline) for token in tokens])


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

    def names(texts: list[str]) -> list[list[int]]:
        return [name[:MAX_NAME_TOKENS] for name in ids([answer_text(text) for text in texts])]

    masking = tokenizer.token_to_id(MASK) is not None
    # Identifiers want the tokens' places, which the fast encoding does without.
    encode = tokenizer.encode_batch if masking else tokenizer.encode_batch_fast
    codes = encode([example.text for example in chunk], add_special_tokens=False)
    texts = [field_texts(example.context) for example in chunk]
    columns: dict[str, list[list[int]]] = {
        "code": [clip_code(code.ids, vocabulary.cut) for code in codes],
        "answer": names([e.name for e in chunk]),
        "summary": [
            s[:SUMMARY_TOKENS] for s in ids([first_sentence(t["docstring"]) for t in texts])
        ],
    }
    for field in FIELDS:
        columns[field] = [f[: LIMITS.of(field)] for f in ids([text[field] for text in texts])]
    if masking:
        columns["numbers"], columns["identifiers"] = [], []
        for example, code in zip(chunk, codes, strict=True):
            numbers, found = identifiers_of(example.text, code.offsets)
            columns["numbers"].append(clip_code(numbers, 0))
            answers = ([*name, vocabulary.end] for name in names(found))
            columns["identifiers"].append([token for answer in answers for token in answer])
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
