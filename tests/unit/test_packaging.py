"""Entries for other package managers: in the form that each asks for, and of this version."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import validate

from server import __version__

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
# What mason's registry asks of an entry from the Python index, as far as it concerns ours.
MASON = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        *("name", "description", "homepage", "licenses", "languages", "categories", "source"),
        "bin",
    ],
    "properties": {
        "name": {"const": "namewright"},
        "description": {"type": "string", "minLength": 20},
        "homepage": {"type": "string", "pattern": "^https://"},
        "licenses": {"const": ["Apache-2.0"]},
        "languages": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "categories": {"type": "array", "items": {"enum": ["LSP", "Linter"]}, "minItems": 1},
        "source": {
            "type": "object",
            "additionalProperties": False,
            "required": ["id"],
            "properties": {"id": {"type": "string", "pattern": r"^pkg:pypi/.+@\d+\.\d+\.\d+$"}},
        },
        "bin": {"type": "object", "additionalProperties": {"pattern": "^pypi:"}},
        "neovim": {"type": "object", "properties": {"lspconfig": {"const": "namewright"}}},
    },
}


def test_the_entry_of_mason_keeps_the_rules_of_its_registry() -> None:
    entry = yaml.safe_load((PACKAGING / "mason/namewright/package.yaml").read_text("utf-8"))
    validate(entry, MASON)
    assert entry["source"]["id"].endswith(f"@{__version__}")


def test_the_entry_of_nvim_lspconfig_starts_the_server_that_is_installed() -> None:
    text = (PACKAGING / "nvim-lspconfig/lsp/namewright.lua").read_text("utf-8")
    head, _, table = text.partition("---@type vim.lsp.Config\nreturn {")
    assert head.startswith("---@brief\n---\n")
    assert all(line.startswith("---") or not line for line in head.splitlines())
    assert re.search(r"^  cmd = \{ 'namewright', '--stdio' \},$", table, re.MULTILINE)
    assert re.search(r"^  filetypes = \{ 'python' \},$", table, re.MULTILINE)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'namewright = "server.__main__:main"' in project


def test_the_formula_lists_a_wheel_where_it_fits(tmp_path: Path) -> None:
    script = """
import json, pathlib, sys
sys.path.insert(0, sys.argv[1])
from entries import Resource, SYSTEMS, render
wheel = pathlib.Path("namewright-1.2.3-py3-none-any.whl")
wheel.write_bytes(b"wheel")
pure = Resource("pygls", "https://index.example/pygls-2.1.1-py3-none-any.whl", "0" * 64)
def native(system):
    tag = "_".join(system)
    return Resource("onnxruntime", f"https://index.example/onnxruntime-{tag}.whl", "1" * 64)
resources = {system: [native(system), pure] for system in SYSTEMS}
template = pathlib.Path(sys.argv[2]).read_text("utf-8")
print(render(template, "https://code.example/ann/namewright", "1.2.3", wheel, resources))
"""
    template = PACKAGING / "homebrew/namewright.rb.in"
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "scripts/release"), str(template)],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    formula = done.stdout
    assert formula.count('resource "pygls"') == 1
    assert formula.count('resource "onnxruntime"') == 4
    assert formula.index('resource "pygls"') < formula.index("on_macos do")
    mac = formula[formula.index("on_macos do") : formula.index("on_linux do")]
    assert mac.index("on_arm do") < mac.index("on_macos_on_arm") < mac.index("on_intel do")
    assert "releases/download/v1.2.3/namewright-1.2.3-py3-none-any.whl" in formula
    assert 'depends_on "python@3.13"' in formula
    assert not re.search(r"@\w+@", formula)
    opened = re.findall(r"^\s*(?:class|def)\b[^:]*$|\bdo$", formula, re.MULTILINE)
    opened += re.findall(r"\bdo \|\w+\|$", formula, re.MULTILINE)
    assert len(opened) == len(re.findall(r"^\s*end$", formula, re.MULTILINE))


@pytest.mark.parametrize(
    "address", ["http://code.example/a", "https://github.com/OWNER/namewright"]
)
def test_entries_are_not_filled_with_an_address_that_is_none(address: str, tmp_path: Path) -> None:
    script = str(ROOT / "scripts/release/entries.py")
    done = subprocess.run(
        [sys.executable, script, "--repository", address, "--out", str(tmp_path / "out")],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    assert "https address of the real repository" in done.stderr
    assert not (tmp_path / "out").exists()
