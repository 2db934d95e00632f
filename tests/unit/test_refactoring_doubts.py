"""Which doubts a rename raises, cause by cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.renamed_projects import Project, expected, plan_project, renamed

DOUBTFUL: dict[str, tuple[Project, str]] = {
    "a receiver nobody can type": (
        {
            "a.py": "class A:\n    def «old»(self): ...\nclass B:\n    def old(self): ...\n"
            "def f(thing):\n    thing.«old»()\n",
        },
        "type of thing is not known",
    ),
    "duck typing": (
        {
            "a.py": "class A:\n    def «old»(self): ...\nclass B:\n    def «old»(self): ...\n"
            "for one in [A(), B()]:\n    one.«old»()\n",
        },
        "B.old is used in the same place",
    ),
    "a union with something outside that has the name": (
        {
            "a.py": "class A:\n    def «count»(self, x): ...\n"
            "def f(x: A | str):\n    return x.«count»('a')\n",
        },
        "str.count, outside the project, is used in the same place",
    ),
    "names mirrored in another namespace": (
        {
            "a.py": "def «old»(): ...\n",
            "b.py": "import a\nfrom c import wrap\n«old» = wrap(a.«old»)\n",
        },
        "mirrors",
    ),
    "comments are offered": ({"a.py": "def «old_one»(): ...\n\n# see «old_one»\n"}, ""),
    "a template mentions it": (
        {
            "a.py": "class A:\n    def «old»(self): ...\n",
            "t.html": "<b>{{ a.old() }}</b>",
        },
        "a template mentions",
    ),
    "a program in a string": (
        {
            "a.py": "def «old»(): ...\n",
            "b.py": 'CODE = """\nimport a\n\na.«old»()\n"""\n',
        },
        "holds a program",
    ),
}


@pytest.mark.parametrize(("project", "reason"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_doubtful_edits_ask_first(tmp_path: Path, project: Project, reason: str) -> None:
    first = next(iter(project.values()))
    old = first[first.index("«") + 1 : first.index("»")]
    plan = plan_project(tmp_path, project)
    assert not plan.refused
    assert renamed(tmp_path, project, plan, doubtful=True) == expected(project, old)
    if reason:
        assert plan.doubtful
        assert any(reason in one.reason for one in plan.findings)
    else:
        assert renamed(tmp_path, project, plan, doubtful=False) != expected(project, old)
