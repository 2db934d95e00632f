"""Each test runs in the system's Neovim (Debian's is 0.7) and in a new one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.editors.neovim.neovim import PROJECT, ROOT, Neovim, version_of

NEW = ROOT / ".editors" / "neovim" / "bin" / "nvim"


@pytest.fixture(scope="session")
def editors() -> dict[str, str]:
    """The programs, installed where they were not."""
    subprocess.run([ROOT / "scripts" / "editors.sh", "neovim"], check=True)
    return {"system": "nvim", "new": str(NEW)}


@pytest.fixture(params=["system", "new"])
def neovim(editors: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> Neovim:
    """An editor on a fresh copy of the project."""
    return prepared(editors[request.param], tmp_path)


@pytest.fixture
def new_neovim(editors: dict[str, str], tmp_path: Path) -> Neovim:
    """The new one alone, for what only it can do."""
    return prepared(editors["new"], tmp_path)


def prepared(program: str, place: Path) -> Neovim:
    folder, home = place / "shop-project", place / "home"
    shutil.copytree(PROJECT, folder)
    home.mkdir()
    return Neovim(program, version_of(program), home, folder)
