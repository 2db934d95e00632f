"""Positions and offsets: what each encoding counts, and that they are each other's inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.line_index import Encoding, LineIndex, Place

ENCODINGS: list[Encoding] = ["utf-8", "utf-16", "utf-32"]
TEXT = "a = 1\r\nnä𝒙y = 2\rlast\fpage\u2028still"


@pytest.mark.parametrize(
    ("encoding", "column"), [("utf-8", 1 + 2 + 4), ("utf-16", 1 + 1 + 2), ("utf-32", 3)]
)
def test_a_column_counts_the_units_of_the_encoding(encoding: Encoding, column: int) -> None:
    lines = LineIndex(TEXT.encode())
    offset = TEXT.encode().index(b"y")
    assert lines.place(offset, encoding) == Place(1, column)
    assert lines.offset(Place(1, column), encoding) == offset


def test_only_the_line_ends_of_the_protocol_end_a_line() -> None:
    assert LineIndex(TEXT.encode()).count == 3


@pytest.mark.parametrize(("text", "count"), [("", 1), ("a", 1), ("a\n", 2), ("\r\n\r", 3)])
def test_a_final_line_end_begins_one_more_line(text: str, count: int) -> None:
    assert LineIndex(text.encode()).count == count


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("place", "offset"),
    [(Place(-1, 5), 0), (Place(0, 99), 5), (Place(99, 0), len(TEXT.encode())), (Place(0, -3), 0)],
)
def test_places_outside_the_text_are_clamped(encoding: Encoding, place: Place, offset: int) -> None:
    assert LineIndex(TEXT.encode()).offset(place, encoding) == offset


def test_half_a_surrogate_pair_means_the_start_of_its_character() -> None:
    source = "𝒙y".encode()
    assert LineIndex(source).offset(Place(0, 1), "utf-16") == 0
    assert LineIndex(source).offset(Place(0, 2), "utf-8") == 0


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=st.text(alphabet="aä𝒙\r\n\f\x85", max_size=40), data=st.data())
def test_offsets_survive_the_way_there_and_back(
    encoding: Encoding, text: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(text)))
    offset = len(text[:cut].encode())
    lines = LineIndex(text.encode())
    if text[cut - 1 : cut + 1] == "\r\n":
        return
    assert lines.offset(lines.place(offset, encoding), encoding) == offset
