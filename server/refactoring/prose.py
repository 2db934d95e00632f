"""Mentions in text for people: comments, docstrings, documentation; and the doctests in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from server.refactoring.index import SourceFile

_PROMPT = re.compile(rb"^([ \t]*(?:>>>|\.\.\.))(?:[ \t]|$)(.*)$", re.MULTILINE)
_BEFORE = re.compile(rb"(?:(:(?:\w+:)?\w+:)?`{1,2}[~!.]?)?((?:\w+\.)*)$")


@dataclass(frozen=True, slots=True)
class ProseMention:
    """How a word stands in text: between back-quotes, after a dotted prefix, before `(`."""

    quoted: bool
    prefix: tuple[bytes, ...]
    called: bool


def prose_mention(data: bytes, start: int, end: int) -> ProseMention:
    """Return how the word at `start:end` is written."""
    line = data.rfind(b"\n", 0, start) + 1
    before = _BEFORE.search(data[line:start])
    after = data[end : end + 3]
    text = before.group(0) if before else b""
    quoted = b"`" in text and after[:1] in {b"`", b"("}
    prefix = before.group(2) if before else b""
    return ProseMention(quoted, tuple(prefix.split(b".")[:-1]), after[:1] == b"(")


def is_distinctive(name: bytes) -> bool:
    """Whether a name is no ordinary word, so that text which holds it means the name."""
    body = name.strip(b"_")
    return b"_" in body or (body != body.lower() and body[1:] != body[1:].lower())


@dataclass(frozen=True, slots=True)
class Doctest:
    """The examples of one stretch of text as a file of their own, with the way back."""

    file: SourceFile
    segments: tuple[tuple[int, int, int], ...]  # (start here, start in the text's file, length)

    def real_offset(self, offset: int) -> int:
        """Return where a byte of the examples stands in the file that holds them."""
        for here, there, length in self.segments:
            if here <= offset < here + length:
                return there + offset - here
        raise ValueError(f"no segment of the examples holds offset {offset}")


def doctest_in(file: SourceFile, start: int, end: int) -> Doctest | None:
    """Return the `>>>` examples between two offsets of a file, or None without any."""
    lines: list[bytes] = []
    segments: list[tuple[int, int, int]] = []
    length = 0
    for found in _PROMPT.finditer(file.data, start, end):
        code = found.group(2).rstrip(b"\r")
        segments.append((length, found.start(2), len(code)))
        lines.append(code)
        length += len(code) + 1
    if not lines:
        return None
    inner = SourceFile(Path(f"{file.path}#{start}.py"), b"\n".join(lines) + b"\n")
    inner.context = file if file.is_python else None
    inner.is_example = True
    return Doctest(inner, tuple(segments))


def code_in(file: SourceFile, start: int, end: int) -> Doctest | None:
    """Return the program that a string of several lines holds, or None when it holds none."""
    if file.data.startswith(b"\\\n", start):
        start += 2
    text = file.data[start:end]
    if text.count(b"\n") < 2 or b"\\" in text or b"import " not in text:
        return None
    lines = text.split(b"\n")
    margin = min((len(one) - len(one.lstrip()) for one in lines[1:] if one.strip()), default=0)
    segments: list[tuple[int, int, int]] = []
    kept: list[bytes] = []
    here, there = 0, start
    for line in lines:
        cut = min(margin, len(line) - len(line.lstrip())) if there > start else 0
        segments.append((here, there + cut, len(line) - cut))
        kept.append(line[cut:])
        here += len(line) - cut + 1
        there += len(line) + 1
    inner = SourceFile(Path(f"{file.path}#{start}.py"), b"\n".join(kept))
    return None if inner.tree.root_node.has_error else Doctest(inner, tuple(segments))


def in_example(data: bytes, start: int) -> bool:
    """Whether an offset lies in the code of a `>>>` or `...` line."""
    line = data.rfind(b"\n", 0, start) + 1
    return (
        re.match(rb"[ \t]*[\"']*[rR]?[\"']*[ \t]*(>>>|\.\.\.)[ \t]", data[line:start]) is not None
    )


def in_template_code(data: bytes, start: int) -> bool:
    """Whether an offset of a template lies between `{{`, `{%`, `<%` or `${` and their end."""
    opening = max(data.rfind(one, 0, start) for one in (b"{{", b"{%", b"<%", b"${"))
    if opening >= 0 and start - opening < 2_000:
        end = {b"{{": b"}}", b"{%": b"%}", b"<%": b">", b"${": b"}"}[data[opening : opening + 2]]
        if end not in data[opening + 2 : start]:
            return True
    line = data[data.rfind(b"\n", 0, start) + 1 : start].lstrip()
    return line.startswith(b"%")  # a control line of Mako
