"""Why a file or a function has no place in a corpus: small pure predicates, each with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from dataset.functions import Function
from dataset.languages import is_english

MAX_FILE_BYTES = 1_000_000
MAX_FUNCTION_BYTES = 20_000
MIN_FUNCTION_BYTES = 30
_LONG_LINE = 4_000
# Bodies longer than this are neither stubs nor accessors, whatever they hold.
_SMALL_BODY = 400

_FOLDERS = re.compile(
    r"(^|/)(_?vendor(ed|s)?|third[_-]?party|extern(al|als)?|node_modules|site-packages|"
    r"(build|dist)|deps|_vendored?_packages|bundled|backports|\.[^/]+)/"
)
_GENERATED_PATH = re.compile(
    r"((_pb2(_grpc)?|_rc|_ui)|(^|/)(parsetab|lextab|versioneer|_version|conf|ez_setup|"
    r"distribute_setup))\.py$|(^|/)(migrations|generated|autogen(erated)?|gen|gapic)/"
)
_GENERATED_TEXT = re.compile(
    rb"(?i)(auto-?generated|generated (by|from|using|automatically)|do not edit|@generated)"
)
_SAYS_NOTHING = re.compile(
    r"_*(foo|bar|baz|qux|spam|eggs|fun|func|function|fn|method|wrapper|wrapped|inner|outer|impl|_|"
    r"f|g|h|go|cb|decorator|dummy|thing|blah|temp|tmp|asdf)_?\d*_*$|_*[A-Za-z]\d*$"
)
_TESTING = re.compile(r"(test|tests|testing|conftest)")
_SETTING_UP = frozenset(
    "setUp tearDown setUpClass tearDownClass setup_method teardown_method setup teardown "
    "setup_class teardown_class setup_module teardown_module setUpModule tearDownModule "
    "setUpTestData asyncSetUp asyncTearDown runTest".split()
)
_STUB = re.compile(rb"(pass|\.\.\.|return|return NotImplemented|raise NotImplementedError\b.*)$")
_ACCESSES = re.compile(rb"(?:return self\._*(\w+)|self\._*(\w+) = \w+)$")
_CALLS_BASE = re.compile(rb"(return |await |return await )?super\(.*\)\.\w+\(.*\)$")


@dataclass(frozen=True, slots=True)
class Filter:
    """A named predicate; `rejects` is true for a function that must go."""

    name: str
    reason: str
    rejects: Callable[[Function], bool]


def file_reason(path: str, head: bytes) -> str | None:
    """Why a whole file is left out (from its path and first kilobytes), or None."""
    if _FOLDERS.search(path):
        return "vendored folder"
    if _GENERATED_PATH.search(path) or _GENERATED_TEXT.search(head[:1_500]):
        return "generated"
    if b"\0" in head:
        return "not text"
    longest = max((len(line) for line in head.split(b"\n")), default=0)
    return "minified" if longest > _LONG_LINE else None


def is_test_path(path: str) -> bool:
    """Whether a file belongs to a test suite, by its path alone."""
    return any(
        _TESTING.fullmatch(part) or part.startswith("test_") or part.endswith("_test.py")
        for part in path.removesuffix(".py").split("/")
    ) or path.endswith(("_test.py", "_tests.py"))


def is_test(function: Function, path: str = "") -> bool:
    """A test case, its set-up or its own assertions, by the names that test runners look for."""
    name = function.name
    if name.startswith(("test", "Test")) or name in _SETTING_UP:
        return True
    return name.startswith("assert") and is_test_path(path)


def _is_dunder(function: Function) -> bool:
    return function.name.startswith("__") and function.name.endswith("__")


def _statements(function: Function) -> list[bytes] | None:
    """The lines of a small body without its docstring and comments; None for a large one."""
    hole = function.docstring_span
    start, end = function.body_span if hole is None else (hole.end, function.body_span.end)
    if end - start > _SMALL_BODY:
        return None
    lines = function.source[start:end].replace(b";", b"\n").split(b"\n")
    return [code for line in lines if (code := line.split(b"#", 1)[0].strip())]


def _is_stub(function: Function) -> bool:
    statements = _statements(function)
    if not statements:
        return statements is not None
    return bool(_STUB.match(statements[0])) and len(statements) <= 3


def _calls_base_only(function: Function) -> bool:
    statements = _statements(function)
    if statements is None or len(statements) != 1:
        return False
    return bool(_CALLS_BASE.match(statements[0]))


def _is_accessor(function: Function) -> bool:
    """A getter or setter whose one statement repeats its name: nothing is left to guess from."""
    statements = _statements(function)
    if statements is None or len(statements) != 1 or len(statements[0]) > 80:
        return False
    match = _ACCESSES.match(statements[0])
    word = function.name.removeprefix("get_").removeprefix("set_").strip("_").encode()
    return match is not None and word in match.groups()


FILTERS = (
    Filter("dunder", "the language names it", _is_dunder),
    Filter("overload", "a signature without a body", lambda f: f.is_overload),
    Filter("stub", "no body to name", _is_stub),
    Filter("base call", "an override that only calls its base", _calls_base_only),
    Filter("accessor", "an accessor of one attribute", _is_accessor),
    Filter(
        "says nothing", "a name like foo, wrapper or x", lambda f: bool(_SAYS_NOTHING.match(f.name))
    ),
    Filter(
        "too long",
        f"over {MAX_FUNCTION_BYTES} bytes",
        lambda f: f.span.end - f.span.start > MAX_FUNCTION_BYTES,
    ),
    Filter(
        "too short",
        f"under {MIN_FUNCTION_BYTES} bytes",
        lambda f: f.span.end - f.span.start < MIN_FUNCTION_BYTES,
    ),
    Filter(
        "setter",
        "named after its property",
        lambda f: any(d.endswith((".setter", ".deleter")) for d in f.decorators),
    ),
)
ASCII_NAMES = Filter("not ASCII", "a name beyond ASCII letters", lambda f: not f.name.isascii())
ENGLISH_NAMES = Filter(
    "not English", "a name with a word of another language", lambda f: not is_english(f.name)
)
OPTIONAL = (ASCII_NAMES, ENGLISH_NAMES)


def function_reason(function: Function) -> str | None:
    """The name of the first filter that rejects a function, or None."""
    for candidate in FILTERS:
        if candidate.rejects(function):
            return candidate.name
    return None
