"""Looks up what 4-bit numbers stand for in a GPU's registers, without reading memory.

`prmt` (PTX ISA, "Data Movement and Conversion Instructions") picks four bytes of eight by four
nibbles, which is what a word of 4-bit numbers is made of: three of them read a table of sixteen
bytes. Sixteen-bit values take two such tables, one of their low and one of their high bytes.
"""

# torch types its results only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch


def lookup(values: Sequence[float], kind: torch.dtype) -> str:
    """PTX that turns four bytes into the values of their high and of their low nibbles.

    In: `$4`, four bytes. Out: `$0`, `$1` for the high nibbles and `$2`, `$3` for the low ones, two
    16-bit values of `kind` in each, in the bytes' order. `values` are the sixteen values.
    """
    rounded = torch.tensor(values, dtype=torch.float32).to(kind).view(torch.int16)
    bits = cast(list[int], rounded.tolist())
    tables = [[(each >> shift) & 255 for each in bits] for shift in (0, 8)]
    lines = [".reg .b32 word, pick, half, first, second, under, over, bytes<2>;"]
    for part in (0, 1):
        lines += [
            f"shr.b32 word, $4, {16 * part};",
            "and.b32 pick, word, 0x7777;",
            # The fourth bit of each number says which half of the table is meant.
            "shr.b32 half, word, 1;",
            "and.b32 half, half, 0x4444;",
            "or.b32 half, half, 0x3210;",
        ]
        for plane, table in enumerate(tables):
            lines += [
                f"mov.b32 first, {_word(table[0:4])};",
                f"mov.b32 second, {_word(table[4:8])};",
                "prmt.b32 under, first, second, pick;",
                f"mov.b32 first, {_word(table[8:12])};",
                f"mov.b32 second, {_word(table[12:16])};",
                "prmt.b32 over, first, second, pick;",
                f"prmt.b32 bytes{plane}, under, over, half;",
            ]
        lines += [
            f"prmt.b32 ${part}, bytes0, bytes1, 0x7351;",
            f"prmt.b32 ${2 + part}, bytes0, bytes1, 0x6240;",
        ]
    return "\n".join(("{", *lines, "}"))


def _word(four: Sequence[int]) -> str:
    return f"0x{int.from_bytes(bytes(four), 'little'):08x}"
