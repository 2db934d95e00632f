"""Runs scenarios, written in Lua, in a headless Neovim with the plugin and the real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = ROOT / "editor-clients" / "neovim"
PROJECT = ROOT / "tests" / "editors" / "vscode" / "project"
SET_UP = "require('namewright').setup({ python = T.python })\n"
_TABLE_SERVER = ROOT / "tests" / "protocol" / "serve_with_table.py"
_HARNESS = Path(__file__).with_name("harness.lua")
_SECONDS = 240


@dataclass(frozen=True)
class Neovim:
    """One edition of the editor, and a project to open in it."""

    program: str
    version: tuple[int, int]
    home: Path
    folder: Path

    def run(
        self, scenario: str, set_up: str = SET_UP, environment: Mapping[str, str] | None = None
    ) -> Any:
        """What a scenario returns; raises AssertionError with its error."""
        packages = self.home / "pack" / "test" / "opt"
        packages.mkdir(parents=True, exist_ok=True)
        if not (packages / "namewright.nvim").exists():
            (packages / "namewright.nvim").symlink_to(PLUGIN)
        script, answer = self.home / "scenario.lua", self.home / "answer.json"
        script.write_text(set_up + scenario, encoding="utf-8")
        answer.unlink(missing_ok=True)
        command = [self.program, "--headless", "-u", "NONE", "-i", "NONE", "-n"]
        command += ["--cmd", f"set packpath^={self.home}", "-c", f"luafile {_HARNESS}"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self._environment(script, answer), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        assert answer.exists(), done.stdout
        result = json.loads(answer.read_text("utf-8"))
        assert "error" not in result, result["error"]
        return result["value"]

    def _environment(self, script: Path, answer: Path) -> dict[str, str]:
        folders = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
        return {
            **{name: str(self.home / name) for name in folders},
            "SCENARIO": str(script),
            "ANSWER": str(answer),
            "NAMEWRIGHT_PYTHON": sys.executable,
        }


def slow_server(seconds: float) -> str:
    """The set-up with the real server around a model that takes its time."""
    command = f"{{ T.python, '{_TABLE_SERVER}', '--slow', '{seconds}' }}"
    return f"vim.env.PYTHONPATH = '{ROOT}'\nrequire('namewright').setup({{ cmd = {command} }})\n"


def on_the_path() -> dict[str, str]:
    """An environment in which the program `namewright` is found."""
    return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}


def version_of(program: str) -> tuple[int, int]:
    """The version of an editor, as it says itself."""
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"NVIM v(\d+)\.(\d+)", said.stdout)
    assert found, said.stdout
    return int(found[1]), int(found[2])


def uses(folder: Path, name: str) -> dict[str, int]:
    """How often each file on disk mentions a name."""
    word = re.compile(rf"\b{name}\b")
    files = ("orders.py", "report.py", "main.py")
    return {one: len(word.findall((folder / "shop" / one).read_text("utf-8"))) for one in files}


def name_in(title: str) -> str:
    """The name that an entry of the list begins with, or quotes."""
    found = re.search(r"`(\w+)`|^(\w+) \(", title)
    assert found, title
    return found[1] or found[2]
