"""The server as users start it, with the model that is shipped."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from tests.protocol.editor import WITH_MODEL, applied, bare, editor, neovim, until, vscode

SOURCE = '''\
import json


def f(path):
    """Read the settings of the application from a JSON file."""
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


settings = f("settings.json")
'''
DEFINITION = (3, 4)
PATIENT = {"budgetMs": 10_000, "minimumProbability": 0.0}


@pytest.mark.parametrize("capabilities", [vscode, neovim, bare])
async def test_names_of_the_shipped_model_rename(tmp_path: Path, capabilities) -> None:
    async with editor(tmp_path, capabilities(), options=PATIENT, server=WITH_MODEL) as one:
        uri = one.open(SOURCE)
        (first, *rest) = await one.actions(uri, DEFINITION)
        assert len(rest) <= 4
        match = re.fullmatch(r"Rename to `(\w+)` \((\d+|<1)%\)", first.title)
        assert match is not None
        if isinstance(first, lsp.Command):
            await one.execute(first)
            edit = one.applied[0]
        else:
            edit = (await one.resolve(first)).edit
        assert edit is not None
        encoding = one.initialized.capabilities.position_encoding or "utf-16"
        after = applied(SOURCE, edit, uri, str(getattr(encoding, "value", encoding)))
        assert after == SOURCE.replace("f(path)", f"{match[1]}(path)").replace(
            'f("settings', f'{match[1]}("settings'
        )


async def test_a_resting_cursor_is_enough(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options=PATIENT, server=WITH_MODEL) as one:
        uri = one.open(SOURCE)

        async def is_known() -> bool:
            return bool(await one.titles(uri, DEFINITION, lsp.CodeActionTriggerKind.Automatic))

        await until(is_known)


async def test_leaving_during_a_prediction_is_clean(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), options={"budgetMs": 0}, server=WITH_MODEL) as one:
        uri = one.open(SOURCE + "\n\n" + "def g(a):\n" + "    a = a + 1\n" * 3000)
        assert await one.titles(uri, (12, 4)) == ["Suggest names…"]
        process = one.client._server
        assert process is not None
    assert await asyncio.wait_for(process.wait(), 10) == 0
