"""The lines on the pages of editors that no test can start: read, and the server started by them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from server.settings import Settings, resolve
from tests.editors.pages import blocks_of
from tests.protocol.editor import bare, editor, until

SOURCE = """\
import json


def f(path):
    with open(path) as stream:
        return json.load(stream)
"""
DEFINITION = (3, 4)


@dataclass(frozen=True)
class Start:
    """How an editor starts the server, and what it sends it."""

    command: list[str]
    options: dict[str, Any]
    # What the editor sends with `workspace/didChangeConfiguration` once the server is up.
    changed: dict[str, Any] = field(default_factory=dict[str, Any])


def helix() -> Start:
    (text,) = blocks_of("helix", "toml")
    (language,) = tomllib.loads(text)["language"]
    server = tomllib.loads(text)["language-server"]["namewright"]
    assert set(server) == {"command", "args", "config"}
    assert language["name"] == "python"
    assert language["language-servers"][-1] == "namewright"
    return Start([server["command"], *server["args"]], server["config"], server["config"])


def zed() -> Start:
    (text,) = blocks_of("zed", "json")
    page = json.loads(text)
    (name,) = page["lsp"]
    assert name in page["languages"]["Python"]["language_servers"]
    server = page["lsp"][name]
    assert set(server) == {"binary", "initialization_options"}
    path = Path(server["binary"]["path"])
    assert path.is_absolute()
    command = [path.name, *server["binary"]["arguments"]]
    # Settings arrive as those of the server whose entry is lent.
    return Start(command, server["initialization_options"], {name: {"plugins": {}}})


def sublime() -> Start:
    (text,) = blocks_of("sublime", "json")
    server = json.loads(text)["clients"]["namewright"]
    assert set(server) == {"enabled", "command", "selector", "initializationOptions"}
    assert server["enabled"] is True
    assert server["selector"] == "source.python"
    return Start(server["command"], server["initializationOptions"])


def kate() -> Start:
    (text,) = blocks_of("kate", "json")
    server = json.loads(text)["servers"]["python"]
    assert set(server) == {
        *("command", "highlightingModeRegex", "rootIndicationFileNames", "initializationOptions")
    }
    assert server["highlightingModeRegex"] == "^Python$"
    return Start(server["command"], server["initializationOptions"])


@pytest.mark.parametrize("page", [helix, zed, sublime, kate], ids=lambda page: page.__name__)
async def test_the_lines_start_the_server(page: Callable[[], Start], tmp_path: Path) -> None:
    start = page()
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which(start.command[0], path=here)
    assert program, f"{start.command[0]} is not installed"
    capabilities = bare()
    # Each of these editors answers questions for a section.
    capabilities.workspace = lsp.WorkspaceClientCapabilities(configuration=True)
    async with editor(
        tmp_path, capabilities, *start.command[1:], options=start.options, server=(program,)
    ) as one:
        one.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams(start.changed)
        )
        uri = one.open(SOURCE)

        async def names() -> bool:
            return (await one.titles(uri, DEFINITION))[0].startswith("Rename to")

        await until(names)
        assert len(await one.actions(uri, DEFINITION)) <= start.options["candidates"]
        assert one.client.messages == []


@pytest.mark.parametrize("page", [helix, zed, sublime, kate], ids=lambda page: page.__name__)
def test_the_settings_on_a_page_are_settings(page: Callable[[], Start]) -> None:
    complaints: list[str] = []
    settings = resolve(page().options, warn=complaints.append)
    assert complaints == []
    assert settings == Settings(candidates=5)
