"""The lines on the pages of editors that cannot be had here: read, and the server started so."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp

from server.settings import Settings, resolve
from tests.editors import announced
from tests.editors.pages import blocks_of
from tests.protocol.editor import Editor, applied, editor, until

SOURCE = """\
import json


def f(path):
    with open(path) as stream:
        return json.load(stream)
"""
DEFINITION = (3, 4)
# A use elsewhere, behind characters of every width; this file is not open.
USE = 'from reading import f\n\nprint("größe 🎉", f("a.json"))\n'


@dataclass(frozen=True)
class Start:
    """How an editor starts the server, and what it sends it."""

    command: list[str]
    options: dict[str, Any]
    # What the editor sends with `workspace/didChangeConfiguration` once the server is up.
    # Nothing where it sends no such message.
    changed: dict[str, Any] | None = None
    # A file by which it knows the root of a project; these editors' own mark where the page has
    # none.
    root_mark: str = "pyproject.toml"


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
    return Start(server["command"], server["initializationOptions"], {})


def kate() -> Start:
    (text,) = blocks_of("kate", "json")
    server = json.loads(text)["servers"]["python"]
    assert set(server) == {
        *("command", "highlightingModeRegex", "rootIndicationFileNames", "initializationOptions")
    }
    assert server["highlightingModeRegex"] == "^Python$"
    mark = server["rootIndicationFileNames"][0]
    return Start(server["command"], server["initializationOptions"], root_mark=mark)


EVERY = pytest.mark.parametrize(
    ("page", "able"),
    [
        (helix, announced.helix),
        (zed, announced.zed),
        (sublime, announced.sublime),
        (kate, announced.kate),
    ],
    ids=lambda one: one.__name__,
)
Page = Callable[[], Start]
Able = Callable[[], lsp.ClientCapabilities]


@EVERY
async def test_the_lines_start_a_server_that_renames(
    page: Page, able: Able, tmp_path: Path
) -> None:
    start = page()
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which(start.command[0], path=here)
    assert program, f"{start.command[0]} is not installed"
    # One of the marks by which the editor finds the root of a project.
    (tmp_path / start.root_mark).touch()
    async with editor(
        tmp_path, able(), *start.command[1:], options=start.options, server=(program,)
    ) as one:
        if start.changed is not None:
            one.client.workspace_did_change_configuration(
                lsp.DidChangeConfigurationParams(start.changed)
            )
        elsewhere = one.write("using.py", USE)
        uri = one.open(SOURCE, "reading.py")

        async def names() -> bool:
            return (await one.titles(uri, DEFINITION))[0].startswith("Rename to")

        await until(names)
        actions = await one.actions(uri, DEFINITION)
        assert len(actions) <= start.options["candidates"]
        edit = await chosen(one, actions[0])
        encoding = one.initialized.capabilities.position_encoding or "utf-16"
        new = actions[0].title.split("`")[1]
        assert applied(SOURCE, edit, uri, encoding) == SOURCE.replace("def f(", f"def {new}(")
        assert applied(USE, edit, elsewhere, encoding) == USE.replace(
            "import f", f"import {new}"
        ).replace('f("a', f'{new}("a')
        assert one.client.messages == []


async def chosen(one: Editor, action: lsp.CodeAction | lsp.Command) -> lsp.WorkspaceEdit:
    """The edit that an editor makes of an action: its own, the resolved one, or the server's."""
    able = one.client.capabilities.text_document
    assert able is not None
    assert able.code_action is not None
    if isinstance(action, lsp.CodeAction) and able.code_action.resolve_support:
        action = await one.resolve(action)
    if isinstance(action, lsp.CodeAction) and action.edit is not None:
        return action.edit
    command = action.command if isinstance(action, lsp.CodeAction) else action
    assert command is not None
    await one.execute(command)
    return one.applied[-1]


@EVERY
def test_the_settings_on_a_page_are_settings(page: Page, able: Able) -> None:
    complaints: list[str] = []
    settings = resolve(page().options, warn=complaints.append)
    assert complaints == []
    assert settings == Settings(candidates=5)
