"""One row of a corpus: a question, its answer, and where both come from; the schema is here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dataset.functions import Function
from dataset.question import ask
from dataset.sources.base import Document


@dataclass(frozen=True, slots=True)
class Row:
    """A function as a question with its name; text fields of context are masked already.

    `start` and `end` are UTF-8 byte offsets of the definition in its file, `line` counts from 1.
    """

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
    start: int
    end: int
    source_hash: str
    is_test: bool


_TYPES: dict[str, tuple[pa.DataType, object]] = {
    "text": (pa.string(), {"dtype": "string", "_type": "Value"}),
    "texts": (
        pa.list_(pa.string()),
        {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    ),
    "number": (pa.int32(), {"dtype": "int32", "_type": "Value"}),
    "truth": (pa.bool_(), {"dtype": "bool", "_type": "Value"}),
}
_COLUMNS = {
    "question_text": "text",
    "name": "text",
    "file_stem": "text",
    "class_chain": "texts",
    "decorators": "texts",
    "siblings": "texts",
    "docstring": "text",
    "repository": "text",
    "commit": "text",
    "licence": "text",
    "path": "text",
    "line": "number",
    "start": "number",
    "end": "number",
    "source_hash": "text",
    "is_test": "truth",
}
# The metadata is how `datasets` learns its Features from a Parquet file.
SCHEMA = pa.schema(
    [(name, _TYPES[kind][0]) for name, kind in _COLUMNS.items()],
    metadata={
        "huggingface": json.dumps(
            {"info": {"features": {name: _TYPES[kind][1] for name, kind in _COLUMNS.items()}}}
        )
    },
)


def make_row(
    function: Function, document: Document, siblings: Sequence[str], *, is_test: bool = False
) -> Row:
    """The row of a function of a document; the hash ignores white space."""
    question = ask(function, path=document.path, siblings=siblings)
    context = question.context
    return Row(
        question_text=question.text,
        name=function.name,
        file_stem=context.file_stem,
        class_chain=context.class_chain or document.class_chain,
        decorators=context.decorators,
        siblings=context.siblings,
        docstring=context.docstring,
        repository=document.repository,
        commit=document.commit,
        licence=document.licence,
        path=document.path,
        line=function.line,
        start=function.span.start,
        end=function.span.end,
        source_hash=text_hash(question.text),
        is_test=is_test,
    )


def text_hash(text: str) -> str:
    """A hash (hex, 64 bits) of a text that ignores all white space."""
    return hashlib.blake2b("".join(text.split()).encode(), digest_size=8).hexdigest()


def table(rows: Iterable[Row]) -> pa.Table:
    """Rows as an Arrow table in the declared schema."""
    rows = list(rows)
    columns = {
        name: pa.array([getattr(row, name) for row in rows], _TYPES[kind][0])
        for name, kind in _COLUMNS.items()
    }
    return pa.table(columns, schema=SCHEMA)
