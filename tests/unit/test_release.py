"""What a release stands on: one version everywhere, and its notes in the change log."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server import __version__

ROOT = Path(__file__).parents[2]
CARRIERS = {
    "server/__init__.py": '__version__ = "{}"\n',
    "editor-clients/vscode/package.json": '{{\n  "version": "{}"\n}}\n',
    "editor-clients/neovim/lua/namewright/version.lua": "return '{}'\n",
    "packaging/mason/namewright/package.yaml": "source:\n  id: pkg:pypi/namewright@{}\n",
}
LOG = """\
# Changelog

## [Unreleased]

## [0.2.0] - 2026-12-01

### Added
- One thing.

### Fixed
- Another.

## [0.1.0] - 2026-11-01

- The first.

[0.2.0]: https://code.example/0.2.0
"""


def run(root: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "scripts/release" / script), *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of what carries the version, with a change log of its own."""
    for name, text in CARRIERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.format("0.1.0"))
    shutil.copytree(ROOT / "scripts/release", tmp_path / "scripts/release")
    (tmp_path / "CHANGELOG.md").write_text(LOG)
    return tmp_path


def test_all_carry_the_version_of_the_program() -> None:
    done = run(ROOT, "versions.py")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, __version__, "")


def test_a_version_is_set_everywhere_at_once(checkout: Path) -> None:
    assert run(checkout, "versions.py", "--set", "0.2.0", "--released").stdout == "0.2.0\n"
    for name, text in CARRIERS.items():
        assert (checkout / name).read_text() == text.format("0.2.0")


@pytest.mark.parametrize("name", [*CARRIERS][1:])
def test_one_that_lags_behind_is_told(checkout: Path, name: str) -> None:
    (checkout / name).write_text(CARRIERS[name].format("0.0.9"))
    done = run(checkout, "versions.py")
    assert done.returncode == 1
    assert f"{name}: 0.0.9, but server/__init__.py says 0.1.0" in done.stderr


def test_a_release_has_every_client(checkout: Path) -> None:
    shutil.rmtree(checkout / "editor-clients/neovim")
    assert run(checkout, "versions.py").returncode == 0
    done = run(checkout, "versions.py", "--released")
    assert done.returncode == 1
    assert "editor-clients/neovim/lua/namewright/version.lua" in done.stderr


def test_a_version_without_notes_is_not_released(checkout: Path) -> None:
    done = run(checkout, "versions.py", "--set", "0.3.0", "--released")
    assert done.returncode == 1
    assert "nothing under ## [0.3.0]" in done.stderr


@pytest.mark.parametrize("version", ["0.3", "v0.3.0", "0.3.0rc1"])
def test_a_version_has_three_numbers(checkout: Path, version: str) -> None:
    done = run(checkout, "versions.py", "--set", version)
    assert done.returncode == 1
    assert "not of the form 1.2.3" in done.stderr


@pytest.mark.parametrize(
    ("version", "notes"),
    [
        ("0.2.0", "### Added\n- One thing.\n\n### Fixed\n- Another.\n"),
        ("v0.1.0", "- The first.\n"),
    ],
)
def test_notes_are_the_section_of_the_version(checkout: Path, version: str, notes: str) -> None:
    assert run(checkout, "notes.py", version).stdout == notes


def test_a_version_without_a_section_has_no_notes(checkout: Path) -> None:
    for version in ("0.0.1", "Unreleased"):
        done = run(checkout, "notes.py", version)
        assert (done.returncode, done.stdout) == (1, "")


def test_workflows_pin_every_action_to_a_commit() -> None:
    uses = [
        line.strip()
        for path in (ROOT / ".github/workflows").glob("*.yml")
        for line in path.read_text("utf-8").splitlines()
        if "uses:" in line
    ]
    assert uses
    assert [use for use in uses if not re.search(r"@[0-9a-f]{40} # v\d", use)] == []
