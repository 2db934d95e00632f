"""Names as plain data: nothing is shown, nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from tests.protocol.editor import BEST, BODY, DEFINITION, Editor, bare, editor, neovim, vscode


async def names(one: Editor, uri: str, at: tuple[int, int], **options: object) -> Any:
    argument = {"uri": uri, "position": {"line": at[0], "character": at[1]}, **options}
    return await one.execute(lsp.Command("", "namewright.names", arguments=[argument]))


@pytest.mark.parametrize("at", [DEFINITION, BODY])
async def test_names_of_the_function_around_a_place(tmp_path: Path, at: tuple[int, int]) -> None:
    async with editor(tmp_path, vscode()) as one:
        found = await names(one, one.open(), at)
        assert found["function"] == "f"
        assert found["range"] == {
            "start": {"line": 4, "character": 4},
            "end": {"line": 4, "character": 5},
        }
        assert found["predictor"] == "table"
        assert [each["name"] for each in found["names"]] == [
            "parse_headers",
            "read_headers",
            "split_lines",
        ]
        assert found["names"][0]["probability"] == pytest.approx(0.72, abs=0.01)
        assert found["presentProbability"] == 0
        assert not found["presentIsBest"]
        assert one.asked == []
        assert one.applied == []


async def test_the_best_name_is_known_as_such(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        found = await names(one, one.open(), BEST)
        assert found["presentIsBest"]
        assert found["presentProbability"] == pytest.approx(0.95, abs=0.01)
        assert found["names"] == []


async def test_the_function_alone_is_told_without_the_model(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), "--slow", "60") as one:
        found = await names(one, one.open(), BODY, predict=False)
        assert found["function"] == "f"
        assert found["names"] == []
        assert found["presentProbability"] is None


@pytest.mark.parametrize(("capabilities", "end"), [(bare, 6), (neovim, 8)])
async def test_places_are_told_in_the_clients_units(
    tmp_path: Path, capabilities: Callable[[], lsp.ClientCapabilities], end: int
) -> None:
    async with editor(tmp_path, capabilities()) as one:
        found = await names(one, one.open("def \U00010000(total):\n    return total\n"), (1, 6))
        assert found["range"]["end"] == {"line": 0, "character": end}


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        (None, "the command needs"),
        ({"uri": 5, "position": {"line": 0, "character": 0}}, "the command needs"),
        ({"uri": "file:///nowhere.py", "position": {"line": 0, "character": 0}}, "not open"),
    ],
)
async def test_a_malformed_argument_is_refused(
    tmp_path: Path, argument: object, reason: str
) -> None:
    async with editor(tmp_path, vscode()) as one:
        with pytest.raises(JsonRpcException, match=reason):
            await one.execute(lsp.Command("", "namewright.names", arguments=[argument]))


async def test_no_function_at_the_place_is_said(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode()) as one:
        with pytest.raises(JsonRpcException, match="put the cursor into one"):
            await names(one, one.open(), (0, 0))


async def test_a_predictor_that_cannot_load_says_why(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), "--broken") as one:
        with pytest.raises(JsonRpcException, match="weights are damaged"):
            await names(one, one.open(), DEFINITION)
