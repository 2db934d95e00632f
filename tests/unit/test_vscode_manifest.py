"""The manifest of the VS Code extension agrees with the server and with itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from scripts.vscode_settings import MANIFEST, OWN, updated
from server import __version__
from server.settings import json_schema

FOLDER = MANIFEST.parent


@pytest.fixture
def manifest() -> dict[str, Any]:
    return json.loads(MANIFEST.read_text(encoding="utf-8"))


def test_the_settings_are_the_servers(manifest: dict[str, Any]) -> None:
    before = json.dumps(manifest)
    assert json.dumps(updated(manifest)) == before, "run python scripts/vscode_settings.py"
    settings = manifest["contributes"]["configuration"]["properties"]
    assert set(settings) == {*OWN, *json_schema()}


def test_the_versions_are_the_same(manifest: dict[str, Any]) -> None:
    assert manifest["version"] == __version__


def test_what_could_run_or_send_something_is_restricted(manifest: dict[str, Any]) -> None:
    restricted = manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert {"namewright.interpreter", "namewright.endpoint", "namewright.model"} <= {*restricted}


def test_every_command_is_registered_in_the_sources(manifest: dict[str, Any]) -> None:
    sources = "".join(path.read_text() for path in (FOLDER / "src").rglob("*.ts"))
    registered = set(re.findall(r'registerCommand\(\s*"([\w.]+)"', sources))
    assert {one["command"] for one in manifest["contributes"]["commands"]} <= registered


def test_every_picture_is_there(manifest: dict[str, Any]) -> None:
    shown = re.findall(r"\]\((media/[^)]+)\)", (FOLDER / "README.md").read_text())
    for walkthrough in manifest["contributes"]["walkthroughs"]:
        shown += [step["media"]["image"] for step in walkthrough["steps"]]
    assert shown
    for picture in (*shown, manifest["icon"]):
        size = (FOLDER / picture).stat().st_size
        assert 0 < size < 150_000, picture


def test_nothing_of_a_registry_is_in_the_lock_file() -> None:
    assert '"resolved"' not in (FOLDER / "package-lock.json").read_text()
