"""A second task of the embedded model: to say which identifier of the function is masked.

One identifier is hidden wherever the code mentions it, and is learnt as an answer of its own
(CodeT5's masked identifiers, arXiv 2109.00859; DOBF, arXiv 2102.07492).
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dataset.question import MASK as NAME_MASK

Ids = NDArray[np.uint16]
# What stands for a hidden identifier in a prompt, and before it where it is an answer.
MASK = "<mask>"
_STRING = (
    r"[rRbBuUfF]{0,2}(?:'''[\s\S]*?'''|\"\"\"[\s\S]*?\"\"\"|"
    r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\")"
)
_MENTION = re.compile(rf"#[^\n]*|{_STRING}|([^\W\d]\w*)")
_GIVEN = frozenset([*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self", "cls", NAME_MASK])


def identifiers_of(text: str, spans: Sequence[tuple[int, int]]) -> tuple[list[int], list[str]]:
    """Which identifier each token of `text` belongs to (0: none), and the identifiers from 1 on.

    `spans` are the tokens' places in characters, in their order. Keywords, builtins and what
    stands in strings and comments do not count.
    """
    found: dict[str, int] = {}
    mentions = [
        (match.start(1), match.end(1), found.setdefault(name, len(found) + 1))
        for match in _MENTION.finditer(text)
        if (name := match[1]) and name not in _GIVEN
    ]
    numbers = [0] * len(spans)
    token = 0
    for start, end, number in mentions:
        while token < len(spans) and spans[token][1] <= start:
            token += 1
        while token < len(spans) and spans[token][1] <= end:
            numbers[token] = number
            token += 1
    return numbers, list(found)


def mask_one(code: Ids, numbers: Ids, mask: int, random: np.random.Generator) -> tuple[Ids, int]:
    """Code (tokens,) with an identifier drawn by lot masked wherever it is mentioned, each mention
    as one token, and its number; 0 where the code has none."""
    present = np.unique(numbers[numbers > 0])
    if not len(present):
        return code, 0
    number = int(random.choice(present))
    hidden = numbers == number
    first = hidden & ~np.concatenate([[False], hidden[:-1]])
    return np.where(first, np.uint16(mask), code)[first | ~hidden], number
