"""The canonical text of a question, and that no mention of the name survives in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.functions import find_functions
from dataset.question import ask, bare, mask, masked_text, nearest_names


def question_text(source: str, name: str | None = None) -> str:
    functions = find_functions(source.encode())
    return masked_text(next(f for f in functions if name is None or f.name == name))


GOLDEN = {
    "docstring and blank lines go": (
        'def add(a, b):\n    """Add two."""\n\n    c = a + b   \n    return c\n',
        "def x(a, b):\n    c = a + b\n    return c",
    ),
    "method moves to column 0": (
        "class A:\n    def get(self):\n        if self:\n            return 1\n",
        "def x(self):\n    if self:\n        return 1",
    ),
    "async": ("async def load(a):\n    await a\n", "async def x(a):\n    await a"),
    "recursion": ("def f2(n):\n    return f2(n - 1)\n", "def x(n):\n    return x(n - 1)"),
    "attribute of the name": (
        "def close(self):\n    self.close(); other.closed\n",
        "def x(self):\n    self.x(); other.closed",
    ),
    "strings and comments": (
        "def close(self):\n    log('close it')  # close now, not close_it\n",
        "def x(self):\n    log('x it')  # x now, not close_it",
    ),
    "a parameter called x": ("def f2(x):\n    return x\n", "def x(x):\n    return x"),
    "only a docstring": ('def f2():\n    """Doc."""\n', "def x(): pass"),
    "docstring on the line of a statement": (
        'def f2():\n    "doc"; return 1\n',
        "def x():\n    return 1",
    ),
    "tabs": ("class A:\n\tdef f2(self):\n\t\treturn 1\n", "def x(self):\n    return 1"),
    "carriage returns": ("def f2(a):\r\n    return a\r\n", "def x(a):\n    return a"),
    "python 2": ("def f2(a):\n    print 'f2', a\n", "def x(a):\n    print 'x', a"),
    "type parameters": ("def f2[T](a: T) -> T: return a\n", "def x[T](a: T) -> T: return a"),
}


@pytest.mark.parametrize(("source", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_golden_texts(source: str, expected: str) -> None:
    assert question_text(source) == expected


def test_context_is_masked_and_complete() -> None:
    source = (
        "class parse:\n    def other(self): return 1\n    @parse.setter\n"
        '    def parse(self):\n        """Let parse do it."""\n        return 2\n'
    )
    function = next(f for f in find_functions(source.encode()) if f.name == "parse")
    question = ask(function, path="pkg/parse.py", siblings=("other", "parse"))
    assert question.context.file_stem == "x"
    assert question.context.class_chain == ("x",)
    assert question.context.decorators == ("x.setter",)
    assert question.context.siblings == ("other",)
    assert question.context.docstring == "Let x do it."
    assert bare(question).context.docstring == ""


def test_underscores_of_the_name_are_kept_apart() -> None:
    function = find_functions(b"def __secret(self): return 1\n")[0]
    assert ask(function).prefix == "__"


def test_digest_tells_questions_apart() -> None:
    one, two = (ask(f) for f in find_functions(b"def a1(): return 1\ndef a2(): return 2\n"))
    assert one.digest() != two.digest()
    assert one.digest() == ask(find_functions(b"def zz(): return 1\n")[0]).digest()


def test_nearest_names_leave_out_the_function_itself() -> None:
    names = [f"n{i}" for i in range(40)]
    around = nearest_names(names, 20)
    assert "n20" not in around
    assert len(around) == 16
    assert around[0] == "n12"
    assert nearest_names(["a", "b", "a"], 0) == ("b",)


identifiers = st.from_regex(r"[a-zA-Zäé_][a-zA-Z0-9äé_]{1,8}", fullmatch=True).filter(
    lambda name: name.isidentifier() and name != "x"
)
pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [" ", "\n        ", "(", ")", ".", "'", '"', "#", ",", "_", "é", "\\", "1"]
        ),
        st.sampled_from(["NAME", "NAME_more", "my_NAME", "self.NAME", "'NAME'", "# NAME"]),
    ),
    max_size=30,
)


@given(identifiers, pieces)
def test_no_whole_mention_survives(name: str, parts: list[str]) -> None:
    text = "".join(parts).replace("NAME", name)
    assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", mask(text, name))


@given(identifiers, pieces)
def test_no_mention_survives_in_a_whole_question(name: str, parts: list[str]) -> None:
    body = "".join(parts).replace("NAME", name).replace("\n", "\n    ")
    source = f"class K:\n    def {name}(self):\n        {body}\n"
    for function in find_functions(source.encode()):
        if function.name == name:
            assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", masked_text(function))


@given(st.lists(pieces, max_size=4), identifiers)
def test_spans_slice_to_what_they_claim(bodies: list[list[str]], name: str) -> None:
    source = "".join(
        f"# ä\ndef {name}{i}(a):\n    {''.join(parts).replace('NAME', name)}\n"
        for i, parts in enumerate(bodies)
    ).encode()
    for function in find_functions(source):
        start, end = function.name_span
        assert source[start:end].decode() == function.name
        assert function.outer_span.start <= function.span.start <= start
        assert end <= function.header_span.end <= function.span.end <= len(source)
        assert function.text.startswith(("def", "async"))
