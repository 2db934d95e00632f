"""Bytes on the wire: for messages that no well-behaved client would send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

from tests.protocol.editor import PATIENCE, ROOT, WITH_TABLE


class RawClient:
    """Writes what it is told and reads whole messages; anything else on the stream is an error."""

    def __init__(self, *flags: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *WITH_TABLE, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def write(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def send(self, **message: Any) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while (line := self.process.stdout.readline()) != b"\r\n":
            name, _, value = line.decode("ascii").partition(": ")
            assert name in ("Content-Length", "Content-Type"), line
            if name == "Content-Length":
                length = int(value)
        return json.loads(self.process.stdout.read(length))

    def answer(self, request_id: int | None) -> dict[str, Any]:
        """The answer to a request; requests and notifications of the server are passed over."""
        while True:
            message = self.read()
            if "method" not in message and message.get("id") == request_id:
                return message

    def initialize(self, **params: Any) -> dict[str, Any]:
        self.send(
            id=0,
            method="initialize",
            params={"processId": None, "rootUri": None, "capabilities": {}, **params},
        )
        return self.answer(0)

    def open(self, uri: str, text: str) -> None:
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.send(method="textDocument/didOpen", params={"textDocument": item})

    def ask(self, request_id: int, uri: str, line: int = 0, trigger: int = 1) -> dict[str, Any]:
        place = {"line": line, "character": 4}
        self.send(
            id=request_id,
            method="textDocument/codeAction",
            params={
                "textDocument": {"uri": uri},
                "range": {"start": place, "end": place},
                "context": {"diagnostics": [], "triggerKind": trigger},
            },
        )
        return self.answer(request_id)

    def leave(self) -> int:
        """Shut down and exit; the exit status."""
        self.send(id=99, method="shutdown")
        self.answer(99)
        self.send(method="exit")
        return self.process.wait(PATIENCE)
