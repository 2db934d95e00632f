"""Settings by all three roads, and the complaints they cause."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from tests.protocol.editor import Editor, bare, editor, neovim, until, vscode

TWO = {"candidates": 2}


async def has_titles(one: Editor, uri: str, count: int) -> None:
    async def is_so() -> bool:
        return len(await one.titles(uri)) == count

    await until(is_so)


async def test_by_initialization_options(tmp_path: Path) -> None:
    async with editor(tmp_path, bare(), options=TWO) as one:
        assert len(await one.titles(one.open())) == 2


async def test_by_asking_the_client(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), configuration=TWO) as one:
        await has_titles(one, one.open(), 2)


@pytest.mark.parametrize("sent", [{"namewright": TWO}, {"namewright": {"candidates": 2}}, TWO])
async def test_by_telling_of_a_change(tmp_path: Path, sent: object) -> None:
    async with editor(tmp_path, bare()) as one:
        uri = one.open()
        assert len(await one.titles(uri)) == 3
        one.client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(sent))
        await has_titles(one, uri, 2)


async def test_a_client_that_is_asked_may_send_nothing(tmp_path: Path) -> None:
    async with editor(tmp_path, neovim(), configuration={}) as one:
        uri = one.open()
        assert len(await one.titles(uri)) == 3
        one.client.set_configuration({"namewright": TWO})
        one.client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(None))
        await has_titles(one, uri, 2)


async def test_the_predictor_can_be_changed(tmp_path: Path) -> None:
    async with editor(tmp_path, bare()) as one:
        uri = one.open()
        changed = lsp.DidChangeConfigurationParams({"namewright": {"threads": 2}})
        assert len(await one.titles(uri)) == 3
        one.client.workspace_did_change_configuration(changed)
        await has_titles(one, uri, 3)


async def test_a_bad_value_and_an_unknown_key_are_told_once(tmp_path: Path) -> None:
    bad = {"candidates": "many", "colour": "red"}
    async with editor(tmp_path, vscode(), options=bad, configuration=bad) as one:
        uri = one.open()
        for _ in range(2):
            one.client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams(None))
            await asyncio.sleep(0.05)
        assert len(await one.titles(uri)) == 3
        told = sorted(message.message for message in one.client.messages)
        assert told == [
            "Namewright: namewright.candidates must be of type integer, not string; using 5",
            "Namewright: unknown setting namewright.colour; it is ignored",
        ]


async def test_unlikely_names_are_left_out(tmp_path: Path) -> None:
    async with editor(tmp_path, bare(), options={"minimumProbability": 0.1}) as one:
        assert len(await one.titles(one.open())) == 2
