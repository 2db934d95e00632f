"""Edits as a law: they never overlap, they reach the disk all or not at all, bytes stay bytes."""

from __future__ import annotations

import keyword
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.cli import main
from server.refactoring.edits import (
    Finding,
    RenameError,
    RenamePlan,
    TextEdit,
    apply_edits,
    digest,
    write_plan,
)
from server.refactoring.rename import Workspace, plan_rename
from tests.unit.renamed_projects import Project, plan_project, write_project

BYTES = {
    "utf-8": b"def old(): ...\nold()\n",
    "byte-order mark": b"\xef\xbb\xbfdef old(): ...\nold()\n",
    "carriage returns": b"def old(): ...\r\nold()\r\n",
    "no newline at the end": b"def old(): ...\nold()",
    "mixed line ends": b"def old(): ...\r\n\nold()\r\n# \xc3\xa9\n",
    "form feed": b"\x0cdef old(): ...\n\x0c\nold()\n",
    "latin-1": b"# -*- coding: latin-1 -*-\n# caf\xe9\ndef old(): return '\xe9'\nold()\n",
    "tabs": b"class A:\n\tdef old(self):\n\t\tself.old()\n",
    "non-ascii before": "x = 'äöü'; \ndef old(): ...\nprint('ß', old())\n".encode(),
}


@pytest.mark.parametrize("data", BYTES.values(), ids=BYTES.keys())
def test_only_the_name_changes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    workspace = Workspace((tmp_path,))
    offset = data.index(b"old(") + (1 if b"latin-1" in data else 0)
    write_plan(plan_rename(workspace, path, offset, "new"), include_doubtful=False)
    assert path.read_bytes() == data.replace(b"old(", b"new(")


def test_a_name_that_the_encoding_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"# coding: latin-1\ndef old(): return '\xe9'\n")
    plan = plan_rename(Workspace((tmp_path,)), path, 24, "имя")
    assert plan.refused
    assert "latin" in plan.findings[-1].reason or "iso8859" in plan.findings[-1].reason


def test_an_ascii_file_takes_no_other_letters(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"# coding: ascii\ndef old(): ...\n")
    plan = plan_rename(Workspace((tmp_path,)), path, 20, "n\u00f6w")
    assert [one.reason for one in plan.findings if one.severity == "refuse"] == [
        "the new name cannot be written in the file's ascii"
    ]


def test_text_that_is_not_in_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"def old(): return '\xe9'\n")
    with pytest.raises(RenameError, match="not valid utf-8"):
        plan_rename(Workspace((tmp_path,)), path, 5, "new")


PROJECT: Project = {"a.py": "def «old»(): ...\n", "b.py": "from a import «old»\n«old»()\n"}


def test_a_file_that_changed_meanwhile_stops_the_rename(tmp_path: Path) -> None:
    plan = plan_project(tmp_path, PROJECT)
    (tmp_path / "b.py").write_text("changed\n")
    with pytest.raises(RenameError, match="changed since"):
        write_plan(plan, include_doubtful=False)
    assert (tmp_path / "a.py").read_text() == "def old(): ...\n"


def test_a_refused_plan_writes_nothing(tmp_path: Path) -> None:
    path = write_project(tmp_path, PROJECT)
    finding = Finding("refuse", "no", path, 1)
    edit = TextEdit(4, 7, "new", certain=True)
    plan = RenamePlan({path: (edit,)}, (finding,), {path: digest(path.read_bytes())})
    with pytest.raises(RenameError, match="refused: no"):
        write_plan(plan, include_doubtful=True)
    assert path.read_text() == "def old(): ...\n"


def test_doubtful_edits_wait_for_consent(tmp_path: Path) -> None:
    project = {"a.py": "def old_one(): ...\n# old_one\n"}
    path = write_project(tmp_path, project)
    plan = plan_rename(Workspace((tmp_path,)), path, 4, "new")
    write_plan(plan, include_doubtful=False)
    assert path.read_text() == "def new(): ...\n# old_one\n"


def test_a_failed_write_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_project(tmp_path, PROJECT)
    calls: list[Path] = []
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(RenameError, match="undone"):
        write_plan(plan, include_doubtful=False)
    assert (tmp_path / "a.py").read_text() == "def old(): ...\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "b.py"]


def test_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    plan = plan_project(tmp_path, PROJECT)
    (tmp_path / "a.py").chmod(0o755)
    write_plan(plan, include_doubtful=False)
    assert (tmp_path / "a.py").stat().st_mode & 0o777 == 0o755


def test_a_link_out_of_the_workspace_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("from a import old\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").write_text("def old(): ...\n")
    (root / "b.py").symlink_to(outside)
    plan = plan_rename(Workspace((root,)), root / "a.py", 4, "new")
    assert any("link out of" in one.reason for one in plan.findings if one.severity == "refuse")


def test_edits_that_overlap_are_an_error() -> None:
    edits = (TextEdit(0, 3, "x", certain=True), TextEdit(2, 4, "y", certain=True))
    with pytest.raises(RenameError, match="overlap"):
        apply_edits(b"abcdef", edits)


NAMES = st.text("abcxyz_é", min_size=1, max_size=8).filter(
    lambda name: name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")
)
LINES = st.lists(
    st.sampled_from(
        [
            "old()", "x = old", "import os", "class B(A): ...", "a = A()", "a.old_one()",
            "def f(old_one): return old_one", "# old_one", "'old_one'", "s = f'{a.old_one()}'",
            "def g(a: A): a.old_one()", "class C(A):\n    def old_one(self): ...",
            "def h(thing): thing.old_one()", "getattr(a, 'old_one')", "\r", "é = 'ü'",
        ]
    ),
    max_size=12,
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=LINES, new=NAMES)
def test_there_and_back_gives_the_same_bytes(tmp_path: Path, lines: list[str], new: str) -> None:
    header = "class A:\n    def old_one(self):\n        return self.old_one\n"
    data = (header + "\n".join(lines) + "\n").encode()
    path = tmp_path / "a.py"
    path.write_bytes(data)
    workspace = Workspace((tmp_path,))
    try:
        plan = plan_rename(workspace, path, data.index(b"old_one"), new)
    except RenameError:
        return  # the name is the present one
    if plan.refused:
        return
    for edits in plan.edits.values():
        ordered = sorted(edits, key=lambda edit: edit.start)
        assert all(a.end <= b.start for a, b in pairwise(ordered))
    write_plan(plan, include_doubtful=False)
    changed = path.read_bytes()
    assert changed.count(new.encode()) >= 2
    back = plan_rename(workspace, path, changed.index(b"def ") + 4, "old_one")
    certain = {
        path: tuple(one for one in found if one.certain) for path, found in back.edits.items()
    }
    restored = apply_edits(changed, certain[path])
    assert restored == data


def test_a_read_only_file_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plan_project(tmp_path, PROJECT)
    access = os.access

    def denied(path: Path, mode: int) -> bool:
        # The tests may run as root, who may write anything.
        return Path(path).name != "b.py" and access(path, mode)

    monkeypatch.setattr(os, "access", denied)
    plan = plan_project(tmp_path, PROJECT)
    assert [one.reason for one in plan.findings if one.severity == "refuse"] == [
        f"{tmp_path / 'b.py'} is read-only"
    ]
    with pytest.raises(RenameError, match="read-only"):
        write_plan(before, include_doubtful=False)
    assert main(["rename", str(tmp_path / "a.py"), "--line", "1", "new", "--apply"]) == 1
    assert (tmp_path / "a.py").read_text() == "def old(): ...\n"
