"""From encoded examples to packed training rows: tokens, and what each is worth learning.

Each epoch draws anew which context every function shows, so that one model learns to answer with
and without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.predictors.embedded_prompt import FIELDS, Vocabulary, assemble
from training.embedded.encoding import Encoded, Flags
from training.embedded.identifiers import Ids, mask_one

# What a token is as a target. A prompt's are not learnt where it is read both ways, for they see
# themselves in what stands before them.
NOTHING, PROMPT, BODY, ANSWER, DIGEST, IDENTIFIER = range(6)


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
    masked: float = 0.0,
) -> Packed:
    """Draw contexts for the examples `indices`, in their order, and pack them into rows.

    `line_starts` says of each token of the vocabulary whether it begins a line; `both_ways` is the
    share of the examples whose prompt is read both ways, and not learnt; `masked` that of those one
    of whose identifiers is masked, and learnt behind the name.

    An example never crosses a row's end; what is left of a row is padding of kind `NOTHING`.
    """
    random = np.random.default_rng(seed)
    bare = random.random(len(indices)) < dropout.nothing
    kept = random.random((len(indices), len(FIELDS))) < dropout.keep
    thinned = random.random(len(indices)) < (0.5 if dropout.lines else 0.0)
    turned = random.random(len(indices)) < both_ways if both_ways else np.zeros(len(indices), bool)
    hiding = random.random(len(indices)) < masked if masked else np.zeros(len(indices), bool)
    rows: list[Ids] = []
    kinds: list[NDArray[np.uint8]] = []
    row = np.zeros(length, np.uint16)
    kind = np.zeros(length, np.uint8)
    used = 0
    for position, index in enumerate(indices):
        shown = (
            [] if bare[position] else [f for f, k in zip(FIELDS, kept[position], strict=True) if k]
        )
        code, hidden = encoded.columns["code"][index], None
        if hiding[position]:
            code, hidden = _without_one(encoded, int(index), vocabulary.end, random)
        if thinned[position] and line_starts is not None:
            code = thin(code, line_starts, dropout.lines, random)
        ids, body, answer = example_tokens(encoded, int(index), code, vocabulary, shown, summaries)
        digest = len(ids)
        # Its mentions may have gone with their lines.
        if hidden is not None and encoded.mask in code:
            ids.extend(hidden)
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
        kind[used + answer : used + digest] = DIGEST
        kind[used + digest : used + size] = IDENTIFIER
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


def _without_one(
    encoded: Encoded, index: int, end: int, random: np.random.Generator
) -> tuple[Ids, Ids | None]:
    """Code of one example with an identifier masked, and what is then to be learnt."""
    assert encoded.mask is not None
    columns = encoded.columns
    code, number = mask_one(columns["code"][index], columns["numbers"][index], encoded.mask, random)
    if not number:
        return code, None
    identifiers = columns["identifiers"][index]
    ends = np.flatnonzero(identifiers == end)
    start = ends[number - 2] + 1 if number > 1 else 0
    answer = identifiers[start : ends[number - 1] + 1]
    return code, np.concatenate([[np.uint16(encoded.mask)], answer])


def thin(code: Ids, line_starts: Flags, share: float, random: np.random.Generator) -> Ids:
    """Code without some of its lines after the first, each left out with probability `share`."""
    lines = np.cumsum(line_starts[code])
    gone = random.random(int(lines[-1]) + 1 if len(lines) else 1) < share
    gone[0] = False
    return code[~gone[lines]]
