"""Turns what a model answers into names fit to offer for one function of one file.

A name that reaches the user follows the habit of its class or file, keeps the leading underscores,
can be typed as it stands, and collides with nothing in its scope.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from dataset.functions import Function, decode
from dataset.question import MASK, leading_underscores
from server.predictors.base import Candidate
from server.scopes import BUILTINS, names_taken

__all__ = [
    "fit_to_offer",
    "is_given_by_framework",
    "names_taken",
    "to_camel_case",
    "to_snake_case",
    "uses_camel_case",
]

LONGEST_NAME = 60
_SOFT_KEYWORDS = frozenset(keyword.softkwlist)
# Names that mean something else to every reader of Python, or nothing at all.
_MISLEADING = frozenset({"self", "cls", "lambda_", "exec", "unicode", "foo", "bar", MASK})
_DEFINITION = re.compile(rb"^([ \t]*)(?:(?:async[ \t]+)?(def)|(class))[ \t]+(\w+)", re.MULTILINE)
_CAMEL = re.compile(r"[a-z][a-z0-9]*[A-Z]")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Spelled by frameworks, not by the project: no evidence of a habit.
_FRAMEWORK = re.compile(
    r"(?:setUp|tearDown)(?:Class|Module|TestData)?|(?:visit|depart|leave|generic_visit|on)_\w+|do_[A-Z]+"
    r"|assert[A-Z]\w*|addCleanup|runTest"
)
_DUNDER = re.compile(r"__\w+__")


def fit_to_offer(
    candidates: Sequence[Candidate],
    function: Function,
    taken: Collection[str],
    k: int,
    present_log_probability: float | None,
) -> list[Candidate]:
    """At most `k` names, most probable first, spelled for the place they go to.

    `present_log_probability` (natural log) is the model's score of the present name, if known:
    when no candidate beats it, nothing is offered. Special methods (`__init__`) get no offers.
    """
    if _DUNDER.fullmatch(function.name):
        return []
    camel = uses_camel_case(function)
    merged: dict[str, float] = {}
    for candidate in candidates:
        name = _spelled_for(candidate.name, function, camel)
        if name and name != function.name and name not in taken and _is_offerable(name, function):
            seen = merged.get(name, -math.inf)
            merged[name] = _add_probabilities(seen, candidate.log_probability)
    fit = sorted(
        (Candidate(name, score) for name, score in merged.items()),
        key=lambda candidate: (-candidate.log_probability, candidate.name),
    )
    known = present_log_probability
    if fit and known is not None and known >= fit[0].log_probability:
        return []
    return fit[: max(k, 0)]


def uses_camel_case(function: Function) -> bool:
    """Whether the class of a function, or else its file, writes names like `parseHeaders`."""
    definitions = _definitions(function.source)
    for names in (
        _neighbours(definitions, function),
        [d.name for d in definitions if not d.is_class],
    ):
        camel = sum(1 for name in names if _is_camel(name))
        snake = sum(1 for name in names if _is_snake(name))
        if camel != snake:
            return camel > snake
    return False


def is_given_by_framework(name: str) -> bool:
    """Whether Python or a framework gives the name its meaning (`__init__`, `setUp`)."""
    return bool(_DUNDER.fullmatch(name) or _FRAMEWORK.fullmatch(name))


def to_snake_case(name: str) -> str:
    """`parseHTTPHeaders` becomes `parse_http_headers`; leading underscores stay."""
    prefix = leading_underscores(name)
    return prefix + _HUMP.sub("_", name[len(prefix) :]).lower()


def to_camel_case(name: str) -> str:
    """`parse_http_headers` becomes `parseHttpHeaders`; leading underscores stay."""
    prefix = leading_underscores(name)
    first, *rest = [part for part in name[len(prefix) :].split("_") if part] or [""]
    if not rest:
        return prefix + first[:1].lower() + first[1:]
    return prefix + first.lower() + "".join(part[:1].upper() + part[1:].lower() for part in rest)


class _Definition(NamedTuple):
    indent: int
    is_class: bool
    name: str
    offset: int


@lru_cache(maxsize=8)
def _definitions(source: bytes) -> tuple[_Definition, ...]:
    """Of a whole file, about whose functions one asks one after the other."""
    return tuple(
        _Definition(
            len(match.group(1).expandtabs(8)),
            bool(match.group(3)),
            decode(match.group(4)),
            match.start(4),
        )
        for match in _DEFINITION.finditer(source)
    )


def _neighbours(definitions: Sequence[_Definition], function: Function) -> list[str]:
    """Names of the functions that stand at the same depth of the same block, its own included."""
    here = next(
        (i for i, d in enumerate(definitions) if d.offset == function.name_span.start), None
    )
    if here is None:
        return []
    depth = definitions[here].indent
    names = [definitions[here].name]
    for side in (reversed(definitions[:here]), definitions[here + 1 :]):
        for other in side:
            if other.indent < depth:
                break
            if other.indent == depth and not other.is_class:
                names.append(other.name)
    return names


def _is_camel(name: str) -> bool:
    return (
        bool(_CAMEL.match(name.lstrip("_"))) and "_" not in name.strip("_") and _is_evidence(name)
    )


def _is_snake(name: str) -> bool:
    return "_" in name.strip("_") and name == name.lower() and _is_evidence(name)


def _is_evidence(name: str) -> bool:
    return not is_given_by_framework(name)


def _spelled_for(answer: str, function: Function, camel: bool) -> str:
    """The answer in the habit of the place, with the underscores of the present name, or ""."""
    stem = unicodedata.normalize("NFKC", answer).strip().strip("_") + (
        "_" if answer.endswith("_") and not answer.endswith("__") else ""
    )
    if not stem.strip("_") or keyword.iskeyword(stem):
        return ""
    stem = to_camel_case(stem) if camel else to_snake_case(stem)
    present = function.name
    prefix = leading_underscores(present)
    # Test runners collect by name: a test stays a test.
    if present[len(prefix) :].startswith("test") and not stem.startswith("test"):
        stem = "test" + stem[:1].upper() + stem[1:] if camel else f"test_{stem}"
    return prefix + stem


def _is_offerable(name: str, function: Function) -> bool:
    stem = name.lstrip("_")
    return (
        name.isidentifier()
        and 1 < len(stem) <= LONGEST_NAME
        and not keyword.iskeyword(name)
        and name not in _SOFT_KEYWORDS
        and name not in _MISLEADING
        and (function.is_method or name not in BUILTINS)
    )


def _add_probabilities(first: float, second: float) -> float:
    high, low = max(first, second), min(first, second)
    if low == -math.inf:
        return high
    return min(0.0, high + math.log1p(math.exp(low - high)))
