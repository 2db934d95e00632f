"""The second reader of types: what it adds, and that nothing waits for a slow one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from server.refactoring.plan import RenamePlan
from server.refactoring.pyright import NoAnswer, Pyright, Spans
from server.refactoring.rename import Workspace, plan_rename
from server.refactoring.second_opinion import (
    WAIT_SECONDS,
    PyrightOpinion,
    Question,
    find_pyright,
    opinion_for,
)
from tests.unit.renamed_projects import expected, renamed, write_project

BASEDPYRIGHT = str(Path(sys.executable).with_name("basedpyright-langserver"))
# Our reader does not follow the generic class; pyright does. Nobody knows `thing`.
PROJECT = {
    "a.py": "class A:\n    def «old»(self): ...\n\n\nclass B:\n    def old(self): ...\n",
    "b.py": "from typing import Generic, TypeVar\n\nfrom a import A\n\nT = TypeVar('T')\n\n\n"
    "class Box(Generic[T]):\n    def __init__(self, item: T) -> None:\n        self.item = item\n\n"
    "    def map(self) -> 'Box[T]':\n        return self\n\n    def out(self) -> T: ...\n\n\n"
    "Box(A()).map().out().«old»()\n\n\ndef f(thing):\n    return thing.old()\n",
}
OFFSET = PROJECT["a.py"].index("«")


class Known:
    """An opinion that is there at once."""

    def __init__(self, found: Spans) -> None:
        self.found = found

    def ask(self, question: Question) -> Future[Spans]:
        future: Future[Spans] = Future()
        future.set_result(self.found)
        return future


class Never:
    """An opinion that is formed for ever."""

    def ask(self, question: Question) -> Future[Spans]:
        return Future()


def plan_with(folder: Path, opinion: Known | Never | PyrightOpinion) -> RenamePlan:
    path = folder / "a.py"
    return plan_rename(Workspace((folder,)), path, OFFSET, "new", opinion=opinion)


def place(folder: Path, name: str, text: str) -> tuple[Path, int]:
    path = folder / name
    return path, path.read_bytes().index(text.encode()) + text.index("old")


def test_what_it_finds_becomes_certain(tmp_path: Path) -> None:
    write_project(tmp_path, PROJECT)
    path, offset = place(tmp_path, "b.py", "thing.old")
    alone = plan_with(tmp_path, Known({}))
    assert any("thing" in one.reason for one in alone.findings if one.severity == "confirm")
    plan = plan_with(tmp_path, Known({path: frozenset({offset})}))
    (edit,) = [one for one in plan.edits[path] if one.start == offset]
    assert edit.certain
    assert not any("thing" in one.reason for one in plan.findings)


def test_what_we_lack_is_offered(tmp_path: Path) -> None:
    project = PROJECT | {"c.py": "def g(old):\n    return old\n"}
    write_project(tmp_path, project)
    path, offset = place(tmp_path, "c.py", "return old")
    plan = plan_with(tmp_path, Known({path: frozenset({offset, offset + 1})}))
    (edit,) = plan.edits[path]
    assert not edit.certain
    assert any("pyright" in one.reason for one in plan.findings if one.severity == "confirm")


def test_places_beyond_the_project_are_nothing_to_us(tmp_path: Path) -> None:
    write_project(tmp_path, PROJECT)
    plan = plan_with(tmp_path, Known({Path("/elsewhere.py"): frozenset({1})}))
    assert Path("/elsewhere.py") not in plan.edits


def test_a_slow_one_is_left_behind(tmp_path: Path) -> None:
    write_project(tmp_path, PROJECT)
    plan_with(tmp_path, Known({}))
    started = time.monotonic()
    assert plan_with(tmp_path, Never()).edits
    assert time.monotonic() - started < WAIT_SECONDS + 2


@pytest.fixture
def pyright(tmp_path: Path) -> Iterator[PyrightOpinion]:
    opinion = PyrightOpinion([BASEDPYRIGHT], (tmp_path,))
    yield opinion
    opinion.close()


def test_the_real_one_settles_a_doubt(tmp_path: Path, pyright: PyrightOpinion) -> None:
    write_project(tmp_path, PROJECT)
    first = plan_with(tmp_path, pyright)  # it only starts now: nobody waits for it
    assert first.edits
    deadline = time.monotonic() + 60
    while True:
        plan = plan_with(tmp_path, pyright)
        after = renamed(tmp_path, PROJECT, plan, doubtful=False)
        if after == expected(PROJECT, "old"):
            break
        assert time.monotonic() < deadline, after
        time.sleep(0.2)


@pytest.mark.parametrize("command", ["no-such-program", sys.executable, "/bin/true"])
def test_one_that_does_not_work_is_not_asked_again(tmp_path: Path, command: str) -> None:
    write_project(tmp_path, PROJECT)
    opinion = PyrightOpinion([command], (tmp_path,))
    question = Question(((tmp_path / "a.py", OFFSET),), {})
    while not opinion.is_broken:
        opinion.ask(question)
        time.sleep(0.05)
    assert opinion.ask(question) is None
    assert plan_with(tmp_path, opinion).edits


ANSWERS = """
import json, sys
answers = json.loads(sys.argv[1])
def read():
    length = 0
    while (line := sys.stdin.buffer.readline()) not in (b"\\r\\n", b""):
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])
    return json.loads(sys.stdin.buffer.read(length)) if length else sys.exit()
while True:
    message = read()
    if "id" not in message or "method" not in message:
        continue
    result = None
    if message["method"] == "textDocument/rename":
        at = answers.pop(0) if len(answers) > 1 else answers[0]
        uri = message["params"]["textDocument"]["uri"]
        place = lambda one: {"line": 0, "character": one}
        spans = [{"start": place(one), "end": place(one + 3)} for one in at]
        edits = [{"range": span, "newText": ""} for span in spans]
        result = {"changes": {uri: edits}}
    body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
    sys.stdout.buffer.flush()
"""


@pytest.mark.parametrize(
    ("answers", "believed"),
    [("[[], [4], [4, 9], [4, 9]]", {4, 9}), ("[[4], [4]]", {4}), ("[[], [], [], [4], [4]]", {4})],
)
def test_two_answers_have_to_agree(tmp_path: Path, answers: str, believed: set[int]) -> None:
    path = tmp_path / "a.py"
    path.write_text("def old(): old()\n")
    double = tmp_path / "double.py"
    double.write_text(ANSWERS)
    asked = Pyright([sys.executable, str(double), answers], (tmp_path,), None)
    deadline = time.monotonic() + 20
    asked.start(deadline)
    asked.show({path: path.read_bytes()})
    assert asked.uses(path, 4, deadline) == {path: frozenset(believed)}
    asked.close()


def test_answers_that_never_agree_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def old(): old()\n")
    double = tmp_path / "double.py"
    double.write_text(ANSWERS.replace("answers[0]", "[len(str(message))]"))
    asked = Pyright([sys.executable, str(double), "[[1], [2], [3], [4]]"], (tmp_path,), None)
    asked.start(time.monotonic() + 20)
    asked.show({path: path.read_bytes()})
    with pytest.raises(NoAnswer):
        asked.uses(path, 4, time.monotonic() + 0.1)
    asked.close()


def test_it_is_found_in_the_project_before_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_pyright((tmp_path,)) is None
    assert opinion_for((tmp_path / "nothing",)) is None
    wrapper = _executable(tmp_path / "pyright-langserver", "#!/usr/bin/env python3\n")
    assert find_pyright((tmp_path,)) is None
    wrapper.write_text("#!/usr/bin/env node\n")
    assert find_pyright((tmp_path,)) == str(wrapper)
    mine = _executable(tmp_path / ".venv/bin/basedpyright-langserver", "#!/bin/sh\n")
    assert find_pyright((tmp_path,)) == str(mine)


def _executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
