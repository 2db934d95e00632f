"""Which renames are refused, and from which files a rename is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import NamewrightError
from server.refactoring.edits import RenamePlan
from server.refactoring.rename import Workspace, plan_rename
from tests.unit.renamed_projects import Project, plan_project

REFUSED: dict[str, tuple[Project, str]] = {
    "overrides the standard library": (
        {"a.py": "import threading\nclass T(threading.Thread):\n    def «run»(self): ...\n"},
        "overrides Thread.run",
    ),
    "registered with an abstract class": (
        {
            "a.py": "from collections.abc import Mapping\nclass M:\n    def «keys»(self): ...\n"
            "Mapping.register(M)\n"
        },
        "overrides Mapping.keys",
    ),
    "called by a computed name outside": (
        {"a.py": "import ast\nclass V(ast.NodeVisitor):\n    def «visit_Name»(self, n): ...\n"},
        "",
    ),
    "called by a computed name inside": (
        {
            "a.py": "class V:\n    def go(self, kind):\n"
            "        return getattr(self, f'show_{kind}')()\n    def «show_it»(self): ...\n"
        },
        "computed names like show_",
    ),
    "taken in the module": ({"a.py": "def «old»(): ...\nnew = 1\n"}, "already has a meaning"),
    "taken where it is imported": (
        {"a.py": "def «old»(): ...\n", "b.py": "from a import old\ndef new(): ...\n"},
        "already has a meaning",
    ),
    "taken in a subclass": (
        {
            "a.py": "class A:\n    def «old»(self): ...\n",
            "b.py": "from a import A\nclass B(A):\n    def new(self): ...\n",
        },
        "already has a member",
    ),
    "taken on self": (
        {"a.py": "class A:\n    def __init__(self): self.new = 1\n    def «old»(self): ...\n"},
        "already has a member",
    ),
    "captured by a local": (
        {"a.py": "def «old»(): ...\ndef f(new):\n    return old(new)\n"},
        "already used where",
    ),
    "pytest hook": (
        {"conftest.py": "def «pytest_configure»(config): ...\n"},
        "pytest calls",
    ),
    "a parameter shares the binding": (
        {
            "a.py": "def f(old=None):\n    if old is None:\n"
            "        def «old»(): ...\n    return old\nf(old=1)\n"
        },
        "by keyword",
    ),
    "looked up by strings": (
        {
            "a.py": "class V:\n    def go(self, kind):\n        return getattr(self, kind)()\n"
            "    def «old»(self): ...\nV().go('old')\n"
        },
        "looks its methods up",
    ),
}


@pytest.mark.parametrize(("project", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_unsafe_renames_are_refused(tmp_path: Path, project: Project, reason: str) -> None:
    plan = plan_project(tmp_path, project)
    assert plan.refused
    refusals = [one.reason for one in plan.findings if one.severity == "refuse"]
    assert any(reason in one for one in refusals), refusals


@pytest.mark.parametrize("name", ["class", "1st", "a b", "", "__call__", "old", "a-b", "None"])
def test_bad_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(NamewrightError):
        plan_project(tmp_path, {"a.py": "def «old»(): ...\n"}, name)


def test_dunders_keep_their_names(tmp_path: Path) -> None:
    with pytest.raises(NamewrightError, match="called by Python"):
        plan_project(tmp_path, {"a.py": "class A:\n    def «__len__»(self): ...\n"})


def test_a_shadowed_builtin_that_the_file_uses_is_refused(tmp_path: Path) -> None:
    project = {"a.py": "def «old»(): ...\nprint(len([]))\n"}
    assert plan_project(tmp_path, project, "len").refused


def test_no_function_there(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    with pytest.raises(NamewrightError, match="no function"):
        plan_rename(Workspace((tmp_path,)), path, 0, "new")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NamewrightError, match="cannot be read"):
        plan_rename(Workspace((tmp_path,)), tmp_path / "a.py", 0, "new")


def test_without_a_root_only_local_functions(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def f():\n    def g(): ...\n    return g\n")
    workspace = Workspace(())
    assert plan_rename(workspace, path, 4, "new").refused
    local = plan_rename(workspace, path, 17, "new")
    assert not local.refused
    assert _starts(local) == [17, 37]


def test_two_roots_with_the_same_package(tmp_path: Path) -> None:
    for root in ("one", "two"):
        folder = tmp_path / root / "p"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "a.py").write_text("def old(): ...\n")
    roots = (tmp_path / "one", tmp_path / "two")
    plan = plan_rename(Workspace(roots), roots[0] / "p" / "a.py", 4, "new")
    assert any("two folders" in one.reason for one in plan.findings if one.severity == "refuse")


def test_unsaved_text_is_the_truth(tmp_path: Path) -> None:
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    a.write_text("def old(): ...\n")
    b.write_text("")
    overlays = {b: b"from a import old\n"}
    plan = plan_rename(Workspace((tmp_path,), overlays), a, 4, "new")
    assert [one.start for one in plan.edits[b]] == [14]
    assert b not in plan_rename(Workspace((tmp_path,)), a, 4, "new").edits


def test_ignored_files_and_environments_stay_out(tmp_path: Path) -> None:
    a = tmp_path / "a.py"
    a.write_text("def old(): ...\n")
    (tmp_path / ".gitignore").write_text("build/\n*_gen.py\n!kept_gen.py\n")
    for name in ("build/x.py", "y_gen.py", "kept_gen.py", ".venv/z.py", "env/w.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("from a import old\n")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    plan = plan_rename(Workspace((tmp_path,)), a, 4, "new")
    assert {path.name for path in plan.edits} == {"a.py", "kept_gen.py"}


@pytest.mark.parametrize(
    ("source", "refused"),
    {
        "def old(): ...\n\nold(\n": True,  # the use itself cannot be read
        "def old(): ...\n\nold()\n\ndef g(:\n    pass\n": False,
    }.items(),
)
def test_a_file_that_does_not_parse_is_refused_or_asked_about(
    tmp_path: Path, source: str, refused: bool
) -> None:
    a = tmp_path / "a.py"
    a.write_text(source)
    plan = plan_rename(Workspace((tmp_path,)), a, 4, "new")
    assert plan.refused is refused
    assert any("does not parse" in one.reason for one in plan.findings)


def _starts(plan: RenamePlan) -> list[int]:
    return [one.start for edits in plan.edits.values() for one in edits]
