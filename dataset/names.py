"""Cuts names into the pieces they are made of."""

from __future__ import annotations

import re

# An acronym, a word with or without its capital, a number; letters beyond ASCII join a word.
_PIECES = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")


def sub_tokens(name: str) -> list[str]:
    """The lower-case pieces of a name, cut at underscores, case and digits."""
    return [piece.lower() for piece in _PIECES.findall(name)]
