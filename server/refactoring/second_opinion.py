"""A second reader of types: pyright or basedpyright, where the user has one.

It runs in the background, is asked while a rename is planned, and is waited for only once it has
answered before, and then briefly. What it finds confirms our doubtful edits; what it finds beyond
ours is offered, to be confirmed.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Timer
from typing import Protocol

from server.refactoring.family import Family
from server.refactoring.index import ProjectIndex
from server.refactoring.ledger import Ledger
from server.refactoring.plan import Finding, TextEdit
from server.refactoring.pyright import NoAnswer, Pyright, Spans
from server.workers import Worker

WAIT_SECONDS = 0.3  # far below what a rename may take
_ANSWER_SECONDS = 20.0
_IDLE_SECONDS = 600.0
_MOST_FILES, _MOST_BYTES, _MOST_DEFINITIONS = 80, 4_000_000, 4
_SERVERS = ("basedpyright-langserver", "pyright-langserver")
_VENVS = (".venv", "venv")
_NOTHING: Spans = {}


@dataclass(frozen=True, slots=True)
class Question:
    """Definitions (file, offset of the name) that are renamed together, and the files to search."""

    definitions: tuple[tuple[Path, int], ...]
    texts: Mapping[Path, bytes]


class Opinion(Protocol):
    """Who can be asked."""

    def ask(self, question: Question) -> Future[Spans] | None:
        """Begin to look; None when there is no use in waiting for this answer."""
        ...


class PyrightOpinion:
    """Pyright for one workspace: started by the first question, ended when idle."""

    def __init__(self, command: Sequence[str], roots: tuple[Path, ...]) -> None:
        self._command = command
        self._roots = roots
        self._worker = Worker("second-opinion")
        self._pyright: Pyright | None = None
        self._broken = False
        self._warm = False
        self._waiting: Future[Spans] | None = None
        self._idle: Timer | None = None

    def ask(self, question: Question) -> Future[Spans] | None:
        """See `Opinion`. A question that nobody waits for any more is dropped."""
        if self._broken:
            return None
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self._worker.submit(lambda: self._answer(question))
        return self._waiting if self._warm else None

    @property
    def is_broken(self) -> bool:
        """Whether it never answered and is left alone."""
        return self._broken

    def close(self) -> None:
        """End the process; a later question starts it anew."""
        self._worker.submit(self._end).result()

    def _answer(self, question: Question) -> Spans:
        deadline = time.monotonic() + _ANSWER_SECONDS
        try:
            if self._pyright is None:
                self._pyright = Pyright(self._command, self._roots, _python(self._roots))
                self._pyright.start(deadline)
            self._pyright.show(question.texts)
            found: dict[Path, frozenset[int]] = {}
            for path, offset in question.definitions:
                for place, offsets in self._pyright.uses(path, offset, deadline).items():
                    found[place] = found.get(place, frozenset()) | offsets
        except NoAnswer:
            self._end()
            # One that never answered will not; one that did may have been too busy.
            self._broken = not self._warm
            self._warm = False
            return _NOTHING
        self._warm = True
        self._rest()
        return found

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = Timer(_IDLE_SECONDS, lambda: self._worker.submit(self._end))
        self._idle.daemon = True
        self._idle.start()

    def _end(self) -> None:
        if self._pyright is not None:
            self._pyright.close()
            self._pyright = None
        self._warm = False


_OPINIONS: dict[tuple[Path, ...], PyrightOpinion | None] = {}
_GUARD = Lock()


def opinion_for(roots: tuple[Path, ...]) -> Opinion | None:
    """Return the second reader of a workspace, one per process, or None without any installed."""
    with _GUARD:
        if roots not in _OPINIONS:
            command = find_pyright(roots)
            _OPINIONS[roots] = None if command is None else PyrightOpinion([command], roots)
        return _OPINIONS[roots]


def find_pyright(roots: Sequence[Path]) -> str | None:
    """Return the language server of basedpyright or pyright: of the project, or on the PATH.

    Pyright's wrapper from Python's package index is left alone: it may download when started.
    """
    script = "Scripts" if os.name == "nt" else "bin"
    folders = [str(root / name / script) for root in roots for name in _VENVS]
    places = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    for name in _SERVERS:
        found = shutil.which(name, path=places)
        if found is not None and (name == _SERVERS[0] or not _is_python_script(Path(found))):
            return found
    return None


def question_of(index: ProjectIndex, family: Family, first: tuple[Path, int]) -> Question | None:
    """Return what to ask about a family; None when too much would have to be read."""
    definitions = [first]
    for path, scope in sorted(family.scopes):
        file = index.get(path)
        bound = () if file is None else file.table(family.name).bindings.get(scope, ())
        definitions += [(path, one.start) for one in bound if one.role == "def"][-1:]
    texts = {
        file.path: file.data for file in index.files_with(family.name) if file.is_python
    }  # fmt: skip
    if len(texts) > _MOST_FILES or sum(map(len, texts.values())) > _MOST_BYTES:
        return None
    return Question(tuple(dict.fromkeys(definitions))[:_MOST_DEFINITIONS], texts)


def answer_of(asked: Future[Spans] | None, started: float) -> Spans:
    """Wait for an answer until `WAIT_SECONDS` after `started` (on `time.monotonic`)."""
    if asked is None:
        return _NOTHING
    try:
        return asked.result(max(0.0, started + WAIT_SECONDS - time.monotonic()))
    except TimeoutError:
        return _NOTHING


def weigh(index: ProjectIndex, ledger: Ledger, found: Spans) -> None:
    """Enter what the second reader found: doubtful edits become certain, missing ones doubtful."""
    width = len(ledger.name)
    for path, offsets in found.items():
        file = index.get(path)
        if file is None or not file.is_python:
            continue
        for offset in sorted(offsets):
            if file.data[offset : offset + width] != ledger.name:
                continue
            edits = ledger.edits.setdefault(path, {})
            present = edits.get(offset)
            line = file.line_of(offset)
            if present is None:
                reason = "pyright finds a use here that was not recognised"
                edits[offset] = TextEdit(offset, offset + width, ledger.new_name, False, reason)
                ledger.findings.append(Finding("confirm", reason, path, line))
            elif not present.certain:
                edits[offset] = replace(present, certain=True, reason="")
                settled = Finding("confirm", present.reason, path, line)
                ledger.findings[:] = [one for one in ledger.findings if one != settled]


def _python(roots: Sequence[Path]) -> Path:
    for root in roots:
        for name in _VENVS:
            for inner in ("bin/python", "Scripts/python.exe"):
                if (root / name / inner).exists():
                    return root / name / inner
    return Path(sys.executable)


def _is_python_script(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            first = stream.readline(200)
    except OSError:
        return True
    return b"python" in first
