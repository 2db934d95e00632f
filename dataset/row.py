"""One row of a corpus: a question, its answer, and where both come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from dataset.functions import Function
from dataset.question import ask


@dataclass(frozen=True, slots=True)
class Row:
    """A function as a question with its name; text fields of context are masked already."""

    question_text: str
    name: str
    file_stem: str
    class_chain: tuple[str, ...]
    decorators: tuple[str, ...]
    siblings: tuple[str, ...]
    docstring: str
    repository: str
    commit: str
    licence: str
    path: str
    line: int
    source_hash: str


_TEXT = pa.string()
_TEXTS = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("question_text", _TEXT),
        ("name", _TEXT),
        ("file_stem", _TEXT),
        ("class_chain", _TEXTS),
        ("decorators", _TEXTS),
        ("siblings", _TEXTS),
        ("docstring", _TEXT),
        ("repository", _TEXT),
        ("commit", _TEXT),
        ("licence", _TEXT),
        ("path", _TEXT),
        ("line", pa.int32()),
        ("source_hash", _TEXT),
    ]
)


def make_row(
    function: Function,
    path: str,
    siblings: Sequence[str],
    *,
    repository: str = "",
    commit: str = "",
    licence: str = "",
) -> Row:
    """The row of a function found at `path`; the hash is of the masked text without white space."""
    question = ask(function, path=path, siblings=siblings)
    context = question.context
    return Row(
        question_text=question.text,
        name=function.name,
        file_stem=context.file_stem,
        class_chain=context.class_chain,
        decorators=context.decorators,
        siblings=context.siblings,
        docstring=context.docstring,
        repository=repository,
        commit=commit,
        licence=licence,
        path=path,
        line=function.line,
        source_hash=text_hash(question.text),
    )


def text_hash(text: str) -> str:
    """A hash (hex, 64 bits) of a text that ignores all white space."""
    return hashlib.blake2b("".join(text.split()).encode(), digest_size=8).hexdigest()


def table(rows: Iterable[Row]) -> pa.Table:
    """Rows as an Arrow table in the declared schema."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
