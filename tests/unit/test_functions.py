"""What counts as a function, where it is, and what is said of it."""

from __future__ import annotations

import time

import pytest

from dataset.functions import Function, find_functions, function_at


def only(source: str) -> Function:
    functions = find_functions(source.encode())
    assert len(functions) == 1
    return functions[0]


def named(source: str | bytes, name: str) -> Function:
    data = source.encode() if isinstance(source, str) else source
    return next(f for f in find_functions(data) if f.name == name)


def sliced(function: Function, span: tuple[int, int]) -> str:
    return function.source[span[0] : span[1]].decode()


KINDS = {
    "plain": ("def f(a): return a", {}),
    "async": ("async def f(a): return a", {"is_async": True}),
    "method": ("class A:\n    def f(self): return 1", {"is_method": True}),
    "property": ("class A:\n  @property\n  def f(self): return 1", {"is_property": True}),
    "cached property": (
        "class A:\n  @functools.cached_property\n  def f(self): return 1",
        {"is_property": True, "is_method": True},
    ),
    "setter": ("class A:\n  @f.setter\n  def f(self, v): self.v = v", {"is_property": True}),
    "overload": ("@typing.overload\ndef f(a: int) -> int: ...", {"is_overload": True}),
    "type parameters": ("def f[T: int](a: T) -> T: return a", {"is_async": False}),
    "python 2": ("def f(a):\n    print 'x', a\n    raise E, 'm'\n", {"is_method": False}),
    "in a condition": (
        "class A:\n  if X:\n    def f(self): return 1",
        {"is_method": True, "is_nested": False},
    ),
}


@pytest.mark.parametrize(("source", "expected"), KINDS.values(), ids=KINDS)
def test_kind_of_function(source: str, expected: dict[str, bool]) -> None:
    function = only(source)
    assert function.name == "f"
    assert {key: getattr(function, key) for key in expected} == expected


def test_nested_function_is_not_a_method_and_keeps_the_class_chain() -> None:
    source = "class A:\n  class B:\n    def outer(self):\n      def inner(): return 1\n"
    inner = named(source, "inner")
    assert inner.is_nested
    assert not inner.is_method
    assert inner.class_chain == ("A", "B")


def test_lambda_is_no_function() -> None:
    assert find_functions(b"f = lambda a: a + 1\n") == []


def test_parameters_are_names_without_stars_or_annotations() -> None:
    function = only("def f(a, /, b=1, *args: int, c: str = 'x', **kw): pass")
    assert function.parameters == ("a", "b", "args", "c", "kw")


def test_decorators_keep_their_text() -> None:
    function = only("@a.b(1)\n@c\ndef f(): pass")
    assert function.decorators == ("a.b(1)", "c")
    assert function.outer_span.start == 0
    assert function.line == 3


@pytest.mark.parametrize(
    ("body", "docstring"),
    [
        ('"""Say it.\n\n    More.\n    """\n    return 1', "Say it.\n\nMore."),
        ("'one' 'two'\n    return 1", "onetwo"),
        ('r"""raw \\d"""\n    return 1', "raw \\d"),
        ('# note\n    "doc"\n    return 1', "doc"),
        ('f"""not {one}"""\n    return 1', None),
        ('b"bytes"\n    return 1', None),
        ('x = "value"\n    return x', None),
    ],
)
def test_docstring_is_what_python_takes_for_one(body: str, docstring: str | None) -> None:
    assert only(f"def f():\n    {body}\n").docstring == docstring


NEWLINES = {"unix": "\n", "dos": "\r\n", "old mac": "\r"}


@pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES)
def test_line_and_spans_with_any_line_end(newline: str) -> None:
    source = "# é\n\ndef größe(a):\n\treturn a\n".replace("\n", newline)
    function = only(source)
    assert function.line == 3
    assert sliced(function, function.name_span) == "größe"
    assert sliced(function, function.header_span) == "def größe(a):"


def test_byte_order_mark_and_form_feed() -> None:
    function = only("\ufeffdef f(a):\n    return a\n")
    assert sliced(function, function.name_span) == "f"
    assert only("x = 1\n\f\ndef f(a):\n    return a\n").line == 3


def test_position_on_decorator_signature_and_body_finds_the_innermost() -> None:
    source = b"@d\ndef outer(a):\n    def inner(b):\n        return b\n    return inner\n"
    for text, name in (
        (b"@d", "outer"),
        (b"outer", "outer"),
        (b"inner(b)", "inner"),
        (b"return b", "inner"),
        (b"return inner", "outer"),
    ):
        function = function_at(source, source.index(text) + 1)
        assert function is not None
        assert function.name == name


def test_no_function_at_a_position_outside() -> None:
    assert function_at(b"x = 1\n\n\ndef f(): pass\n", 0) is None
    assert find_functions(b"") == []


OPEN = """\
def first(a):
    return a

x = call(

def second(b):
    return b

class C:
    def third(self):
        return 3
"""


def test_open_bracket_does_not_swallow_what_follows() -> None:
    functions = find_functions(OPEN.encode())
    assert [f.name for f in functions] == ["first", "second", "third"]
    for function in functions:
        assert sliced(function, function.name_span) == function.name
        assert sliced(function, function.span).startswith("def ")


SWALLOWED = {
    "a method": ("x = (\nclass A:\n    def f(self):\n        return 1\n", ("A",), "method"),
    "a bracket in the class": (
        "class A:\n    x = call(\n    def f(self):\n        return 1\n",
        ("A",),
        "method",
    ),
    "a bracket in a method above": (
        "class A:\n    def g(self):\n        x = [\n\n    def f(self):\n        return 1\n",
        ("A",),
        "method",
    ),
    "a bracket in the class's own line": (
        "class A(:\n    class B:\n        def f(self):\n            return 1\n",
        ("A", "B"),
        "method",
    ),
    "in a condition": (
        "x = (\nclass A:\n    if X:\n        def f(self):\n            return 1\n",
        ("A",),
        "method",
    ),
    "nested": (
        "x = (\nclass A:\n    def g(self):\n        def f(a):\n            return a\n",
        ("A",),
        "nested",
    ),
    "after the class": (
        "x = (\nclass A:\n    y = 1\n\ndef f(a):\n    return a\n",
        (),
        "plain",
    ),
}


@pytest.mark.parametrize(("source", "chain", "kind"), SWALLOWED.values(), ids=SWALLOWED)
def test_a_function_below_an_open_bracket_keeps_its_place(
    source: str, chain: tuple[str, ...], kind: str
) -> None:
    function = named(source, "f")
    assert function.class_chain == chain
    assert (function.is_method, function.is_nested) == (kind == "method", kind == "nested")


@pytest.mark.parametrize("newline", NEWLINES.values(), ids=NEWLINES)
def test_a_function_below_an_open_bracket_keeps_its_decorators(newline: str) -> None:
    source = "x = (\nclass A:\n  @a(1)\n  @property\n  def f(self):\n    return 1\n"
    function = named(source.replace("\n", newline), "f")
    assert function.decorators == ("a(1)", "property")
    assert function.is_property
    assert function.line == 5
    assert sliced(function, function.outer_span).startswith("@a(1)")
    assert sliced(function, function.span).startswith("def f(self):")


def test_definition_without_a_body_yet() -> None:
    assert named("def f(a):\n\ndef g(b):\n    return b\n", "g").parameters == ("b",)


def test_a_text_that_only_looks_like_a_definition_is_none() -> None:
    assert find_functions(b's = """\ndef f(a): pass\n"""\n') == []


def test_ten_thousand_lines() -> None:
    source = "".join(
        f"class C{i}:\n    def m{i}(self, a):\n        return a + {i}\n\n" for i in range(2_500)
    ).encode()
    started = time.perf_counter()
    functions = find_functions(source)
    assert len(functions) == 2_500
    assert functions[-1].line == 9_998
    # A quadratic walk would take minutes; this only guards against one.
    assert time.perf_counter() - started < 20


def test_ten_thousand_lines_below_an_open_bracket() -> None:
    source = "x = (\n" + "".join(
        f"def m{i}(a):\n    def n{i}(b):\n        return a + b + {i}\n    return n{i}\n"
        for i in range(2_500)
    )
    started = time.perf_counter()
    functions = find_functions(source.encode())
    lines = source.split("\n")
    assert len(functions) == 5_000
    assert all(f"def {f.name}(" in lines[f.line - 1] for f in functions)
    assert time.perf_counter() - started < 20


def test_lines_below_an_open_bracket_end_in_any_way() -> None:
    source = b"x = (\r\ndef a(p):\r\n    return p\r\n\rdef b(p):\n    return p\n"
    assert [(f.name, f.line) for f in find_functions(source)] == [("a", 2), ("b", 5)]
