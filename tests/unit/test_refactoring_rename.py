"""Which mentions a rename changes, and which doubts it raises, cause by cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import NamewrightError
from server.refactoring.edits import RenamePlan
from server.refactoring.rename import Workspace, plan_rename
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


@pytest.mark.parametrize("project", CERTAIN.values(), ids=CERTAIN.keys())
def test_certain_edits_are_the_marked_ones(tmp_path: Path, project: Project) -> None:
    first = next(iter(project.values()))
    old = first[first.index("«") + 1 : first.index("»")]
    new = "__new" if old == "__old" else "new"
    plan = plan_project(tmp_path, project, new)
    assert not plan.refused, plan.findings
    assert renamed(tmp_path, project, plan, doubtful=False) == expected(project, old, new)


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
