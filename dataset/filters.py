"""Why a file or a function has no place in a corpus: small pure predicates, each with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from dataset.functions import Function

_FOLDERS = re.compile(
    r"(^|/)(_?vendor(ed|s)?|third[_-]?party|extern(al|als)?|node_modules|site-packages|"
    r"(build|dist)|deps|_vendored?_packages|bundled|backports|\.[^/]+)/"
)
_GENERATED_PATH = re.compile(
    r"(_pb2(_grpc)?|_rc|_ui|parsetab|lextab|versioneer|_version|conf|[A-Za-z]*(Lexer|Parser|"
    r"Listener|Visitor))\.py$|(^|/)(migrations|generated|autogen(erated)?|gen|gapic)/"
)
_GENERATED_TEXT = re.compile(
    rb"(?i)(auto-?generated|generated (by|from|using|automatically)|do not edit|@generated)"
)
_SAYS_NOTHING = re.compile(
    r"_*(foo|bar|baz|spam|eggs|func|function|fn|method|wrapper|wrapped|inner|_|f|g|h|decorator|"
    r"dummy|blah|temp|tmp|asdf)_?\d*_*$|_*[A-Za-z]\d*$"
)
_TESTING = re.compile(r"(test|tests|testing|conftest)")
_SETTING_UP = frozenset(
    "setUp tearDown setUpClass tearDownClass setup_method teardown_method setup teardown "
    "setup_class teardown_class".split()
)
MAX_FILE_BYTES = 1_000_000
MAX_FUNCTION_BYTES = 20_000


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
    longest = max((len(line) for line in head.split(b"\n")), default=0)
    return "minified" if longest > 4_000 else None


def is_test_path(path: str) -> bool:
    """Whether a file belongs to a test suite, by its path alone."""
    return any(
        _TESTING.fullmatch(part) or part.startswith("test_") or part.endswith("_test.py")
        for part in path.removesuffix(".py").split("/")
    ) or path.endswith(("_test.py", "_tests.py"))


def is_test(function: Function) -> bool:
    """A test case or its set-up, by the names that test runners look for."""
    return function.name.startswith(("test", "Test")) or function.name in _SETTING_UP


def _is_dunder(function: Function) -> bool:
    return function.name.startswith("__") and function.name.endswith("__")


def _statements(function: Function) -> list[bytes]:
    start, end = function.body_span
    body = function.source[start:end]
    if function.docstring_span is not None:
        body = function.source[function.docstring_span.end : end]
    lines = (line.split(b"#", 1)[0].strip() for line in body.replace(b";", b"\n").split(b"\n"))
    return [line for line in lines if line]


_STUB = re.compile(rb"(pass|\.\.\.|return|return NotImplemented|raise NotImplementedError\b.*)$")
_CALLS_BASE = re.compile(rb"(return |await |return await )?super\(.*\)\.\w+\(.*\)$")


def _is_stub(function: Function) -> bool:
    statements = _statements(function)
    if not statements:
        return True
    return bool(_STUB.match(statements[0])) and len(statements) <= 3


def _calls_base_only(function: Function) -> bool:
    statements = _statements(function)
    return len(statements) == 1 and bool(_CALLS_BASE.match(statements[0]))


def _is_accessor(function: Function) -> bool:
    """A getter or setter whose one statement repeats its name: nothing is left to guess from."""
    statements = _statements(function)
    if len(statements) != 1 or len(statements[0]) > 80:
        return False
    word = function.name.removeprefix("get_").removeprefix("set_").strip("_").encode()
    return bool(re.match(rb"(return self\._*%b$|self\._*%b = \w+$)" % (word, word), statements[0]))


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
    Filter("too short", "under 30 bytes", lambda f: f.span.end - f.span.start < 30),
    Filter(
        "setter",
        "named after its property",
        lambda f: any(d.endswith((".setter", ".deleter")) for d in f.decorators),
    ),
)


def function_reason(function: Function) -> str | None:
    """The name of the first filter that rejects a function, or None."""
    for candidate in FILTERS:
        if candidate.rejects(function):
            return candidate.name
    return None
