"""Start and end: a clean stream, a quick exit with work in flight, both transports."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.protocol.editor import PATIENCE, ROOT, editor, vscode
from tests.protocol.raw_client import RawClient

URI = "file:///project/module.py"
TEXT = "def f(text):\n    headers = text.split()\n    return headers\n"
# The aim is one second; the machine that runs this may be busy with other things.
EXIT_SECONDS = 5.0


def test_exit_does_not_wait_for_work_in_flight() -> None:
    with RawClient("--slow", "60") as client:
        client.initialize()
        client.open(URI, TEXT)
        assert client.ask(1, URI)["result"][0]["title"] == "Suggest names…"
        begun = time.monotonic()
        assert client.leave() == 0
        assert time.monotonic() - begun < EXIT_SECONDS


def test_exit_without_shutdown_is_a_failure() -> None:
    with RawClient() as client:
        client.initialize()
        client.send(method="exit")
        assert client.process.wait(PATIENCE) == 1


def test_a_client_that_vanishes_ends_the_server() -> None:
    with RawClient("--slow", "60") as client:
        client.initialize()
        client.open(URI, TEXT)
        client.ask(1, URI)
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert client.process.wait(PATIENCE) == 1


def test_a_stray_print_does_not_reach_the_stream() -> None:
    with RawClient("--print") as client:
        client.initialize()
        client.open(URI, TEXT)
        # The reader fails on any byte that is not of a message.
        assert client.ask(1, URI)["result"]
        assert client.leave() == 0
        assert client.process.stderr is not None
        stderr = client.process.stderr.read().decode()
        assert "a stray line in C" in stderr
        assert "a stray line on loading" in stderr


def test_a_cancelled_request_is_answered_as_cancelled() -> None:
    with RawClient("--slow", "60") as client:
        client.initialize(initializationOptions={"budgetMs": 10_000})
        client.open(URI, TEXT)
        place = {"line": 0, "character": 4}
        client.send(
            id=5,
            method="textDocument/codeAction",
            params={
                "textDocument": {"uri": URI},
                "range": {"start": place, "end": place},
                "context": {"diagnostics": [], "triggerKind": 1},
            },
        )
        client.send(method="$/cancelRequest", params={"id": 5})
        assert client.answer(5)["error"]["code"] == -32800
        assert client.leave() == 0


def test_a_cancelled_command_asks_nothing_any_more() -> None:
    with RawClient("--slow", "1") as client:
        client.initialize(initializationOptions={"budgetMs": 10_000})
        client.open(URI, TEXT)
        place = {"uri": URI, "position": {"line": 0, "character": 4}}
        client.send(
            id=5,
            method="workspace/executeCommand",
            params={"command": "namewright.suggestNames", "arguments": [place]},
        )
        client.send(method="$/cancelRequest", params={"id": 5})
        assert client.answer(5)["error"]["code"] == -32800
        # By the end of another request the names are there, and no list of them was shown.
        client.send(
            id=6,
            method="workspace/executeCommand",
            params={"command": "namewright.names", "arguments": [place]},
        )
        asked: list[object] = []
        while (message := client.read()).get("id") != 6 or "method" in message:
            asked.append(message.get("method"))
        assert "window/showMessageRequest" not in asked
        assert message["result"]["names"]
        assert client.leave() == 0
        assert client.process.stderr is not None
        assert "never retrieved" not in client.process.stderr.read().decode()


async def test_a_predictor_that_cannot_load_says_why_once(tmp_path: Path) -> None:
    async with editor(tmp_path, vscode(), "--broken") as one:
        uri = one.open()
        for _ in range(2):
            (action,) = await one.renames(uri)
            assert action.disabled is not None
            assert "weights are damaged; reinstall" in action.disabled.reason
        assert len(one.client.messages) == 1
        assert "weights are damaged" in one.client.messages[0].message


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_the_command_line_serves_over_tcp(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "server", "--tcp", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environment, cwd=ROOT, text=True
    )
    try:
        assert process.stderr is not None
        match = re.search(r"listening on 127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert match is not None
        with socket.create_connection(("127.0.0.1", int(match[1])), PATIENCE) as connection:
            stream = connection.makefile("rwb")

            def send(**message: object) -> None:
                body = json.dumps({"jsonrpc": "2.0", **message}).encode()
                stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                stream.flush()

            send(
                id=1,
                method="initialize",
                params={"processId": None, "rootUri": None, "capabilities": {}},
            )
            assert stream.readline().startswith(b"Content-Length")
            send(id=2, method="shutdown")
            send(method="exit")
            assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_an_address_in_use_is_one_clear_line(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "server", "--tcp", "--host", "127.0.0.1", "--port", port]
        done = subprocess.run(
            command, capture_output=True, env=environment, cwd=ROOT, timeout=PATIENCE, text=True
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
