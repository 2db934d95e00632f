"""Which mentions a rename changes for certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.renamed_projects import Project, expected, plan_project, renamed

CERTAIN: dict[str, Project] = {
    "calls and recursion": {
        "a.py": "def «old»(n):\n    return «old»(n - 1)\n\nx = «old»(3)\nold_other = 1\n",
    },
    "imports, re-exports and aliases": {
        "p/a.py": "def «old»(): ...\n",
        "p/__init__.py": "from .a import «old»\n__all__ = ['«old»', 'other']\n",
        "b.py": "from p import «old» as mine\nimport p.a\nmine(p.«old», p.a.«old»)\n",
        "c.py": "import p as q\nq.«old»()\nold = 1\n",
    },
    "a module's name over two lines": {
        "p/q/a.py": "def «old»(): ...\n",
        "b.py": "from p.q \\\n    .a import «old»\n\n«old»()\n",
    },
    "what lies beside a script, in a package too": {
        "p/tests/fake.py": "class Fake:\n    def «old»(self): ...\n",
        "p/tests/__init__.py": "",
        "p/__init__.py": "",
        "p/tests/run.py": "import fake\n\nfake.Fake().«old»()\n",
        "p/tests/other.py": "from fake import Fake\n\nFake().«old»()\n",
        "p/lone.py": "import fake\n\nfake.old()\n",
    },
    "star imports through a package that never says the name": {
        "p/a.py": "def «old»(): ...\n__all__ = ['«old»']\n",
        "p/__init__.py": "from .a import *\n",
        "b.py": "import p\np.«old»()\n",
    },
    "a local of the same name is another thing": {
        "a.py": "def «old»(): ...\n\ndef f(old):\n    return old\n\ndef g():\n    return «old»\n",
    },
    "nested functions": {
        "a.py": "def f():\n    def «old»(): ...\n    return «old»\n\nold = f\n",
    },
    "nonlocal and global": {
        "a.py": "def «old»(): ...\n\ndef f():\n    global «old»\n    «old» = None\n",
    },
    "conditional twins": {
        "a.py": "import sys\nif sys.version_info > (3,):\n    def «old»(): ...\n"
        "else:\n    def «old»(): ...\n«old»()\n",
    },
    "overrides and bases": {
        "a.py": "class A:\n    def «old»(self): ...\n",
        "b.py": "from a import A\nclass B(A):\n    def «old»(self):\n"
        "        return super().«old»()\n\nclass C:\n    def old(self): ...\n"
        "\nB().«old»()\nC().old()\n",
    },
    "a base renamed from its override": {
        "b.py": "from a import A\nclass B(A):\n    def «old»(self): ...\n",
        "a.py": "class A:\n    def «old»(self): ...\n",
        "c.py": "import a\nclass C(a.A):\n    def «old»(self): ...\n",
    },
    "siblings joined by a class that inherits both": {
        "a.py": "class A:\n    def «old»(self): ...\nclass M:\n    def «old»(self): ...\n"
        "class D(M, A): ...\nclass E:\n    def old(self): ...\n",
    },
    "a mixin calls what its sibling defines": {
        "a.py": "class A:\n    def «old»(self): ...\nclass M:\n    def go(self):\n"
        "        self.«old»()\nclass D(M, A): ...\n",
    },
    "properties with setters and deleters": {
        "a.py": "class A:\n    @property\n    def «old»(self): ...\n    @«old».setter\n"
        "    def «old»(self, v): ...\n    @«old».deleter\n    def «old»(self): ...\n\n"
        "a = A()\na.«old» = 1\ndel a.«old»\n",
    },
    "a class attribute that implements a property": {
        "a.py": "class A:\n    @property\n    def «old»(self): ...\n"
        "class B(A):\n    «old» = 3\n"
        "class C(A):\n    def __init__(self):\n        self.«old» = 4\n",
    },
    "overloads": {
        "a.py": "from typing import overload\n@overload\ndef «old»(a: int) -> int: ...\n"
        "@overload\ndef «old»(a: str) -> str: ...\ndef «old»(a): return a\n",
    },
    "stubs": {
        "a.py": "class A:\n    def «old»(self): ...\n",
        "a.pyi": "class A:\n    def «old»(self) -> None: ...\n",
    },
    "receivers typed by annotation, call, loop and with": {
        "a.py": "class A:\n    def «old»(self): ...\n    def __enter__(self): return self\n",
        "b.py": "from a import A\ndef f(a: A, many: list[A], maybe: 'A | None'):\n    a.«old»()\n"
        "    for one in many:\n        one.«old»()\n    with A() as b:\n        b.«old»()\n"
        "    maybe.«old»()\n    [x.«old»() for x in many]\n",
        "c.py": "class Z:\n    def old(self): ...\ndef g(z: Z):\n    z.old()\n    'x'.old()\n",
    },
    "receivers typed by isinstance": {
        "a.py": "class A:\n    def «old»(self): ...\nclass B:\n    def old(self): ...\n"
        "def f(x):\n    if isinstance(x, A):\n        x.«old»()\n    if isinstance(x, B):\n"
        "        x.old()\n    return isinstance(x, A) and x.«old»\n",
    },
    "errors that a test expects": {
        "a.py": "class Oops(Exception):\n    def «old»(self): ...\n",
        "test_a.py": "import pytest\nfrom a import Oops\ndef test_x():\n"
        "    with pytest.raises(Oops) as caught:\n        pass\n    caught.value.«old»()\n",
    },
    "parametrized tests": {
        "a.py": "class A:\n    def «old»(self): ...\nclass B:\n    def old(self): ...\n",
        "test_a.py": "import pytest\nfrom a import A, B\n"
        "@pytest.mark.parametrize('one', [A(), pytest.param(A(), id='x')])\n"
        "def test_a(one):\n    one.«old»()\n"
        "@pytest.mark.parametrize(('one', 'n'), [(B(), 1)])\n"
        "def test_b(one, n):\n    one.old()\n",
    },
    "a class attribute made from the function": {
        "a.py": "def «old»(): ...\nclass A:\n    old = staticmethod(«old»)\nA.old()\nA().old()\n",
    },
    "wrapped by a decorator that is a class": {
        "a.py": "class Wrap:\n    def __init__(self, f): ...\n    def «old»(self): ...\n"
        "@Wrap\ndef g(): ...\ng.«old»()\n",
    },
    "members of an enumeration": {
        "a.py": "from enum import Enum\nclass K(Enum):\n    A = 'a'\n    def «old»(self): ...\n"
        "class Z:\n    def old(self): ...\nK.A.«old»()\nfor k in K:\n    k.«old»()\n",
    },
    "keyword arguments are a dict": {
        "a.py": "class A:\n    def «keys»(self): ...\n"
        "def f(*args, **kwargs):\n    A().«keys»()\n    return kwargs.keys(), args.keys\n",
    },
    "wrapped by a decorator that says so": {
        "a.py": "from typing import Callable\nclass Group:\n    def «old»(self): ...\n"
        "class Other:\n    def old(self): ...\n"
        "def group(name: str) -> Callable[[Callable], Group]: ...\n"
        "@group('x')\ndef cli(): ...\n@cli.«old»()\ndef sub(): ...\n",
    },
    "slots that implement a property": {
        "a.py": "class A:\n    @property\n    def «old»(self): ...\n"
        "class B(A):\n    __slots__ = ('«old»', 'other')\nclass C:\n    __slots__ = ('old',)\n",
    },
    "an aliased class is still the base": {
        "a.py": "class A:\n    def «old»(self): ...\n",
        "b.py": "from a import A as Base\nAgain = Base\n"
        "class B(Again):\n    def «old»(self): ...\n",
    },
    "getattr and its kin": {
        "a.py": "class A:\n    def «old»(self): ...\na = A()\ngetattr(a, '«old»')\n"
        "hasattr(a, '«old»')\ngetattr('text', 'old', None)\n",
    },
    "monkeypatch and mock": {
        "p/a.py": "def «old»(): ...\n",
        "p/__init__.py": "",
        "t.py": "import p.a\nfrom unittest import mock\ndef test(monkeypatch):\n"
        "    monkeypatch.setattr(p.a, '«old»', None)\n    monkeypatch.setattr('p.a.«old»', None)\n"
        "    mock.patch('p.a.«old»')\n    mock.patch.object(p.a, '«old»')\n"
        "    mock.patch('q.old')\n",
    },
    "pytest fixtures": {
        "conftest.py": "import pytest\n@pytest.fixture\ndef «old»(): ...\n",
        "test_a.py": "import pytest\ndef test_x(«old»):\n    assert «old»\n\ndef helper(old):\n"
        "    return old\n\n@pytest.mark.usefixtures('«old»')\ndef test_y(): ...\n",
    },
    "entry points": {
        "p/a.py": "def «old»(): ...\n",
        "p/__init__.py": "",
        "pyproject.toml": "[project.scripts]\nold = 'p.a:«old»'\n",
        "setup.cfg": "[options.entry_points]\nconsole_scripts =\n    old = p.a:«old»\n",
    },
    "doctests": {
        "a.py": 'def «old»(n):\n    """Say.\n\n    >>> «old»(3)\n    3\n'
        '    >>> [«old»(i)\n    ...  for i in «old»(2)]\n    """\n',
    },
    "doctests in documents": {
        "a.py": "def «old»(n): ...\n",
        "README.rst": "Use it::\n\n    >>> from a import «old»\n    >>> «old»(1)\n",
    },
    "roles and back-quotes": {
        "a.py": "class A:\n    def «old»(self):\n"
        '        """See :meth:`«old»`, ``A.«old»``, `B.old`."""\n',
        "docs.rst": ":meth:`~a.A.«old»` and the old days\n",
    },
    "private names of one class": {
        "a.py": "class A:\n    def «__old»(self): ...\n    def go(self): self.«__old»()\n"
        "class B(A):\n    def __old(self): ...\n",
    },
    "a module's attribute put in its place from elsewhere": {
        "a.py": "def «old»(): ...\n",
        "b.py": "import a\nfrom c import wrap\na.«old» = wrap(a.«old»)\n",
    },
    "keywords and modules of the same name": {
        "a.py": "def «old»(n): ...\n",
        "old.py": "",
        "b.py": "import old\nimport a\nf(old=1)\na.«old»(2)\n",
    },
}


# Functions called like what is built in: types, and code that runs before they exist, stay.
BUILT_IN: dict[str, Project] = {
    "a method, above and below it": {
        "a.py": "class A:\n    first: list = list()\n\n"
        "    def «list»(self, rows: list = list(), *, kind=list) -> list[int]:\n"
        "        return list(rows)\n\n"
        "    def pairs(self, one: list | None) -> dict[str, list[int]]:\n"
        "        found: list[int] = self.«list»()\n        return {'': found}\n\n"
        "    def quoted(self) -> 'list[int]': ...\n"
        "    again = «list»\n",
        "b.py": "from a import A\nrows: list = A().«list»()\n",
    },
    "a property of its own name": {
        "a.py": "class A:\n    @property\n    def «property»(self) -> property: ...\n"
        "    @«property».setter\n    def «property»(self, value: int): ...\n",
    },
    "a command of a module": {
        "a.py": "from __future__ import annotations\n\n"
        "def «list»(rows: list = list()) -> list[int]: ...\n\n"
        "def other(rows: list[int]) -> list:\n    kept: list = «list»(rows)\n    return kept\n",
        "b.py": "from a import «list»\n\n«list»()\n",
    },
}


@pytest.mark.parametrize("project", BUILT_IN.values(), ids=BUILT_IN.keys())
def test_what_is_built_in_is_not_the_function_of_its_name(tmp_path: Path, project: Project) -> None:
    first = next(iter(project.values()))
    old = first[first.index("«") + 1 : first.index("»")]
    plan = plan_project(tmp_path, project)
    assert renamed(tmp_path, project, plan, doubtful=False) == expected(project, old)


@pytest.mark.parametrize("project", CERTAIN.values(), ids=CERTAIN.keys())
def test_certain_edits_are_the_marked_ones(tmp_path: Path, project: Project) -> None:
    first = next(iter(project.values()))
    old = first[first.index("«") + 1 : first.index("»")]
    new = "__new" if old == "__old" else "new"
    plan = plan_project(tmp_path, project, new)
    assert not plan.refused, plan.findings
    assert renamed(tmp_path, project, plan, doubtful=False) == expected(project, old, new)
