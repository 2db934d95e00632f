"""An editor for tests: starts the real server, opens files, asks for actions, takes edits."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import register_lsp_features

ROOT = Path(__file__).parents[2]
WITH_TABLE = (str(Path(__file__).with_name("serve_with_table.py")),)
WITH_MODEL = ("-m", "server", "--stdio")
PATIENCE = 30.0
AUTOMATIC = lsp.CodeActionTriggerKind.Automatic
INVOKED = lsp.CodeActionTriggerKind.Invoked

SOURCE = """\
import os


@staticmethod
def f(text):
    headers = text.splitlines()
    return headers


def best():
    return 1


def user():
    return f("a")
"""
DEFINITION = (4, 4)
BODY = (5, 8)
BEST = (9, 4)


def vscode() -> lsp.ClientCapabilities:
    return client_capabilities("visual-studio-code")


def neovim() -> lsp.ClientCapabilities:
    return client_capabilities("neovim@v0.11.0")


def neovim_old() -> lsp.ClientCapabilities:
    return client_capabilities("neovim@v0.7.0")


def emacs() -> lsp.ClientCapabilities:
    return client_capabilities("emacs")


def bare() -> lsp.ClientCapabilities:
    return lsp.ClientCapabilities()


class Editor:
    """One connection and one open file."""

    def __init__(self, client: LanguageClient, root: Path) -> None:
        self.client = client
        self.root = root
        self.applied: list[lsp.WorkspaceEdit] = []
        self.accepts = True
        self.asked: list[lsp.ShowMessageRequestParams] = []
        self.answer: Callable[[lsp.ShowMessageRequestParams], lsp.MessageActionItem | None] = (
            lambda params: None
        )
        self.initialized: lsp.InitializeResult

    @property
    def pid(self) -> int:
        process = self.client._server
        assert process is not None
        return process.pid

    def write(self, name: str, text: str) -> str:
        """Put a file into the workspace; returns its URI."""
        path = self.root / name
        path.write_bytes(text.encode())
        return path.as_uri()

    def open(self, text: str = SOURCE, name: str = "module.py", version: int = 1) -> str:
        """Write a file and open it; returns its URI."""
        uri = self.write(name, text)
        self.open_uri(uri, text, version)
        return uri

    def open_uri(self, uri: str, text: str, version: int = 1) -> None:
        item = lsp.TextDocumentItem(uri, "python", version, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def change(self, uri: str, version: int, *changes: lsp.TextDocumentContentChangeEvent) -> None:
        document = lsp.VersionedTextDocumentIdentifier(version=version, uri=uri)
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(document, list(changes))
        )

    async def actions(
        self,
        uri: str,
        at: tuple[int, int] = DEFINITION,
        trigger: lsp.CodeActionTriggerKind | None = INVOKED,
        only: Sequence[lsp.CodeActionKind | str] | None = None,
    ) -> list[lsp.CodeAction | lsp.Command]:
        """What the server offers at a place."""
        place = lsp.Position(*at)
        result = await asyncio.wait_for(
            self.client.text_document_code_action_async(
                lsp.CodeActionParams(
                    lsp.TextDocumentIdentifier(uri),
                    lsp.Range(place, place),
                    lsp.CodeActionContext([], only, trigger),
                )
            ),
            PATIENCE,
        )
        return list(result or ())

    async def titles(self, uri: str, *args: Any, **kwargs: Any) -> list[str]:
        return [action.title for action in await self.actions(uri, *args, **kwargs)]

    async def renames(self, uri: str, *args: Any, **kwargs: Any) -> list[lsp.CodeAction]:
        """The actions that are whole code actions, not commands."""
        actions = await self.actions(uri, *args, **kwargs)
        return [action for action in actions if isinstance(action, lsp.CodeAction)]

    async def resolve(self, action: lsp.CodeAction) -> lsp.CodeAction:
        return await asyncio.wait_for(self.client.code_action_resolve_async(action), PATIENCE)

    async def execute(self, command: lsp.Command) -> Any:
        return await asyncio.wait_for(
            self.client.workspace_execute_command_async(
                lsp.ExecuteCommandParams(command.command, command.arguments)
            ),
            PATIENCE,
        )


@asynccontextmanager
async def editor(
    root: Path,
    capabilities: lsp.ClientCapabilities,
    *flags: str,
    options: object = None,
    configuration: object = None,
    server: Sequence[str] = WITH_TABLE,
) -> AsyncIterator[Editor]:
    """A connected editor whose workspace is `root`; leaves the way the protocol wants."""
    client = LanguageClient(converter_factory=_converter)
    register_lsp_features(client)
    one = Editor(client, root)

    @client.feature(lsp.WORKSPACE_APPLY_EDIT)
    def apply(params: lsp.ApplyWorkspaceEditParams) -> lsp.ApplyWorkspaceEditResult:
        one.applied.append(params.edit)
        return lsp.ApplyWorkspaceEditResult(applied=one.accepts)

    @client.feature(lsp.WINDOW_SHOW_MESSAGE_REQUEST)
    def choose(params: lsp.ShowMessageRequestParams) -> lsp.MessageActionItem | None:
        one.asked.append(params)
        return one.answer(params)

    @client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
    def register(params: lsp.RegistrationParams) -> None:
        return None

    if configuration is not None:
        client.set_configuration({"namewright": configuration})
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    await client.start_io(sys.executable, *server, *flags, env=environment, cwd=str(ROOT))
    one.initialized = await asyncio.wait_for(
        client.initialize_session(
            lsp.InitializeParams(
                capabilities,
                workspace_folders=[lsp.WorkspaceFolder(root.as_uri(), root.name)],
                root_uri=root.as_uri(),
                initialization_options=options,
            )
        ),
        PATIENCE,
    )
    try:
        yield one
    finally:
        await asyncio.wait_for(client.shutdown_session(), PATIENCE)
        await client.stop()


def _converter() -> Any:
    """The library takes every action that has a command for a bare command; editors do not."""
    converter = default_converter()

    def structure(value: Any, _: type) -> lsp.Command | lsp.CodeAction:
        kind = lsp.Command if isinstance(value.get("command"), str) else lsp.CodeAction
        return converter.structure(value, kind)

    converter.register_structure_hook(lsp.Command | lsp.CodeAction, structure)
    return converter


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds, generously."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)


def applied(text: str, edit: lsp.WorkspaceEdit, uri: str, encoding: str = "utf-16") -> str:
    """The text after the edits of one file, by the client's own reading of positions."""
    edits: list[Any] = list((edit.changes or {}).get(uri, ()))
    for change in edit.document_changes or ():
        if isinstance(change, lsp.TextDocumentEdit) and change.text_document.uri == uri:
            edits += change.edits
    lines = text.splitlines(keepends=True)

    def index(position: lsp.Position) -> int:
        line = lines[position.line]
        codec, width = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2)}.get(
            encoding, ("utf-32-le", 4)
        )
        before = line.encode(codec)[: position.character * width].decode(codec)
        return sum(map(len, lines[: position.line])) + len(before)

    for one in sorted(edits, key=lambda one: index(one.range.start), reverse=True):
        text = text[: index(one.range.start)] + one.new_text + text[index(one.range.end) :]
    return text
