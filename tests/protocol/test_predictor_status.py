"""What an editor learns of the predictor: a notification at every change, and a request."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp

from tests.protocol.editor import Editor, bare, editor, until

KEYS = {"predictor", "state", "message", "latencyMs", "fallback"}


def heard(one: Editor) -> list[dict[str, Any]]:
    """The states that arrive from now on."""
    states: list[dict[str, Any]] = []

    @one.client.feature("namewright/status")
    def keep(params: Any) -> None:
        states.append(params._asdict())

    return states


async def asked(one: Editor) -> dict[str, Any]:
    answer = await asyncio.wait_for(
        one.client.protocol.send_request_async("namewright/status", None), 30
    )
    return answer._asdict()


async def is_in(one: Editor, state: str) -> None:
    async def is_so() -> bool:
        return (await asked(one))["state"] == state

    await until(is_so)


async def test_the_state_can_be_asked_for(tmp_path: Path) -> None:
    async with editor(tmp_path, bare()) as one:
        await is_in(one, "ready")
        answer = await asked(one)
        assert set(answer) == KEYS
        assert (answer["predictor"], answer["fallback"]) == ("table", None)


async def test_work_is_told_with_its_latency(tmp_path: Path) -> None:
    async with editor(tmp_path, bare(), "--slow", "0.05") as one:
        await is_in(one, "ready")
        states = heard(one)
        await one.titles(one.open())
        await is_in(one, "ready")
        assert [state["state"] for state in states] == ["busy", "ready"]
        assert states[-1]["latencyMs"] >= 50


async def test_a_predictor_that_cannot_be_loaded_has_failed(tmp_path: Path) -> None:
    async with editor(tmp_path, bare(), "--broken") as one:
        await is_in(one, "failed")
        assert "weights are damaged" in (await asked(one))["message"]


async def test_a_change_of_the_settings_begins_anew(tmp_path: Path) -> None:
    async with editor(tmp_path, bare()) as one:
        await is_in(one, "ready")
        states = heard(one)
        one.client.workspace_did_change_configuration(
            lsp.DidChangeConfigurationParams({"namewright": {"threads": 3}})
        )

        async def has_begun_anew() -> bool:
            return [state["state"] for state in states] == ["loading", "ready"]

        await until(has_begun_anew)


async def test_a_key_that_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    async with editor(tmp_path, bare()) as one:
        for params in ({"key": 3}, {}, None, [1], {"key": "secret"}):
            one.client.protocol.notify("namewright/setApiKey", params)
        await is_in(one, "ready")
        assert one.client.log_messages == []
