"""Input that is wrong: each is answered with one error, and the server lives on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.protocol.raw_client import RawClient

URI = "file:///project/module.py"
TEXT = "def f(text):\n    headers = text.split()\n    return headers\n"
FIRST = "Rename to `parse_headers` (72%)"


@pytest.fixture(scope="module")
def client() -> Iterator[RawClient]:
    with RawClient() as client:
        assert "result" in client.initialize()
        yield client


def still_answers(client: RawClient) -> None:
    client.open(URI, TEXT)
    assert client.ask(1000, URI)["result"][0]["title"] == FIRST


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe{}", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'"text"', -32600),
        (b"{}", -32600),
        (b'{"id": 1, "method": "shutdown"}', -32600),
    ],
)
def test_what_is_no_message_is_refused(client: RawClient, body: bytes, code: int) -> None:
    client.write(body)
    error = client.answer(None)["error"]
    assert error["code"] == code
    assert "\n" not in error["message"]
    still_answers(client)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("textDocument/codeAction", {"textDocument": 3}, -32602),
        ("textDocument/codeAction", None, -32602),
        ("textDocument/hover", {"textDocument": {"uri": URI}, "position": 1}, -32602),
        ("namewright/unknown", {}, -32601),
        ("workspace/executeCommand", {"command": "rm -rf"}, -32602),
        ("workspace/executeCommand", {"command": "namewright.suggestNames"}, -32803),
        (
            "workspace/executeCommand",
            {"command": "namewright.applyName", "arguments": ["text", 3]},
            -32803,
        ),
    ],
)
def test_a_wrong_request_gets_an_error(
    client: RawClient, method: str, params: Any, code: int
) -> None:
    client.send(id=7, method=method, params=params)
    error = client.answer(7)["error"]
    assert error["code"] == code
    assert "Traceback" not in json.dumps(error)
    assert "data" not in error
    still_answers(client)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("textDocument/didOpen", {"textDocument": {"uri": 1}}),
        ("textDocument/didChange", {"textDocument": {"uri": "file:///x", "version": 1}}),
        ("textDocument/didClose", {"textDocument": {"uri": "file:///never/opened.py"}}),
        ("namewright/unknown", {}),
        ("$/cancelRequest", {"id": 12345}),
        ("workspace/didChangeConfiguration", {"settings": [1, 2]}),
        ("window/workDoneProgress/cancel", {"token": "unknown"}),
        ("notebookDocument/didClose", {"notebookDocument": {"uri": "x"}, "cellTextDocuments": []}),
    ],
)
def test_a_wrong_notification_is_passed_over(client: RawClient, method: str, params: Any) -> None:
    client.send(method=method, params=params)
    still_answers(client)


def test_edits_out_of_order_are_dropped(client: RawClient) -> None:
    def change(version: int, text: str) -> None:
        client.send(
            method="textDocument/didChange",
            params={
                "textDocument": {"uri": URI, "version": version},
                "contentChanges": [{"text": text}],
            },
        )

    client.open(URI, "x = 1\n")
    change(9, TEXT)
    change(8, "y = 2\n")
    assert client.ask(11, URI)["result"]
    client.send(method="textDocument/didClose", params={"textDocument": {"uri": URI}})
    change(10, TEXT)
    assert client.ask(12, URI)["result"] == []
    still_answers(client)


@pytest.mark.parametrize(
    "place",
    [
        {"line": 10**9, "character": 0},
        {"line": 0, "character": 2**31 - 1},
        {"line": 3, "character": 5},
    ],
)
def test_places_beyond_the_end_are_no_error(client: RawClient, place: dict[str, int]) -> None:
    client.open(URI, TEXT)
    for end in (place, {"line": 0, "character": 0}):
        client.send(
            id=21,
            method="textDocument/codeAction",
            params={
                "textDocument": {"uri": URI},
                "range": {"start": place, "end": end},
                "context": {"diagnostics": []},
            },
        )
        assert isinstance(client.answer(21)["result"], list)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///tmp/caf%E9.py",
        "file:///tmp/%00.py",
        "untitled:Untitled-1",
        "vscode-notebook-cell:/a%20b.ipynb#W0sZmlsZQ%3D%3D",
        "",
        "http://[bad",
        "file:///C%3A/ä.py",
    ],
)
def test_any_uri_is_a_file(client: RawClient, uri: str) -> None:
    client.open(uri, TEXT)
    result = client.ask(31, uri)["result"]
    assert result[0]["title"] == FIRST
    # The bare client gets commands; applying one asks the client for the edit.
    command = {"command": result[0]["command"], "arguments": result[0]["arguments"]}
    client.send(id=32, method="workspace/executeCommand", params=command)
    request = client.read()
    assert request["method"] == "workspace/applyEdit"
    assert list(request["params"]["edit"]["changes"]) == [uri]
    client.send(id=request["id"], result={"applied": False, "failureReason": "a test"})
    assert "a test" in client.answer(32)["error"]["message"]


def test_an_empty_file_has_nothing(client: RawClient) -> None:
    client.open(URI, "")
    assert client.ask(41, URI)["result"] == []


def test_a_file_of_five_megabytes(client: RawClient) -> None:
    filler = "value = [1, 2, 3]  # nothing to see here\n"
    client.open(URI, TEXT + filler * (5_000_000 // len(filler)))
    assert client.ask(51, URI)["result"][0]["title"] == FIRST


def test_a_function_of_three_thousand_lines(client: RawClient) -> None:
    client.open(URI, TEXT + "    text += 'more'\n" * 3000)
    assert client.ask(61, URI)["result"][0]["title"] == FIRST


def test_requests_before_initialize_and_after_shutdown_are_refused() -> None:
    with RawClient() as client:
        assert client.ask(1, URI)["error"]["code"] == -32002
        client.initialize()
        client.send(id=2, method="shutdown")
        client.answer(2)
        assert client.ask(3, URI)["error"]["code"] == -32600
        client.send(method="exit")
        assert client.process.wait(30) == 0


@pytest.mark.parametrize("options", [[1], "text", 5, {"candidates": {"a": 1}}, {"x": None}])
def test_malformed_options_do_not_keep_the_server_from_starting(options: object) -> None:
    with RawClient() as client:
        assert "result" in client.initialize(initializationOptions=options)
        still_answers(client)
