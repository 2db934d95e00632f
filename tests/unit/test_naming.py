"""The names that reach a user: spelled for their place, free in their scope, better than now."""

from __future__ import annotations

import keyword
import math
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.functions import Function, find_functions
from server.naming import (
    fit_to_offer,
    names_taken,
    to_camel_case,
    to_snake_case,
    uses_camel_case,
)
from server.predictors.base import Candidate


def function_named(source: str, name: str) -> tuple[Function, list[Function]]:
    functions = find_functions(textwrap.dedent(source).encode())
    return next(each for each in functions if each.name == name), functions


def offered(source: str, name: str, *answers: str, k: int = 5) -> list[str]:
    """What is offered when the model answers `answers`, best first."""
    function, functions = function_named(source, name)
    candidates = [Candidate(each, -float(i + 1)) for i, each in enumerate(answers)]
    taken = names_taken(function, functions)
    return [each.name for each in fit_to_offer(candidates, function, taken, k, None)]


def taken_by(source: str, name: str) -> frozenset[str]:
    return names_taken(*function_named(source, name))


SNAKE_FILE = """
def f1(a): return a
def load_file(p): return p
def save_file(p): return p
"""
CAMEL_CLASS = """
def module_level(a): return a
def another_one(a): return a
class Window:
    def setTitle(self, title): self._title = title
    def showAll(self): return 1
    def f1(self): return 2
"""
FRAMEWORK_CLASS = """
class TestThings(TestCase):
    def setUp(self): pass
    def tearDown(self): pass
    def f1(self): pass
"""
VISITOR = """
class V:
    def visit_FunctionDef(self, node): pass
    def visit_Name(self, node): pass
    def f1(self): pass
"""


@pytest.mark.parametrize(
    ("source", "answers", "expected"),
    [
        (SNAKE_FILE, ["parse_headers"], ["parse_headers"]),
        (SNAKE_FILE, ["parseHeaders"], ["parse_headers"]),
        (SNAKE_FILE, ["ParseHTTPHeaders"], ["parse_http_headers"]),
        (SNAKE_FILE, ["_parse_headers"], ["parse_headers"]),
        (SNAKE_FILE, ["__parse__"], ["parse"]),
        (SNAKE_FILE, ["list_"], ["list_"]),
        (CAMEL_CLASS, ["parse_headers", "title"], ["parseHeaders", "title"]),
        (CAMEL_CLASS, ["setWidth"], ["setWidth"]),
        (CAMEL_CLASS, ["get_HTML"], ["getHtml"]),
        (FRAMEWORK_CLASS, ["make_things"], ["make_things"]),
        (VISITOR, ["visit_call"], ["visit_call"]),
        ("def f1(a): return a\n", ["getName"], ["get_name"]),
        ("def fooBar(a): return a\ndef f1(a): return a\n", ["get_name"], ["getName"]),
    ],
)
def test_names_follow_the_habit_of_their_class_or_file(
    source: str, answers: list[str], expected: list[str]
) -> None:
    assert offered(source, "f1", *answers) == expected


@pytest.mark.parametrize(
    ("present", "answer", "expected"),
    [
        ("_f1", "parse_headers", ["_parse_headers"]),
        ("__f1", "parse_headers", ["__parse_headers"]),
        ("_f1", "_parse_headers", ["_parse_headers"]),
        ("_", "register_int", ["_register_int"]),
        ("f1", "__parse", ["parse"]),
        ("test_f1", "parse_headers", ["test_parse_headers"]),
        ("test_f1", "test_parse", ["test_parse"]),
        ("testing_f1", "parse", ["test_parse"]),
    ],
)
def test_leading_underscores_and_the_mark_of_a_test_stay(
    present: str, answer: str, expected: list[str]
) -> None:
    assert offered(f"def {present}(a): return a\n", present, answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "class",
        "None",
        "match",
        "type",
        "list",
        "open",
        "x",
        "i",
        "self",
        "cls",
        "",
        "_",
        "__",
        "2nd_try",
        "with space",
        "a-b",
        "name()",
        "x" * 200,
        "f1",
    ],
)
def test_what_cannot_be_typed_or_would_mislead_is_never_offered(answer: str) -> None:
    assert offered("def f1(a): return a\n", "f1", answer) == []


def test_methods_may_be_called_like_builtins() -> None:
    source = "class Store:\n    def f1(self): return 1\n"
    assert offered(source, "f1", "open", "list") == ["open", "list"]


def test_a_method_called_like_a_type_in_the_signatures_of_its_class_is_not_offered() -> None:
    source = """
    class Store:
        def f1(self): return 1
        def all(self) -> list[int]: return []
    """
    assert offered(source, "f1", "list", "set") == ["set"]


@pytest.mark.parametrize("name", ["__init__", "__getitem__"])
def test_special_methods_get_no_offers(name: str) -> None:
    assert offered(f"class C:\n    def {name}(self): pass\n", name, "create") == []


def test_non_ascii_names_are_normalized_as_python_does() -> None:
    assert offered("def f1(a): return a\n", "f1", "ﬁnd_größe") == ["find_größe"]


def test_the_same_name_in_two_spellings_adds_its_probabilities() -> None:
    function, functions = function_named(SNAKE_FILE, "f1")
    candidates = [
        Candidate("read_all", math.log(0.35)),
        Candidate("get_name", math.log(0.3)),
        Candidate("getName", math.log(0.2)),
    ]
    fit = fit_to_offer(candidates, function, names_taken(function, functions), 5, None)
    assert [each.name for each in fit] == ["get_name", "read_all"]
    assert math.exp(fit[0].log_probability) == pytest.approx(0.5)


def test_at_most_k_names_best_first() -> None:
    answers = ["one_name", "two_names", "three_names", "four_names"]
    assert offered(SNAKE_FILE, "f1", *answers, k=2) == answers[:2]
    assert offered(SNAKE_FILE, "f1", *answers, k=0) == []


@pytest.mark.parametrize(
    ("present", "expected"),
    [(math.log(0.6), 0), (math.log(0.4), 0), (math.log(0.3), 2), (None, 2)],
)
def test_nothing_is_offered_when_the_present_name_is_already_the_best(
    present: float | None, expected: int
) -> None:
    function, functions = function_named(SNAKE_FILE, "f1")
    candidates = [Candidate("read_all", math.log(0.4)), Candidate("get_name", math.log(0.1))]
    taken = names_taken(function, functions)
    assert len(fit_to_offer(candidates, function, taken, 5, present)) == expected


MODULE = """
import os.path, json as js
from a import b, c as d
from __future__ import annotations
CONSTANT: int = 1
first, (second, *rest) = 1, (2, 3)
if CONSTANT:
    def conditional(): pass
else:
    fallback = None
try:
    import fast
except ImportError as problem:
    fast = None
for index in range(3):
    inside_for = 1
with open("f") as stream:
    pass
while (chunk := 1):
    break
match first:
    case [head, *tail]:
        pass
    case {"k": value}:
        pass
class Thing:
    member = 1
    def method(self): pass
def f1(parameter):
    local = 1
    global late
    late = 2
def helper(): pass
@decorated
def wrapped(): pass
squares = [inner for inner in range(3)]
"""


def test_everything_a_module_binds_is_taken() -> None:
    taken = taken_by(MODULE, "f1")
    bound = (
        "os js b d CONSTANT first second rest conditional fallback fast problem index inside_for "
        "stream chunk head value Thing late helper wrapped squares"
    )
    assert set(bound.split()) <= taken
    for free in "path json a c member method parameter local inner f1".split():
        assert free not in taken, free


def test_members_of_the_class_and_of_its_bases_in_the_file_are_taken() -> None:
    source = """
    class Base:
        inherited = 1
        def run(self): self.state = 1
    class Child(Base):
        size: int = 0
        def f1(self):
            self.count, self.rest = 1, 2
            local = 1
            return self.from_afar()
        @property
        def total(self): return 1
        class Inner: pass
    def outside(): pass
    """
    taken = taken_by(source, "f1")
    members = "inherited run state size count rest from_afar total Inner"
    assert set(members.split()) <= taken
    assert not {"local", "outside", "Base", "f1"} & taken


def test_bases_that_inherit_from_each_other_end() -> None:
    source = "class A(B):\n    def f1(self): pass\nclass B(A):\n    def other(self): pass\n"
    assert taken_by(source, "f1") == {"other"}


def test_a_nested_function_cannot_take_what_the_enclosing_one_uses() -> None:
    source = """
    import os
    def outer(argument, *args, key=1, typed: int = 2, **options):
        result = os.getcwd()
        def f1(a): return a
        return f1(clean(result)).strip()
    def elsewhere(): pass
    """
    taken = taken_by(source, "f1")
    assert set("argument args key typed options result os clean".split()) <= taken
    assert not {"getcwd", "strip", "elsewhere", "f1"} & taken


def test_locals_of_the_functions_that_call_it_are_taken() -> None:
    source = """
    def f1(n): return n
    def caller(orders):
        total = f1(orders)
        return total
    def stranger(items):
        other = 1
    def f2(depth):
        rest = f2(depth - 1)
    """
    assert {"orders", "total"} <= taken_by(source, "f1")
    assert not {"items", "other", "n"} & taken_by(source, "f1")
    assert {"depth", "rest"} <= taken_by(source, "f2")


def test_a_star_import_may_bring_any_name_that_is_used() -> None:
    source = "from shapes import *\ndef f1(a): return a\ndef area(c): return circle(c).radius\n"
    assert {"circle", "area"} <= taken_by(source, "f1")
    assert "radius" not in taken_by(source, "f1")


@pytest.mark.parametrize(
    "source",
    [
        "def f1(a):\n    return (a\ndef other(): pass\nvalue = 1\n",
        "x = foo(\nclass Deep:\n    def f1(self): pass\n    def other(self): pass\nvalue = 1\n",
        "def f1(a):\n    print a\ndef other(): pass\nvalue = 1\nexec 'code'\n",
    ],
)
def test_broken_and_old_files_still_tell_what_is_taken(source: str) -> None:
    assert "other" in taken_by(source, "f1")


@pytest.mark.parametrize(
    ("name", "snake", "camel"),
    [
        ("parse_headers", "parse_headers", "parseHeaders"),
        ("parseHeaders", "parse_headers", "parseHeaders"),
        ("parseHTTPHeaders", "parse_http_headers", "parseHTTPHeaders"),
        ("__private_thing", "__private_thing", "__privateThing"),
        ("run", "run", "run"),
        ("Run", "run", "run"),
        ("utf8Decode", "utf8_decode", "utf8Decode"),
        ("", "", ""),
    ],
)
def test_spellings(name: str, snake: str, camel: str) -> None:
    assert to_snake_case(name) == snake
    assert to_camel_case(name) == camel


def test_the_class_decides_before_the_file() -> None:
    source = CAMEL_CLASS + "class Other:\n    def f2(self): pass\n"
    assert uses_camel_case(function_named(source, "f1")[0])
    assert not uses_camel_case(function_named(source, "f2")[0])


WORDS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"_{0,2}[a-zA-Z][a-zA-Z0-9_]{0,10}_{0,2}", fullmatch=True),
    st.sampled_from(["f1", "load_file", "class", "list", "match", "_x", "loadFile"]),
)
SCORES = st.floats(min_value=-20, max_value=0)


@given(
    answers=st.lists(st.tuples(WORDS, SCORES), max_size=12),
    source=st.sampled_from([SNAKE_FILE, CAMEL_CLASS, FRAMEWORK_CLASS, VISITOR]),
    k=st.integers(min_value=0, max_value=6),
)
def test_whatever_a_model_answers_only_fit_names_come_through(
    answers: list[tuple[str, float]], source: str, k: int
) -> None:
    function, functions = function_named(source, "f1")
    taken = names_taken(function, functions)
    fit = fit_to_offer([Candidate(*each) for each in answers], function, taken, k, None)
    names = [each.name for each in fit]
    assert len(names) == len(set(names)) <= k
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    assert not {"f1", *taken} & set(names)
    scores = [each.log_probability for each in fit]
    assert scores == sorted(scores, reverse=True)
    assert all(score <= 0 for score in scores)
