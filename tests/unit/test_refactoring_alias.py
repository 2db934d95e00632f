"""A deprecated alias keeps what others wrote working: seen by running it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from server.refactoring.edits import RenameError, write_plan
from server.refactoring.rename import Workspace, plan_rename
from tests.unit.renamed_projects import Project, write_project

# What is defined, and what somebody else wrote: it runs unchanged after the rename.
CASES: dict[str, tuple[Project, str]] = {
    "a function": ({"a.py": "def «old»(x, *, y=1):\n    return x + y\n"}, "a.old(1, y=2) == 3"),
    "a function among imports": (
        {"a.py": "'''Doc.'''\n\nimport os\n\n\ndef «old»():\n    return os.sep\n\n\nX = old()\n"},
        "a.old() == a.X",
    ),
    "a file with only a docstring and future imports": (
        {"a.py": "'''Doc.'''\nfrom __future__ import annotations\n\ndef «old»(): return 3  # end"},
        "a.old() == 3",
    ),
    "warnings is something else here": (
        {"a.py": "warnings = []\n\n\ndef «old»():\n    return warnings\n"},
        "a.old() == []",
    ),
    "a coroutine": (
        {"a.py": "async def «old»(x):\n    return x\n"},
        "asyncio.iscoroutinefunction(a.old) and asyncio.run(a.old(4)) == 4",
    ),
    "an asynchronous generator": (
        {"a.py": "async def «old»():\n    yield 1\n"},
        "asyncio.run(first(a.old())) == 1",
    ),
    "an asynchronous context": (
        {
            "a.py": "from contextlib import asynccontextmanager\n\n\n@asynccontextmanager\n"
            "async def «old»():\n    yield 1\n"
        },
        "asyncio.run(a.old().__aenter__()) == 1",
    ),
    "a method and its override": (
        {
            "a.py": "class A:\n    def «old»(self, x):\n        return x\n\n    def z(self): ...\n"
            "\n\nclass B(A):\n    def old(self, x):\n        return -x\n"
        },
        "(a.A().old(2), a.B().old(2)) == (2, -2)",
    ),
    "a static method of an inner class": (
        {"a.py": "class A:\n    class B:\n        @staticmethod\n        def «old»(x): return x\n"},
        "a.A.B.old(5) == 5 == a.A.B().old(5)",
    ),
    "a class method": (
        {
            "a.py": "class A:\n    @classmethod\n    def «old»(cls, x):\n        return cls, x\n"
            "\n\nclass B(A): ...\n"
        },
        "a.B.old(5) == (a.B, 5)",
    ),
    "a property with setter and deleter": (
        {
            "a.py": "class A:\n    x = 1\n\n    @property\n    def «old»(self): return self.x\n\n"
            "    @old.setter\n    def old(self, value): self.x = value\n\n"
            "    @old.deleter\n    def old(self): del self.x\n"
        },
        "(b := a.A()).old == 1 and setattr(b, 'old', 2) is None and b.old == b.x == 2"
        " and delattr(b, 'old') is None and b.old == 1",
    ),
    "twins under a condition": (
        {
            "a.py": "import sys\n\nif sys.argv:\n    def «old»(): return 1\nelse:\n"
            "    def old(): return 2\n"
        },
        "a.old() in (1, 2)",
    ),
    "re-exported by the package": (
        {
            "p/b.py": "__all__ = ['old']\n\n\ndef «old»(): return 7\n",
            "p/__init__.py": 'from .b import old\n\n__all__ = ["old"]\n',
            "a.py": "from p import *\n",
        },
        "a.old() == 7",
    ),
    "carriage returns": (
        {"a.py": "import os\r\n\r\ndef «old»():\r\n    return 1\r\n"},
        "a.old() == 1",
    ),
}
PROGRAM = """
import asyncio, warnings
import a
async def first(items):
    async for one in items:
        return one
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert {claim}
said = [one for one in caught if one.category is DeprecationWarning]
assert "old is deprecated; use new_name" in str(said[0].message), said
"""


@pytest.mark.parametrize(("project", "claim"), CASES.values(), ids=CASES.keys())
def test_the_old_name_works_and_warns(tmp_path: Path, project: Project, claim: str) -> None:
    target = write_project(tmp_path, project)
    first = next(iter(project.values()))
    plan = plan_rename(Workspace((tmp_path,)), target, first.index("«"), "new_name", alias=True)
    assert not plan.refused
    write_plan(plan, include_doubtful=False)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(claim=claim)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + target.read_text()
    texts = [path.read_bytes() for path in tmp_path.rglob("*.py")]
    assert all(text.count(b"\r\n") in (0, text.count(b"\n")) for text in texts)


UNREACHABLE = {
    "inside a function": "def f():\n    def «old»(): ...\n    return old\n",
    "private to its class": "class A:\n    def «__old»(self): ...\n",
    "a fixture": "import pytest\n\n\n@pytest.fixture\ndef «old»(): ...\n",
}


@pytest.mark.parametrize("source", UNREACHABLE.values(), ids=UNREACHABLE.keys())
def test_no_alias_where_nobody_could_use_it(tmp_path: Path, source: str) -> None:
    target = write_project(tmp_path, {"a.py": source})
    new = "__new" if "__old" in source else "new"
    with pytest.raises(RenameError, match="alias"):
        plan_rename(Workspace((tmp_path,)), target, source.index("«"), new, alias=True)


def test_a_public_name_offers_the_alias(tmp_path: Path) -> None:
    target = write_project(tmp_path, {"a.py": "def «old»(): ...\n", "pyproject.toml": ""})
    plan = plan_rename(Workspace((tmp_path,)), target, 4, "new")
    assert any("deprecated alias" in one.reason for one in plan.findings)
