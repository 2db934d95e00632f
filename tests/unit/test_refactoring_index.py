"""The index follows the disk and the buffers, and knows modules by every name they go by."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dataset.functions import parse
from server.refactoring.index import ProjectIndex
from server.refactoring.modules import module_map, nearest
from server.refactoring.syntax import MODULE, name_table


def index_of(folder: Path, files: dict[str, str]) -> ProjectIndex:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    index = ProjectIndex((folder,))
    index.refresh()
    return index


def test_words_lead_to_files(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"a.py": "one = 'two'", "b.py": "# two\n", "c.toml": "x = 'two'"})
    assert [file.path.name for file in index.files_with(b"two")] == ["a.py", "b.py", "c.toml"]
    assert [file.path.name for file in index.files_with(b"one")] == ["a.py"]


def test_refresh_sees_new_changed_and_deleted_files(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"a.py": "one\n", "b.py": "one\n"})
    (tmp_path / "a.py").write_text("two, two\n")
    (tmp_path / "b.py").unlink()
    (tmp_path / "c.py").write_text("one\n")
    index.refresh()
    assert [file.path.name for file in index.files_with(b"one")] == ["c.py"]
    assert [file.path.name for file in index.files_with(b"two")] == ["a.py"]


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"a.py": "one\n"})
    before = index.get(tmp_path / "a.py")
    index.refresh()
    assert index.get(tmp_path / "a.py") is before


def test_a_buffer_hides_the_disk_until_it_is_given_back(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"a.py": "one\n"})
    path = tmp_path / "a.py"
    index.update(path, b"two\n")
    os.utime(path, ns=(time.time_ns(), time.time_ns()))
    index.refresh()
    assert b"two" in index.files_with(b"two")[0].words
    index.update(path, None)
    assert not index.files_with(b"two")
    assert index.files_with(b"one")


def test_lines_end_in_three_ways(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"a\r\nb\rc\nd")
    index = ProjectIndex((tmp_path,))
    index.refresh()
    file = index.get(tmp_path / "a.py")
    assert file is not None
    assert [file.line_of(file.data.index(letter)) for letter in (b"a", b"b", b"c", b"d")] == [
        1, 2, 3, 4,
    ]  # fmt: skip


MODULES = {
    "a package": (["p/__init__.py", "p/m.py"], "p.m", "p/m.py"),
    "the package itself": (["p/__init__.py"], "p", "p/__init__.py"),
    "a source folder": (["src/p/__init__.py", "src/p/m.py"], "p.m", "src/p/m.py"),
    "from the root too": (["src/p/__init__.py", "src/p/m.py"], "src.p.m", "src/p/m.py"),
    "a package without __init__": (["n/p/__init__.py", "n/p/m.py"], "n.p.m", "n/p/m.py"),
    "a script beside others": (["tests/tool.py"], "tool", "tests/tool.py"),
    "a stub gives way to its source": (["m.pyi", "m.py"], "m", "m.py"),
}


@pytest.mark.parametrize(("files", "dotted", "found"), MODULES.values(), ids=MODULES.keys())
def test_module_names(files: list[str], dotted: str, found: str) -> None:
    root = Path("/project")
    modules = module_map([root / name for name in files], (root,))
    assert modules[dotted][0] == root / found


def test_the_nearest_of_two_namesakes_is_meant() -> None:
    files = (Path("/p/one/tool.py"), Path("/p/two/tool.py"))
    assert nearest(files, Path("/p/two/test_x.py")) == files[1]


ROLES = {
    "def x(): ...": ["def"],
    "class x: ...": ["class"],
    "x = x": ["store", "load"],
    "(x, y), *z = x": ["store", "load"],
    "for x in x: ...": ["store", "load"],
    "import x": ["import"],
    "import x.y": ["import"],
    "import y.x": ["module"],
    "from x import y": ["module"],
    "from y import x": ["import"],
    "from y import x as z": ["imported"],
    "from y import z as x": ["import"],
    "a.x.b": ["attribute"],
    "x.a": ["load"],
    "f(x=x)": ["keyword", "load"],
    "lambda x: x": ["parameter", "load"],
    "def f(x, *, y=x): ...": ["parameter", "load"],
    "def f(a: x, *x, **y): ...": ["load", "parameter"],
    "with y as x: ...": ["store"],
    "try: ...\nexcept E as x: ...": ["store"],
    "if (x := 1): ...": ["store"],
    "global x": ["global"],
    "'x'": ["string"],
    "f'{x} x'": ["load", "string"],
    "# x": ["comment"],
    "@x\ndef f(): ...": ["load"],
    "del x": ["store"],
    "match a:\n  case x: ...": ["store"],
    "match a:\n  case x(): ...": ["load"],
    "match a:\n  case y.x: ...": ["attribute"],
    "x += 1": ["store"],
    "print x": ["load"],
}


@pytest.mark.parametrize("source", ROLES)
def test_roles(source: str) -> None:
    data = source.encode()
    table = name_table(data, parse(data), b"x")
    assert [mention.role for mention in table.mentions] == ROLES[source]


def test_scopes_skip_classes_and_know_comprehensions() -> None:
    source = b"x = 1\nclass A:\n    x = 2\n    def f(self): return x\n    y = [x for x in x]\n"
    table = name_table(source, parse(source), b"x")
    kinds = [table.scope_of(one.scopes, one.chain).kind for one in table.mentions]
    assert kinds == ["module", "class", "module", "comprehension", "comprehension", "class"]
    assert table.scope_of(table.mentions[0].scopes) == MODULE
