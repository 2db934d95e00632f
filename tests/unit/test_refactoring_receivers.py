"""Whose attribute it is: what annotations, tests and examples say of the receiver."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.renamed_projects import Project, expected, plan_project, renamed

TWO = "class A:\n    def «old»(self): ...\n\n\nclass B:\n    def old(self): ...\n\n\n"
IMPORTED = "from a import A, B\n"

CERTAIN: dict[str, Project] = {
    "what an iterator that gives itself gives": {
        "a.py": TWO + "class Each:\n    def __iter__(self):\n        return self\n\n"
        "    def __next__(self):\n        return A()\n",
        "b.py": "from a import Each\n\nfor x in Each():\n    x.«old»()\n",
    },
    "what iterators that make one another give": {
        "a.py": TWO + "class One:\n    def __iter__(self):\n        return Two()\n\n"
        "    def __next__(self):\n        return A()\n\n\n"
        "class Two:\n    def __iter__(self):\n        return One()\n\n"
        "    def __next__(self):\n        return B()\n",
        "b.py": "from a import One, Two\n\nfor x in One():\n    x.old()\n"
        "for y in Two():\n    y.«old»()\n",
    },
    "a name for a union": {
        "a.py": "import typing as t\n" + TWO + "Both = t.Union['B', None]\nOurs = t.Optional[A]\n",
        "b.py": "import a\nfrom a import Both\n\ndef f(x: Both, y: a.Ours):\n"
        "    return x.old(), y.«old»()\n",
    },
    "a name for a union with a bar": {
        "a.py": TWO + "Ours = A | None\n",
        "b.py": "from a import Ours as O\n\ndef f(x: O):\n    return x.«old»()\n",
    },
    "a type statement": {
        "a.py": TWO + "type Ours = list[A]\n",
        "b.py": "from a import Ours\n\ndef f(x: Ours):\n    return [y.«old»() for y in x]\n",
    },
    "a bound type variable": {
        "a.py": "from typing import TypeVar\n" + TWO + "T = TypeVar('T', bound='A')\n",
        "b.py": "from a import T\n\ndef f(x: T) -> T:\n    return x.«old»()\n",
    },
    "a new type": {
        "a.py": "from typing import NewType\n" + TWO + "N = NewType('N', A)\n",
        "b.py": "from a import N\n\ndef f(x: N):\n    return x.«old»()\n",
    },
    "leaving early": {
        "a.py": TWO,
        "b.py": IMPORTED + "\ndef f(x):\n    if not isinstance(x, A):\n        return None\n"
        "    return x.«old»()\n",
    },
    "an assertion": {
        "a.py": TWO,
        "b.py": IMPORTED + "\ndef f(x):\n    assert isinstance(x, B)\n    return x.old()\n",
    },
    "a test of an attribute": {
        "a.py": TWO,
        "b.py": IMPORTED + "\ndef f(x):\n    if isinstance(x.y.z, A):\n"
        "        return x.y.z.«old»()\n",
    },
    "a test against the own class": {
        "a.py": TWO.replace(
            "\n\n\nclass B",
            "\n\n    def __eq__(self, other):\n        if not isinstance(other, self.__class__):\n"
            "            return NotImplemented\n        return self.«old»() == other.«old»()"
            "\n\n\nclass B",
            1,
        )
    },
    "a module that is imported by a call": {
        "p/a.py": "def «old»(): ...\n",
        "p/__init__.py": "",
        "b.py": "import importlib\n\na = importlib.import_module('p.a')\na.«old»()\n"
        "importlib.reload(a).«old»()\n",
    },
    "a test of the type itself": {
        "a.py": TWO,
        "b.py": IMPORTED + "\ndef f(x):\n    if type(x) is A:\n        return x.«old»()\n"
        "    if type(x) in (B,):\n        return x.old()\n",
    },
    "what an alternative constructor passes on": {
        "a.py": TWO + "class Holder:\n    def __init__(self, one):\n        self.one = one\n\n"
        "    @classmethod\n    def make(cls):\n        return cls(A())\n\n"
        "    def go(self):\n        return self.one.«old»()\n",
    },
    "what a subclass passes on": {
        "a.py": TWO + "class Holder:\n    def __init__(self, one):\n        self.one = one\n\n"
        "    def go(self):\n        return self.one.«old»()\n\n\n"
        "class Mine(Holder):\n    def __init__(self):\n        super().__init__(A())\n",
    },
    "a module that importing it makes a part of its package": {
        "p/a.py": "def «old»(): ...\n",
        "p/__init__.py": "from .a import other\n\na.«old»()\n",
    },
    "names in a list that a loop looks up": {
        "a.py": TWO.replace(
            "    def «old»(self): ...\n",
            "    def «old»(self): ...\n\n    PARTS = ('«old»', 'other')\n\n    def go(self):\n"
            "        return [getattr(self, name) for name in self.PARTS]\n",
        )
    },
    "a method that says it returns itself": {
        "a.py": TWO.replace(
            "    def «old»(self): ...\n",
            "    def «old»(self): ...\n\n    def same(self) -> 'Self': ...\n",
        )
        + "A().same().«old»()\n",
    },
    "two names for one value": {
        "a.py": TWO,
        "b.py": IMPORTED + "\nfirst = second = A()\nfirst.«old»()\nsecond.«old»()\n",
    },
    "a holder of any attribute": {
        "a.py": "import threading\n\n" + TWO + "mine = threading.local()\nmine.old()\n",
    },
    "a list that is filled elsewhere": {
        "a.py": TWO + "class Stack:\n    def __init__(self):\n        self.many = []\n"
        "        self.named = {}\n\n    def go(self):\n        for one in self.many:\n"
        "            one.«old»()\n        return [one.old() for one in self.named.values()]\n",
        "b.py": "from a import A, B, Stack\n\nstack = Stack()\nstack.many.append(A())\n"
        "stack.named['x'] = B()\n\n\ndef f():\n    found = []\n    found.append(A())\n"
        "    for one in found:\n        one.«old»()\n",
    },
    "an example that imports nothing": {
        "p/a.py": 'def «old»():\n    """Say.\n\n    >>> p.«old»()\n    >>> other.old()\n    """\n',
        "p/__init__.py": "from .a import «old»\n",
        "docs/use.rst": "Use it::\n\n    >>> p.«old»()\n    1\n",
    },
}


@pytest.mark.parametrize("project", CERTAIN.values(), ids=CERTAIN.keys())
def test_certain_edits_are_the_marked_ones(tmp_path: Path, project: Project) -> None:
    plan = plan_project(tmp_path, project)
    assert renamed(tmp_path, project, plan, doubtful=False) == expected(project, "old")
    assert not plan.refused
    assert not plan.doubtful


def test_a_call_is_no_module(tmp_path: Path) -> None:
    project = {"a.py": "def «old»(): ...\n", "b.py": "def f(g):\n    return g().old(1, 2)\n"}
    plan = plan_project(tmp_path, project)
    assert renamed(tmp_path, project, plan, doubtful=True) == expected(project, "old")


MEMBERS = "".join(f"    def part{number}(self): ...\n" for number in range(8))


def test_classes_that_offer_the_same_are_asked_about(tmp_path: Path) -> None:
    source = f"class A:\n    def «old»(self): ...\n{MEMBERS}\n\nclass B:\n    def old(self): ...\n"
    project = {"a.py": source + MEMBERS}
    plan = plan_project(tmp_path, project)
    assert [one.reason for one in plan.findings if one.severity == "confirm"] == [
        "B has the same members as A: its old stays"
    ]
    assert renamed(tmp_path, project, plan, doubtful=True) == expected(project, "old")


@pytest.mark.parametrize(
    ("text", "asks"),
    {
        "<p>It is old by now</p>": False,
        "<p>{{ page.old }}</p>": True,
        "{% if old %}x{% endif %}": True,
        "{{ other }} old": False,
        "${page.old()}": True,
        "% for x in old():": True,
    }.items(),
)
def test_only_the_code_of_a_template_asks(tmp_path: Path, text: str, asks: bool) -> None:
    plan = plan_project(tmp_path, {"a.py": "def «old»(): ...\n", "page.html": text})
    assert plan.doubtful is asks


def test_a_wrapper_with_a_method_of_its_own_is_asked_about(tmp_path: Path) -> None:
    project = {
        "a.py": "class A:\n    def «old»(self): ...\n\n\nclass Wrapper:\n"
        "    def __getattr__(self, name):\n        return getattr(self.inner, name)\n\n"
        "    def old(self): ...\n"
    }
    plan = plan_project(tmp_path, project)
    assert [one.reason for one in plan.findings if one.severity == "confirm"] == [
        "Wrapper hands on what it lacks: its own old stays"
    ]


def test_a_protocol_asked_for_by_name_is_doubtful(tmp_path: Path) -> None:
    project = {
        "a.py": "class A:\n    def «old»(self, x): ...\n\n\n"
        "class B:\n    def old(self, x): ...\n\n\n"
        "class C:\n    def old(self, x): ...\n\n\nclass D:\n    def old(self, x): ...\n\n\n"
        "def f(thing):\n    if hasattr(thing, 'old'):\n        return thing\n"
    }
    assert plan_project(tmp_path, project).doubtful


ROLES = "class A:\n    def «old»(self, x): ...\n\n\nclass B:\n    def «old»(self, x): ...\n\n\n"

ALIKE: dict[str, tuple[Project, str]] = {
    "code asks any object whether it has the name": (
        {
            "a.py": ROLES + "class C:\n    def old(self): ...\n\n\ndef f(thing):\n"
            "    return thing.«old»(1) if hasattr(thing, '«old»') else thing\n"
        },
        "code asks any object for old, B too",
    ),
    "a protocol and who fulfils it": (
        {
            "a.py": ROLES + "class C:\n    def old(self, x, y): ...\n",
            "b.py": "from typing import Protocol\n\n\nclass P(Protocol):\n"
            "    def «old»(self, x) -> int: ...\n\n\ndef f(p: P):\n    return p.«old»(1)\n",
        },
        "P.old stands in the same protocol, P",
    ),
}


@pytest.mark.parametrize(("project", "reason"), ALIKE.values(), ids=ALIKE.keys())
def test_classes_that_play_one_part_are_joined_after_asking(
    tmp_path: Path, project: Project, reason: str
) -> None:
    plan = plan_project(tmp_path, project)
    assert renamed(tmp_path, project, plan, doubtful=True) == expected(project, "old")
    assert not plan.refused
    assert reason in {one.reason for one in plan.findings if one.severity == "confirm"}


def test_what_is_asked_for_together_must_be_had_together(tmp_path: Path) -> None:
    project = {
        "a.py": "class A:\n    def other(self): ...\n    def «old»(self, x): ...\n\n\n"
        "class B:\n    def old(self, x): ...\n\n\ndef f(thing):\n"
        "    if hasattr(thing, '«old»') and hasattr(thing, 'other'):\n"
        "        return thing.«old»(1)\n"
    }
    plan = plan_project(tmp_path, project)
    assert renamed(tmp_path, project, plan, doubtful=True) == expected(project, "old")


def test_something_outside_that_fulfils_the_protocol_forbids_the_rename(tmp_path: Path) -> None:
    project = {
        "a.py": "import json\nfrom typing import Any, Protocol\n\n\nclass P(Protocol):\n"
        "    def «dumps»(self, value: Any) -> str: ...\n\n\ndef f(p: P = json):\n"
        "    return p.dumps(1)\n"
    }
    plan = plan_project(tmp_path, project)
    (refusal,) = [one.reason for one in plan.findings if one.severity == "refuse"]
    assert refusal == "json, outside the project, stands for a protocol that names dumps"


def test_something_outside_in_the_same_place_is_asked_about(tmp_path: Path) -> None:
    project = {
        "a.py": "import io\n\n\nclass A:\n    def «getvalue»(self): ...\n\n\n"
        "for one in [A(), io.StringIO()]:\n    one.«getvalue»()\n"
    }
    plan = plan_project(tmp_path, project)
    assert [one.reason for one in plan.findings if one.severity == "confirm"] == [
        "StringIO.getvalue, outside the project, is used in the same place"
    ]


def test_a_module_that_fills_itself_may_hold_the_function(tmp_path: Path) -> None:
    project = {
        "p/a.py": "def «old»(): ...\n",
        "p/__init__.py": "",
        "q.py": "import p.a\nglobals().update(vars(p.a))\n",
        "test_q.py": "import q\n\n\ndef test_it():\n    q.«old»()\n",
    }
    plan = plan_project(tmp_path, project)
    assert renamed(tmp_path, project, plan, doubtful=True) == expected(project, "old")


def test_a_listed_name_that_is_a_key_too_forbids_the_rename(tmp_path: Path) -> None:
    project = {
        "a.py": "class A:\n    def «old»(self): ...\n\n    PARTS = ('old',)\n\n"
        "    def go(self, options):\n        for name in self.PARTS:\n"
        "            options[name] = getattr(self, name)\n        return options['old']\n"
    }
    plan = plan_project(tmp_path, project)
    refusals = [one.reason for one in plan.findings if one.severity == "refuse"]
    assert any("the same names serve other ends" in one for one in refusals)


def test_a_call_that_cannot_fit_is_not_certain(tmp_path: Path) -> None:
    project = {
        "a.py": "class A:\n    def «old»(self): ...\n\n\ndef f(thing):\n    thing.old(1, key=2)\n"
    }
    plan = plan_project(tmp_path, project)
    assert renamed(tmp_path, project, plan, doubtful=False) == expected(project, "old")
