"""A language client for pyright or basedpyright, asked where a function is named.

Its first answers, before it has read the files, are wrong: a question is repeated until two
answers agree, and the files it is to search stay open in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, cast

from server.errors import NamewrightError
from server.line_index import LineIndex, Place
from server.locations import path_of, uri_of

Spans = Mapping[Path, frozenset[int]]  # UTF-8 byte offsets at which the name stands
_PAUSE_SECONDS = 0.05
_EMPTY: Spans = {}


class NoAnswer(NamewrightError):
    """Pyright is gone, or did not answer in time."""


class Pyright:
    """One pyright process for one workspace; used by one thread at a time."""

    def __init__(self, command: Sequence[str], roots: Sequence[Path], python: Path | None) -> None:
        try:
            self._process = subprocess.Popen(
                [*command, "--stdio"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=roots[0],
            )
        except OSError as error:
            raise NoAnswer(f"{command[0]} does not start ({error.strerror})") from error
        self._roots = roots
        self._python = python
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._writing = Lock()
        self._last_id = 0
        self._texts: dict[Path, tuple[bytes, int]] = {}
        self._lines: dict[Path, LineIndex] = {}
        Thread(target=self._listen, name="namewright-pyright", daemon=True).start()

    def start(self, deadline: float) -> None:
        """Shake hands; raises NoAnswer after `deadline` (on `time.monotonic`)."""
        capabilities = {
            "workspace": {"configuration": True, "workspaceFolders": True},
            "general": {"positionEncodings": ["utf-16"]},
        }
        folders = [{"uri": uri_of(root), "name": root.name} for root in self._roots]
        parameters = {
            "processId": os.getpid(),  # it ends when we do
            "rootUri": uri_of(self._roots[0]),
            "workspaceFolders": folders,
            "capabilities": capabilities,
        }
        self._ask("initialize", parameters, deadline)
        self._tell("initialized", {})

    def show(self, texts: Mapping[Path, bytes]) -> None:
        """Open these files (UTF-8 texts), tell what changed in them, close all others."""
        for path in [path for path in self._texts if path not in texts]:
            del self._texts[path]
            self._tell("textDocument/didClose", {"textDocument": {"uri": uri_of(path)}})
        for path, text in texts.items():
            known = self._texts.get(path)
            if known is not None and known[0] == text:
                continue
            version = 1 if known is None else known[1] + 1
            self._texts[path] = (text, version)
            self._lines.pop(path, None)
            shown = text.decode("utf-8", "replace")
            document: dict[str, object] = {"uri": uri_of(path), "version": version}
            if known is None:
                document |= {"languageId": "python", "text": shown}
                self._tell("textDocument/didOpen", {"textDocument": document})
            else:
                changes = [{"text": shown}]
                parameters = {"textDocument": document, "contentChanges": changes}
                self._tell("textDocument/didChange", parameters)

    def uses(self, path: Path, offset: int, deadline: float) -> Spans:
        """Return where a rename of what stands at `offset` of a shown file would edit.

        Raises NoAnswer when no two answers agree before the deadline.
        """
        previous: Spans | None = None
        while True:
            found = self._uses_once(path, offset, deadline)
            if found == previous and found:
                return found
            if found == previous and previous is not None and time.monotonic() > deadline - 1:
                return found
            previous = found
            if time.monotonic() + _PAUSE_SECONDS > deadline:
                raise NoAnswer("pyright had no settled answer in time")
            time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _uses_once(self, path: Path, offset: int, deadline: float) -> Spans:
        place = self._index(path).place(offset, "utf-16")
        parameters = {
            "textDocument": {"uri": uri_of(path)},
            "position": {"line": place.line, "character": place.column},
            "newName": "namewright_asks",
        }
        edit = self._ask("textDocument/rename", parameters, deadline)
        return self._spans(cast(dict[str, Any], edit)) if isinstance(edit, dict) else _EMPTY

    def _spans(self, edit: dict[str, Any]) -> Spans:
        found: dict[Path, set[int]] = {}
        changes = cast(dict[str, list[dict[str, Any]]], edit.get("changes") or {})
        listed = list(changes.items())
        for change in cast(list[dict[str, Any]], edit.get("documentChanges") or []):
            if "textDocument" in change:
                listed.append((change["textDocument"]["uri"], change["edits"]))
        for uri, edits in listed:
            path = path_of(uri)
            if path is None:
                continue
            offsets = found.setdefault(path, set())
            for one in edits:
                start = one["range"]["start"]
                place = Place(start["line"], start["character"])
                offsets.add(self._index(path).offset(place, "utf-16"))
        return {path: frozenset(offsets) for path, offsets in found.items() if offsets}

    def _index(self, path: Path) -> LineIndex:
        lines = self._lines.get(path)
        if lines is None:
            shown = self._texts.get(path)
            try:
                text = path.read_bytes() if shown is None else shown[0]
            except OSError as error:
                raise NoAnswer(f"{path} cannot be read ({error.strerror})") from error
            lines = self._lines[path] = LineIndex(text)
        return lines

    def _ask(self, method: str, parameters: object, deadline: float) -> Any:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": parameters})
        while True:
            try:
                message = self._answers.get(timeout=max(deadline - time.monotonic(), 0.001))
            except Empty as error:
                self._tell("$/cancelRequest", {"id": self._last_id})
                raise NoAnswer("pyright did not answer in time") from error
            if message is None:
                self._answers.put(None)
                raise NoAnswer("pyright has ended")
            if message.get("id") == self._last_id:
                return message.get("result")

    def _tell(self, method: str, parameters: object) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stream = self._process.stdin
        assert stream is not None
        try:
            with self._writing:
                stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                stream.flush()
        except (OSError, ValueError) as error:
            raise NoAnswer("pyright has ended") from error

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        try:
            while True:
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    if not line:
                        return
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                message = cast(dict[str, Any], json.loads(stream.read(length)))
                if "method" not in message:
                    self._answers.put(message)
                elif "id" in message:
                    self._send({"id": message["id"], "result": self._reply(message)})
        except (OSError, ValueError, NoAnswer):
            return
        finally:
            self._answers.put(None)

    def _reply(self, message: dict[str, Any]) -> object:
        if message["method"] != "workspace/configuration":
            return None
        items = cast(list[dict[str, str]], message["params"].get("items", []))
        return [self._section(item.get("section", "")) for item in items]

    def _section(self, section: str) -> dict[str, object]:
        analysis: dict[str, object] = {
            "diagnosticMode": "openFilesOnly",
            "typeCheckingMode": "off",
            "autoSearchPaths": True,
        }
        if section in {"python.analysis", "basedpyright.analysis"}:
            return analysis
        settings: dict[str, object] = {"analysis": analysis}
        if section == "python" and self._python is not None:
            settings["pythonPath"] = str(self._python)
        return settings
