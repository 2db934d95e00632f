"""Snapshots: changes are applied as sent, trees are reparsed in part, a hidden function answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.functions import find_functions
from server.documents import Change, Documents, changed, difference, moved
from server.line_index import Place

URI = "file:///project/orders.py"
TWO = "def load(path):\n    return open(path)\n\n\ndef total(rows):\n    return sum(rows)\n"


def replacement(begin: tuple[int, int], end: tuple[int, int], text: str) -> Change:
    return Change(Place(*begin), Place(*end), text)


@given(old=st.binary(max_size=30), new=st.binary(max_size=30))
def test_the_difference_turns_old_into_new(old: bytes, new: bytes) -> None:
    edit = difference(old, new)
    assert old[: edit.start] + new[edit.start : edit.new_end] + old[edit.old_end :] == new


@given(st.text(alphabet="def x():\n\f ", max_size=60), st.data())
def test_any_changes_lead_to_the_tree_of_the_whole_text(text: str, data: st.DataObject) -> None:
    documents = Documents()
    snapshot = documents.open(URI, 0, text)
    for version in range(1, 4):
        assert snapshot.tree is not None
        line = data.draw(st.integers(0, 8))
        change = replacement(
            (line, data.draw(st.integers(0, 8))),
            (line + data.draw(st.integers(0, 2)), data.draw(st.integers(0, 8))),
            data.draw(st.text(alphabet="def f(:)\n ", max_size=12)),
        )
        following = documents.change(URI, version, [change], "utf-16")
        assert following is not None
        snapshot = following
    spans = [function.span for function in snapshot.functions]
    assert spans == [function.span for function in find_functions(snapshot.source)]


def test_changes_of_one_message_follow_each_other() -> None:
    changes = [
        replacement((0, 0), (0, 0), "é = 1\n"),
        replacement((0, 0), (0, 1), "name"),
        Change(None, None, "whole\f\ntext"),
        replacement((1, 0), (1, 4), "end"),
    ]
    assert changed(b"", changes[:2], "utf-16") == b"name = 1\n"
    assert changed(b"", changes, "utf-16") == b"whole\f\nend"


def test_a_form_feed_is_no_line_end() -> None:
    source = b"a = 1\n\fb = 2\nc = 3\n"
    assert changed(source, [replacement((2, 0), (2, 1), "d")], "utf-16").endswith(b"d = 3\n")


@pytest.mark.parametrize("begin", [(0, 99), (99, 0)])
def test_a_change_beyond_the_end_is_clamped(begin: tuple[int, int]) -> None:
    assert changed(b"a\n", [replacement(begin, (99, 99), "b")], "utf-16").startswith(b"a")


def test_a_range_turned_round_is_read_the_right_way() -> None:
    assert changed(b"abcd", [replacement((0, 3), (0, 1), "X")], "utf-16") == b"aXd"


def test_a_lone_surrogate_does_not_break_the_text() -> None:
    assert Documents().open(URI, 1, "a\ud800b").source == b"a?b"


def test_an_older_or_unknown_version_is_refused() -> None:
    documents = Documents()
    assert documents.change(URI, 1, [Change(None, None, "x")], "utf-16") is None
    documents.open(URI, 5, "a")
    assert documents.change(URI, 4, [Change(None, None, "stale")], "utf-16") is None
    assert documents.change(URI, 5, [Change(None, None, "new")], "utf-16") is not None
    documents.close(URI)
    documents.close(URI)
    assert documents.get(URI) is None


def test_a_function_hidden_by_a_half_typed_line_still_answers() -> None:
    documents = Documents()
    before = documents.open(URI, 1, TWO)
    assert [function.name for function in before.functions] == ["load", "total"]
    after = documents.change(URI, 2, [replacement((4, 2), (4, 3), "")], "utf-8")
    assert after is not None
    function = after.function_at(after.source.index(b"sum"))
    assert function is not None
    assert function.name == "total"
    assert b"sum(rows)" in after.source[function.span.start : function.span.end]


def test_a_function_that_was_deleted_does_not_answer() -> None:
    documents = Documents()
    assert len(documents.open(URI, 1, TWO).functions) == 2
    after = documents.change(URI, 2, [Change(None, None, "value = (\n")], "utf-8")
    assert after is not None
    assert after.function_at(5) is None


def test_moved_spans_slice_to_the_same_text() -> None:
    old = TWO.encode()
    new = b"# added\n" + old
    edit = difference(old, new)
    for before, after in zip(find_functions(old), find_functions(new), strict=True):
        shifted = moved(before, edit, new)
        assert (shifted.span, shifted.name_span) == (after.span, after.name_span)


def test_an_empty_file_has_no_function() -> None:
    assert Documents().open(URI, 1, "").function_at(0) is None
