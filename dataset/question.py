"""The question a function without its name asks: `def x(signature): body`, and its context.

One definition serves the corpus, training and the server. The form is ContraCode's
(arXiv 2007.04973): the docstring is dropped and each mention of the name is masked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from dataset.functions import Function, decode

MASK = "x"
SIBLINGS = 16
_LEADING = re.compile(r"_*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_TAB_WIDTH = 4


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around a function; every field is optional and free of the function's name."""

    file_stem: str = ""
    class_chain: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    docstring: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """The masked text, its context, and the leading underscores of the name, where known.

    `prefix` is None when nothing is known of the name: a model then answers the underscores too.
    """

    text: str
    context: Context = Context()
    prefix: str | None = None

    def digest(self) -> str:
        """A stable hash of the content (hex), for caches and duplicates."""
        context = self.context
        parts = (
            self.text,
            "-" if self.prefix is None else self.prefix,
            context.file_stem,
            context.docstring,
            *("\x1f".join(p) for p in (context.class_chain, context.decorators, context.siblings)),
        )
        return hashlib.blake2b("\x1e".join(parts).encode(), digest_size=16).hexdigest()


def ask(function: Function, *, path: str = "", siblings: Sequence[str] = ()) -> Question:
    """The question of a function, with all the context that is known."""
    name = function.name
    return Question(
        text=masked_text(function),
        context=Context(
            file_stem=mask(PurePath(path).stem, name),
            class_chain=tuple(mask(part, name) for part in function.class_chain),
            decorators=tuple(mask(text, name) for text in function.decorators),
            siblings=tuple(sibling for sibling in siblings if sibling != name),
            docstring=mask(function.docstring or "", name),
        ),
        prefix=leading_underscores(name),
    )


def bare(question: Question) -> Question:
    """The same question without its context."""
    return Question(text=question.text, prefix=question.prefix)


def leading_underscores(name: str) -> str:
    """The underscores a name begins with; all of it for a name made of nothing else."""
    match = _LEADING.match(name)
    return match.group() if match else ""


def sibling_names(function: Function, functions: Sequence[Function]) -> tuple[str, ...]:
    """Names of the functions in the same scope (same class, or same level), nearest kept.

    `functions` are those of one file in source order, and so is the answer.
    """
    scope = [
        other
        for other in functions
        if other.class_chain == function.class_chain and other.is_nested == function.is_nested
    ]
    here = next((i for i, other in enumerate(scope) if other.span == function.span), 0)
    return nearest_names([other.name for other in scope], here)


def nearest_names(names: Sequence[str], here: int) -> tuple[str, ...]:
    """Up to `SIBLINGS` distinct names around index `here`, without the name at `here` itself."""
    half = SIBLINGS // 2
    start = max(0, min(here - half, len(names) - SIBLINGS - 1))
    around = names[start : start + SIBLINGS + 1]
    return tuple(dict.fromkeys(name for name in around if name != names[here]))


def mask(text: str, name: str) -> str:
    """Replace each whole-identifier mention of `name` by `x`, in code, strings and comments."""
    if name == MASK or name not in text:
        return text
    return _whole_word(name).sub(MASK, text)


def masked_text(function: Function) -> str:
    """The one canonical text: no docstring, no blank lines, no trailing space, column 0."""
    source = function.source
    start, end = function.span
    hole = function.docstring_span
    if hole is None:
        text = decode(source[start:end])
    else:
        rest = decode(source[hole.end : end])
        # A docstring may share its line with the next statement: `"""doc"""; return 1`.
        rest = re.sub(r"\A[ \t]*;[ \t]*", "", rest)
        text = decode(source[start : hole.start]) + rest
        if not _has_code(text[_length(source, start, function.header_span.end) :]):
            text = text.rstrip() + " pass"
    # The span of the name, not only the word, so that odd spellings are masked in the header too.
    before = _length(source, start, function.name_span.start)
    after = _length(source, start, function.name_span.end)
    text = text[:before] + MASK + text[after:]
    return _dedent(mask(text, function.name), _indent(source, start))


def _length(source: bytes, start: int, end: int) -> int:
    return len(decode(source[start:end]))


def _has_code(body: str) -> bool:
    return any(line.split("#", 1)[0].strip() for line in _LINE_END.split(body))


def _indent(source: bytes, start: int) -> int:
    """Width of the white space before the definition, with tabs as four columns."""
    line_start = max(source.rfind(b"\n", 0, start), source.rfind(b"\r", 0, start)) + 1
    before = decode(source[line_start:start])
    leading = before[: len(before) - len(before.lstrip())]
    return len(leading.replace("\f", "").expandtabs(_TAB_WIDTH))


def _dedent(text: str, indent: int) -> str:
    lines: list[str] = []
    for line in _LINE_END.split(text):
        body = line.strip()
        if not body:
            continue
        leading = line[: len(line) - len(line.lstrip())].replace("\f", "")
        width = len(leading.expandtabs(_TAB_WIDTH))
        # Lines of a string or comment may stand left of the definition: they stay at column 0.
        lines.append(" " * max(0, width - indent) + body if lines else body)
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def _whole_word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
