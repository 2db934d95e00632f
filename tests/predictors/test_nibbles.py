"""The instructions that look 4-bit numbers up, run by a model of the few that they are."""

from __future__ import annotations

import pytest
import torch

from server.predictors.worker import nf4, nibbles


def execute(ptx: str, word: int) -> list[int]:
    """The four output registers for the input `word` (PTX ISA 9.7, generic forms alone)."""
    registers: dict[str, int] = {"$4": word}

    def value(text: str) -> int:
        return registers[text] if text in registers else int(text, 0)

    for line in ptx.strip("{}\n").splitlines()[1:]:
        name, _, operands = line.removesuffix(";").partition(".b32 ")
        target, *rest = operands.split(", ")
        given = [value(each) for each in rest]
        if name == "mov":
            found = given[0]
        elif name == "and":
            found = given[0] & given[1]
        elif name == "or":
            found = given[0] | given[1]
        elif name == "shr":
            found = given[0] >> given[1]
        else:
            assert name == "prmt"
            pool = given[0].to_bytes(4, "little") + given[1].to_bytes(4, "little")
            picks = [given[2] >> shift & 15 for shift in (0, 4, 8, 12)]
            assert max(picks) < 8, "a pick of 8 and more repeats a sign"
            found = int.from_bytes(bytes(pool[pick] for pick in picks), "little")
        registers[target] = found
    return [registers[f"${number}"] for number in range(4)]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_every_byte_gives_the_values_of_both_its_nibbles(kind: torch.dtype) -> None:
    values = nf4.table(torch.device("cpu"))
    ptx = nibbles.lookup(values.tolist(), kind)
    wanted = values.to(kind)
    for first in range(256):
        four = bytes((first * factor + 77) % 256 for factor in (1, 3, 5, 7))
        words = execute(ptx, int.from_bytes(four, "little"))
        raw = b"".join(word.to_bytes(4, "little") for word in words)
        found = torch.frombuffer(bytearray(raw), dtype=kind).view(2, 4)
        assert found[0].equal(wanted[[byte >> 4 for byte in four]])
        assert found[1].equal(wanted[[byte & 15 for byte in four]])
