"""Which tokens can spell a name: a small automaton over the vocabulary.

The answer is a name, perhaps after one space, and it ends with an end token, a space or a line
break. Where the leading underscores of the name are known they are demanded, and the probability
of what follows is the conditional one.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import torch
from torch import Tensor

_PIECE = re.compile(r"( ?)(_*)([A-Za-z0-9_]*)")
# More leading underscores than this are not demanded but only hoped for.
_KNOWN = 2
# The state within a name; only there does an end token end it.
INSIDE = 0


@dataclass(frozen=True, slots=True)
class Grammar:
    """States by number: 0 within the name, then pairs (nothing written, a space written).

    `allowed` is (states, vocabulary), `following` the state after each token, `ends` (vocabulary)
    whether the token ends the name, `unknowing` the state that allows any underscores.
    """

    allowed: Tensor
    following: Tensor
    ends: Tensor
    unknowing: Tensor
    texts: Mapping[int, str]
    ends_count: int

    def start(self, prefix: str | None) -> int:
        """The state before a name that begins with `prefix`, or with anything for None."""
        return 1 + 2 * (_KNOWN + 1 if prefix is None or len(prefix) > _KNOWN else len(prefix))

    def name(self, tokens: Sequence[int]) -> str:
        """The name that tokens spell."""
        return "".join(self.texts.get(token, "") for token in tokens).strip()

    def to(self, device: torch.device) -> Grammar:
        """The same on another device."""
        return Grammar(
            self.allowed.to(device),
            self.following.to(device),
            self.ends.to(device),
            self.unknowing.to(device),
            self.texts,
            self.ends_count,
        )


def make_grammar(
    pieces: Mapping[str, int], special: Set[int], ends: Sequence[int], size: int
) -> Grammar:
    """The grammar of a vocabulary (`pieces` to ids) of which the model scores `size` tokens."""
    states = 1 + 2 * (_KNOWN + 2)
    allowed = torch.zeros((states, size), dtype=torch.bool)
    following = torch.zeros((states, size), dtype=torch.int64)
    ending = torch.zeros(size, dtype=torch.bool)
    texts: dict[int, str] = {}
    spelling = _spelling(pieces)
    for token in ends:
        ending[token] = True
        allowed[INSIDE, token] = True
    for piece, token in pieces.items():
        text = piece.translate(spelling)
        if token >= size or token in special:
            continue
        if text in (" ", "\n") or piece == "<0x0A>":
            ending[token] = True
            allowed[INSIDE, token] = True
            if text == " ":
                for state in range(1, states, 2):
                    allowed[state, token] = True
                    following[state, token] = state + 1
            continue
        match = _PIECE.fullmatch(text)
        if not match or not text.strip():
            continue
        texts[token] = text
        space, underscores, rest = match.groups()
        if not space:
            allowed[INSIDE, token] = True
        for state in range(1, states):
            is_open = state % 2 == 0
            if space and is_open:
                continue
            if rest[:1].isdigit() and not underscores:
                continue
            known = (state - 1) // 2
            if known > _KNOWN or (rest and len(underscores) == known):
                allowed[state, token] = True
                following[state, token] = INSIDE
            elif not rest and len(underscores) <= known:
                allowed[state, token] = True
                following[state, token] = 2 * (known - len(underscores)) + 2
    unknowing = torch.tensor(
        [INSIDE] + [2 * (_KNOWN + 1) + 1 + (state % 2 == 0) for state in range(1, states)]
    )
    return Grammar(allowed, following, ending, unknowing, texts, int(ending.sum()))


def _spelling(pieces: Mapping[str, int]) -> dict[int, str]:
    """How a vocabulary writes spaces and line breaks: as SentencePiece, or in byte-level BPE."""
    counts = {mark: sum(piece[:1] == mark for piece in pieces) for mark in "▁Ġ"}
    if counts["Ġ"] > counts["▁"]:
        return str.maketrans({"Ġ": " ", "Ċ": "\n"})
    return str.maketrans({"▁": " "})
