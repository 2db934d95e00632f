"""What a command line names: the function on a line, whatever ends the lines, and its project."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.commands.opening import InputError, Place, open_function, project_root

TEXT = "import a\n@wraps\ndef one(): return 1\n\nclass C:\n\tdef two(self):\n\n\t\treturn 2\n"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("line", "expected"), [(2, "one"), (3, "one"), (6, "two"), (7, "two"), (8, "two")]
)
def test_any_line_of_a_function_means_it(
    tmp_path: Path, line_end: str, line: int, expected: str
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(TEXT.replace("\n", line_end).encode())
    function, functions = open_function(Place(path, line=line))
    assert function.name == expected
    assert len(functions) == 2


@pytest.mark.parametrize("line", [1, 4, 5])
def test_a_line_outside_functions_names_the_nearest(tmp_path: Path, line: int) -> None:
    path = tmp_path / "a.py"
    path.write_text(TEXT)
    with pytest.raises(InputError, match=r"the nearest is \S+ at line \d"):
        open_function(Place(path, line=line))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xef\xbb\xbfdef one(): return 1\n", 1),
        (b"def one(): return 1", 1),
        (b"x = 1\x0c\ndef one(): return 1\n", 2),
        (b"# coding: cp1252\ndef one(): return '\x80'\n", 2),
        (b"def one():\n    return (1\n", 2),
        (b"def one():\n    print 1\n", 1),
    ],
)
def test_odd_files_are_read_as_python_would(tmp_path: Path, data: bytes, line: int) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    assert open_function(Place(path, line=line))[0].name == "one"


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (["pyproject.toml"], "."),
        ([".git/"], "."),
        (["setup.py", "pkg/inner/pyproject.toml"], "pkg/inner"),
        (["src/setup.cfg", "pkg/setup.cfg"], "pkg"),
        (["pkg/__init__.py", "pkg/inner/__init__.py"], "."),
        (["pkg/inner/__init__.py"], "pkg"),
        ([], "pkg/inner"),
    ],
)
def test_a_rename_stays_in_the_project_around_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marks: list[str], expected: str
) -> None:
    project = tmp_path / "project"
    (project / "pkg" / "inner").mkdir(parents=True)
    for mark in marks:
        path = project / mark
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if mark.endswith("/") else path.touch()
    monkeypatch.chdir("/")
    assert project_root(project / "pkg" / "inner" / "a.py") == project / expected


def test_without_marks_the_working_folder_is_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pkg").mkdir()
    monkeypatch.chdir(tmp_path)
    assert project_root(Path("pkg/a.py")) == tmp_path
