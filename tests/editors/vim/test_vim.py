"""Vim with ALE, set up by the lines of docs/editors/vim.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.editors.pages import blocks_of

HERE = Path(__file__).parent
PROJECT = HERE.parents[1] / "editors/vscode/project"
FILES = ("orders.py", "report.py", "main.py")
WIDE = 'print("ärger 😀𝒳", len(orders.do_it(source))'
Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project; one use of the function stands behind wide characters."""
    folder = tmp_path / "shop-project"
    shutil.copytree(PROJECT, folder)
    path = folder / "shop" / "main.py"
    path.write_text(path.read_text("utf-8").replace("print(len(orders.do_it(source))", WIDE))
    return folder


@pytest.fixture
def vim(project: Path, tmp_path: Path) -> Run:
    """Runs a scenario of e2e.vim and returns what it saw."""
    program = shutil.which("vim")
    assert program, "vim is missing; run scripts/system-packages.sh development"
    (lines,) = blocks_of("vim", "vim")
    vimrc = tmp_path / "vimrc"
    # The other linters of this machine would only take time.
    only = "let g:ale_linters = {'python': ['namewright']}"
    vimrc.write_text(f"set encoding=utf-8\nfiletype on\n{lines}\n{only}\n")

    def run(scenario: str) -> dict[str, Any]:
        seen = tmp_path / "seen.json"
        done = subprocess.run(
            [program, "-Nu", str(vimrc), "-es", "-S", str(HERE / "e2e.vim")],
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=400,
            check=False,
            env={
                **os.environ,
                "HOME": str(tmp_path),
                "LC_ALL": "C.UTF-8",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "SCENARIO": scenario,
                "SEEN": str(seen),
            },
        )
        assert seen.exists(), done.stdout + done.stderr
        found: dict[str, Any] = json.loads(seen.read_text("utf-8"))
        assert "error" not in found, found["error"]
        return found

    return run


def sources(project: Path, name: str = "do_it") -> dict[str, str]:
    """The project's files, with another name for `do_it`."""
    texts = {one: (project / "shop" / one).read_text("utf-8") for one in FILES}
    return {one: re.sub(r"\bdo_it\b", name, text) for one, text in texts.items()}


def test_the_second_name_is_in_every_file_and_undo_takes_it_back(vim: Run, project: Path) -> None:
    before = sources(project)
    assert WIDE in before["main.py"]
    seen = vim("second-name")
    found = re.match(r"2\) Rename to `(\w+)` \(\d+%\)$", seen["titles"][1])
    assert found, seen["titles"]
    assert seen["renamed"] == {
        one: re.sub(r"\bdo_it\b", found[1], text) for one, text in before.items()
    }
    assert seen["undone"] == before


def test_a_killed_server_comes_back(vim: Run) -> None:
    seen = vim("killed-server")
    assert len(seen["first"]) == len(seen["second"]) == 1
    assert seen["first"] != seen["second"]
    assert seen["titles"]
