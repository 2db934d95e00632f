"""URIs and paths, among them names that are not UTF-8."""

import os
from pathlib import Path

import pytest

from server.locations import path_of, project_around, uri_of


@pytest.mark.parametrize(
    "uri", ["untitled:Untitled-1", "vscode-notebook-cell:/a.ipynb#W0", "", "file:", "http://[bad"]
)
def test_what_is_no_file_has_no_path(uri: str) -> None:
    assert path_of(uri) is None


def test_a_null_byte_is_no_path() -> None:
    assert path_of("file:///tmp/a%00b.py") is None


@pytest.mark.parametrize("name", [b"plain.py", "ä ü.py".encode(), b"caf\xe9.py", b"50%.py"])
def test_paths_survive_the_way_there_and_back(name: bytes) -> None:
    path = Path("/tmp") / os.fsdecode(name)
    assert path_of(uri_of(path)) == path


def test_a_user_without_a_home_has_projects_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The system's list of users does not know the number either, as in many containers.
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    with pytest.raises(RuntimeError):
        Path.home()
    (tmp_path / "pyproject.toml").touch()
    assert project_around(tmp_path / "shop" / "cart.py") == tmp_path
