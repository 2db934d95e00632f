"""Each filter by what it takes and what it leaves."""

from __future__ import annotations

import pytest

from dataset.extract import Choice
from dataset.filters import (
    ASCII_NAMES,
    ENGLISH_NAMES,
    file_reason,
    function_reason,
    is_test,
    is_test_path,
)
from dataset.functions import find_functions

FUNCTIONS = [
    ("dunder", "def __init__(self, first, second):\n    self.first = first\n"),
    ("overload", "@overload\ndef parse_line(text: str) -> int: ...\n"),
    ("stub", "def parse_line(self, text, limit): pass\n"),
    ("stub", "def parse_line(self, text):\n    '''Parse it.'''\n    raise NotImplementedError()\n"),
    ("stub", "def parse_line(self, text):\n    '''" + "Parse it. " * 90 + "'''\n"),
    ("base call", "def parse_line(self, text):\n    return super().parse_line(text)\n"),
    ("base call", "def parse(self, text):\n    super(Reader, self).parse(text)\n"),
    ("accessor", "def get_colour(self, default):\n    return self._colour\n"),
    ("accessor", "def set_colour(self, value):\n    self._colour = value\n"),
    ("says nothing", "def wrapper(*args, **kwargs):\n    return call(*args, **kwargs)\n"),
    ("says nothing", "def func1(first, second):\n    return first + second\n"),
    ("says nothing", "def f(first, second, third):\n    return first + second\n"),
    ("too short", "def one(): return 1\n"),
    ("too long", "def parse_line(text):\n" + "    text = text.strip()\n" * 1_000),
    ("setter", "@colour.setter\ndef colour(self, value):\n    self._paint = mix(value)\n"),
    (None, "def parse_line(text):\n    return text.split(',')\n"),
    (None, "def colour(self):\n    return self._paint.mixed()\n"),
    (None, "def parse_line(self, text):\n    '''Doc.'''\n    pass_on(text)\n    return text\n"),
]


@pytest.mark.parametrize(("reason", "source"), FUNCTIONS)
def test_function_is_rejected_for(reason: str | None, source: str) -> None:
    (function,) = find_functions(source.encode())
    assert function_reason(function) == reason


def test_ascii_names_are_an_optional_filter() -> None:
    (function,) = find_functions("def größe_lesen(pfad):\n    return len(pfad.read())\n".encode())
    assert function_reason(function) is None
    assert ASCII_NAMES.rejects(function)


def test_optional_filters_are_chosen_by_name() -> None:
    assert Choice().optional == ()
    assert Choice(ascii_names=True).optional == (ASCII_NAMES,)
    assert Choice(english_names=True).optional == (ENGLISH_NAMES,)


@pytest.mark.parametrize(
    ("english", "name"),
    [
        (True, "load_user_names"),
        (True, "searchLibrary"),
        (True, "sum_2d"),
        (False, "calcularPromedio"),
        (False, "lade_benutzer"),
        (False, "get_yonghu"),
        (False, "größe_lesen"),
    ],
)
def test_english_names_are_an_optional_filter(english: bool, name: str) -> None:
    source = f"def {name}(path):\n    return len(path.read())\n"
    (function,) = find_functions(source.encode())
    assert function_reason(function) is None
    assert ENGLISH_NAMES.rejects(function) is not english


@pytest.mark.parametrize(
    ("reason", "path", "head"),
    [
        ("vendored folder", "src/_vendor/six.py", b""),
        ("vendored folder", "third-party/x/y.py", b""),
        ("generated", "proto/user_pb2.py", b""),
        ("generated", "docs/conf.py", b""),
        ("generated", "app/migrations/0001_initial.py", b""),
        ("generated", "app/models.py", b"# This file was AUTO-GENERATED. Do not edit.\n"),
        ("minified", "app/data.py", b"x = '" + b"a" * 5_000 + b"'\n"),
        ("not text", "app/data.py", b"x = 1\0\0\0"),
        (None, "app/HTMLParser.py", b"import re\n"),
        (None, "app/myconf.py", b"import re\n"),
        (None, "distribution/models.py", b"import re\n"),
    ],
)
def test_file_is_rejected_for(reason: str | None, path: str, head: bytes) -> None:
    assert file_reason(path, head) == reason


def test_tests_are_known_by_name_and_place() -> None:
    test, helper, other = find_functions(
        b"def test_it(): assert run()\ndef assert_same(a, b): ...\ndef run_all(): ...\n"
    )
    assert is_test(test)
    assert is_test(helper, "tests/checks.py")
    assert not is_test(helper, "src/checks.py")
    assert not is_test(other, "tests/checks.py")
    assert is_test_path("src/tests/a.py")
    assert is_test_path("src/a_test.py")
    assert not is_test_path("src/latest.py")
