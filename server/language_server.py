"""Serves the features over the Language Server Protocol; the only file that knows pygls.

`serve_stdio()` and `serve_tcp(host, port)` run until the editor leaves, then end the process.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from threading import Event
from typing import Any, NoReturn, TypeVar, cast

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from server import __version__
from server.errors import NamewrightError
from server.features import (
    audit,
    code_actions,
    commands,
    configuration,
    hints,
    names,
    progress,
    quick_fixes,
    rename,
    resolve,
    status,
)
from server.features import synchronization as sync
from server.features.client_profile import assume_encoding, read_profile
from server.features.targets import ContentModified
from server.locations import path_of
from server.predictors.base import Cancelled
from server.predictors.choose import load_lasting
from server.reporting import STATUS_METHOD
from server.session import LoadPredictor, Session
from server.stdout_guard import take_stdout

_LOG = logging.getLogger("namewright.server")
_T = TypeVar("_T")
_NOTEBOOKS = lsp.NotebookDocumentSyncOptions(
    [lsp.NotebookDocumentFilterWithCells([lsp.NotebookCellLanguage("python")])]
)
# Threads that analyse files hand over to the event loop this soon (Python's default is 5 ms).
_SWITCH_SECONDS = 0.001


def serve_stdio(load: LoadPredictor = load_lasting, encoding: str = "") -> NoReturn:
    """Serve one editor over standard input and output, then end the process."""
    stdout = take_stdout()
    server = create_server(load, encoding)
    _settle()
    try:
        server.start_io(sys.stdin.buffer, stdout)
    finally:
        _leave(server)


def serve_tcp(host: str, port: int, encoding: str = "") -> NoReturn:
    """Serve the first editor that connects, then end the process.

    Says on stderr where it listens (port 0 lets the system choose). Raises NamewrightError when
    the address cannot be listened on.
    """
    server = create_server(load_lasting, encoding)
    _settle()
    try:
        asyncio.run(_serve_first(server, host, port))
    except OSError as error:
        raise NamewrightError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port"
        ) from error
    except (KeyboardInterrupt, SystemExit):
        pass
    _leave(server)


def create_server(load: LoadPredictor, encoding: str = "") -> NamewrightServer:
    """A server with every feature registered, not yet connected."""
    server = NamewrightServer(load, encoding)
    session = server.session

    async def begin() -> None:
        await configuration.ask_configuration(session)
        # Only now, or the predictor of the default settings would be loaded for nothing.
        session.start_predictor()
        await configuration.register_configuration(session)

    def initialized(params: lsp.InitializedParams) -> None:
        # Not awaited here: a client that leaves meanwhile would make pygls log an error.
        session.starting = asyncio.create_task(begin())

    async def actions(params: lsp.CodeActionParams) -> list[lsp.CodeAction | lsp.Command]:
        return await _told(code_actions.code_actions(session, params))

    async def resolved(action: lsp.CodeAction) -> lsp.CodeAction:
        return await _told(resolve.resolve_action(session, action))

    async def reconfigured(params: lsp.DidChangeConfigurationParams) -> None:
        await _told(configuration.change_configuration(session, params))

    def folders_changed(params: lsp.DidChangeWorkspaceFoldersParams) -> None:
        server.read_roots()

    def shut_down(params: None) -> None:
        session.close()

    async def suggest(*arguments: Any) -> list[dict[str, object]]:
        return await _answered(commands.suggest_names(session, _first(arguments)))

    async def apply(*arguments: Any) -> None:
        await _answered(commands.apply_name(session, _first(arguments)))

    async def names_at(*arguments: Any) -> dict[str, object]:
        return await _answered(names.names_at(session, _first(arguments)))

    async def audit_all(*arguments: Any) -> dict[str, object]:
        return await _answered(audit.audit(session, _first(arguments)))

    async def rename_to(*arguments: Any) -> dict[str, object]:
        return await _answered(rename.rename(session, _first(arguments)))

    def asked_status(params: Any) -> dict[str, object]:
        return status.status_of(session)

    def got_key(params: Any) -> None:
        status.set_api_key(session, params)

    options = lsp.CodeActionOptions([code_actions.KIND, quick_fixes.FIX], resolve_provider=True)
    features: list[tuple[str, Callable[..., Any], Any]] = [
        (lsp.INITIALIZED, initialized, None),
        (lsp.TEXT_DOCUMENT_CODE_ACTION, actions, options),
        (lsp.CODE_ACTION_RESOLVE, resolved, None),
        (lsp.WORKSPACE_DID_CHANGE_CONFIGURATION, reconfigured, None),
        (lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, folders_changed, None),
        (lsp.SHUTDOWN, shut_down, None),
        (STATUS_METHOD, asked_status, None),
        (status.SET_API_KEY_METHOD, got_key, None),
    ]
    for method, handler, feature_options in features:
        server.feature(method, feature_options)(handler)
    server.command(code_actions.SUGGEST_COMMAND)(suggest)
    server.command(code_actions.APPLY_COMMAND)(apply)
    server.command(rename.RENAME_COMMAND)(rename_to)
    server.command(names.NAMES_COMMAND)(names_at)
    server.command(audit.AUDIT_COMMAND)(audit_all)
    session.listeners.append(hints.Hints(session))
    _replace_built_in(server)
    return server


def _replace_built_in(server: NamewrightServer) -> None:
    """Keep documents ourselves: form feeds and stray edits corrupt pygls's. Progress likewise."""
    session = server.session
    features: dict[str, Callable[[Any], None]] = {
        lsp.TEXT_DOCUMENT_DID_OPEN: lambda one: sync.open_document(session, one.text_document),
        lsp.TEXT_DOCUMENT_DID_CHANGE: lambda one: sync.change_document(
            session, one.text_document, one.content_changes
        ),
        lsp.TEXT_DOCUMENT_DID_CLOSE: lambda one: sync.close_document(
            session, one.text_document.uri
        ),
        lsp.NOTEBOOK_DOCUMENT_DID_OPEN: lambda one: sync.open_notebook(session, one),
        lsp.NOTEBOOK_DOCUMENT_DID_CHANGE: lambda one: sync.change_notebook(session, one),
        lsp.NOTEBOOK_DOCUMENT_DID_CLOSE: lambda one: sync.close_notebook(session, one),
        lsp.WINDOW_WORK_DONE_PROGRESS_CANCEL: lambda one: progress.cancel_progress(session, one),
    }
    manager = cast(Any, server.protocol.fm)
    for method, handler in features.items():
        manager.add_builtin_feature(method, handler)


class _Malformed:
    """A request whose parameters do not fit its method; it still gets its answer."""

    def __init__(self, request_id: int | str) -> None:
        self.id = request_id


class _Protocol(LanguageServerProtocol):
    """pygls's protocol with our own documents, and errors that reach whoever made them."""

    @property
    def is_shut_down(self) -> bool:
        """Whether the editor sent `shutdown`, as it should before `exit`."""
        return self._shutdown

    def structure_message(self, data: dict[str, Any]) -> Any:
        try:
            return super().structure_message(data)
        except JsonRpcException:
            if "method" in data and isinstance(data.get("id"), (int, str)):
                return _Malformed(data["id"])
            raise

    def handle_message(self, message: Any) -> None:
        if isinstance(message, _Malformed):
            self._refuse(message.id, lsp.ErrorCodes.InvalidParams, "the parameters are malformed")
        elif not hasattr(message, "jsonrpc"):
            self._refuse(None, lsp.ErrorCodes.InvalidRequest, "this is not a JSON-RPC message")
        elif (
            hasattr(message, "method") and hasattr(message, "id") and self._is_out_of_turn(message)
        ):
            code = (
                lsp.ErrorCodes.InvalidRequest
                if self._shutdown
                else lsp.ErrorCodes.ServerNotInitialized
            )
            self._refuse(message.id, code, "the server is not ready for requests")
        else:
            super().handle_message(message)

    def _is_out_of_turn(self, message: Any) -> bool:
        begun = self._workspace is not None
        return self._shutdown or (not begun and message.method != lsp.INITIALIZE)

    def _send_response(
        self, msg_id: Any, result: Any | None = None, error: lsp.ResponseError | None = None
    ) -> None:
        if error is not None:
            # pygls attaches tracebacks, which hold paths of this machine.
            error = lsp.ResponseError(error.code, error.message)
        super()._send_response(msg_id, result, error)

    def _refuse(self, request_id: int | str | None, code: int, message: str) -> None:
        self._send_response(request_id, error=lsp.ResponseError(int(code), message))

    def refuse_unread(self, error: Exception) -> None:
        """Answer a message that could not be read at all."""
        unread = isinstance(error, (ValueError, RecursionError))
        code = lsp.ErrorCodes.ParseError if unread else lsp.ErrorCodes.InvalidRequest
        self._refuse(None, code, "the message could not be read")

    def _run_generator(
        self, future: Any, *, gen: Generator[Any, Any, Any], result_future: Any
    ) -> None:
        """Commands run behind a generator; pygls would cancel only what stands before it."""
        running = cast(dict[Any, asyncio.Future[Any]], self._request_futures)
        before = set(running)
        super()._run_generator(future, gen=gen, result_future=result_future)
        for key in running.keys() - before:
            # Its error is looked at here too, or Python would complain of a cancelled one's.
            running[key].add_done_callback(lambda done: done.cancelled() or done.exception())
            result_future.add_done_callback(partial(_cancel_too, running[key]))

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(
        self, params: lsp.InitializeParams
    ) -> Generator[Any, Any, lsp.InitializeResult]:
        server = cast(NamewrightServer, self._server)
        assume_encoding(params.capabilities, server.encoding)
        result = yield from super().lsp_initialize(params)
        server.begin(params, result.capabilities)
        return result


class NamewrightServer(LanguageServer):
    """pygls's server with one session; it is also the session's `Client`."""

    def __init__(self, load: LoadPredictor, encoding: str) -> None:
        # pygls leaves its positional rest untyped.
        cast(Any, super()).__init__(
            "namewright",
            __version__,
            text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental,
            notebook_document_sync=_NOTEBOOKS,
            protocol_cls=_Protocol,
            converter_factory=default_converter,
            max_workers=2,
        )
        self.encoding = encoding
        self._loop: asyncio.AbstractEventLoop | None = None
        self.session = Session(load, self)

    def begin(self, params: lsp.InitializeParams, capabilities: lsp.ServerCapabilities) -> None:
        """Take what the editor says of itself."""
        self._loop = asyncio.get_running_loop()
        self.session.profile = read_profile(params.capabilities, capabilities.position_encoding)
        self.read_roots()
        options = configuration.as_json(params.initialization_options)
        self.session.configure("initialization", options)

    def read_roots(self) -> None:
        """The workspace's folders, as far as they are on disk."""
        workspace = self.workspace
        uris = [*workspace.folders] or ([workspace.root_uri] if workspace.root_uri else [])
        paths = [path_of(uri) for uri in uris]
        self.session.roots = tuple(path for path in paths if path is not None)

    async def request(self, method: str, params: object) -> Any:
        """Send a request; its Future outlives a cancelled wait, or pygls would stumble on it."""
        sent = asyncio.wrap_future(self.protocol.send_request(method, params))
        sent.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        try:
            return await asyncio.shield(sent)
        except JsonRpcException as error:
            raise NamewrightError(f"the editor refused {method}: {error.message}") from error

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        self.protocol.notify(method, params)

    def warn(self, message: str) -> None:
        """Show a warning; any thread may call it."""
        _LOG.warning("%s", message)
        shown = lsp.ShowMessageParams(lsp.MessageType.Warning, f"Namewright: {message}")
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.notify, lsp.WINDOW_SHOW_MESSAGE, shown)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Errors outside of any request: logged, never shown; unread messages get an answer."""
        _LOG.error("a message could not be handled (%s)", type(error).__name__)
        _LOG.debug("%s", error)
        if source is JsonRpcException:
            cast(_Protocol, self.protocol).refuse_unread(error)

    def shutdown(self) -> None:
        """Stop reading; the pool's thread may hang in a read for ever and is not waited for."""
        if self._stop_event is not None:
            self._stop_event.set()
        if self._thread_pool is not None:
            self._thread_pool.shutdown(wait=False, cancel_futures=True)


async def _told(work: Awaitable[_T]) -> _T:
    """Await a feature; its errors become the protocol's, without tracebacks."""
    try:
        return await work
    except ContentModified as error:
        raise JsonRpcException(str(error), lsp.LSPErrorCodes.ContentModified) from None
    except Cancelled as error:
        raise JsonRpcException(str(error), lsp.LSPErrorCodes.ServerCancelled) from None
    except NamewrightError as error:
        raise JsonRpcException(str(error), lsp.LSPErrorCodes.RequestFailed) from None
    except Exception as error:
        _LOG.error("an internal error (%s)", type(error).__name__)
        _LOG.debug("internal error", exc_info=True)
        text = f"an internal error occurred ({type(error).__name__}); see the server's log"
        raise JsonRpcException(text, lsp.ErrorCodes.InternalError) from None


async def _answered(command: Awaitable[_T]) -> _T:
    """Await a command; pygls would leave one that a person cancels without an answer."""
    try:
        return await _told(command)
    except asyncio.CancelledError:
        raise JsonRpcException("cancelled", lsp.LSPErrorCodes.RequestCancelled) from None


def _cancel_too(command: asyncio.Future[Any], request: Any) -> None:
    if request.cancelled():
        command.cancel()


def _first(arguments: tuple[Any, ...]) -> object:
    return arguments[0] if arguments else None


async def _serve_first(server: NamewrightServer, host: str, port: int) -> None:
    connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    connected = asyncio.get_running_loop().create_future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connected.done():
            writer.close()
        else:
            connected.set_result((reader, writer))

    listener = await asyncio.start_server(accept, host, port)
    address = listener.sockets[0].getsockname()
    sys.stderr.write(f"namewright: listening on {address[0]}:{address[1]}\n")
    sys.stderr.flush()
    reader, writer = await connected
    server.protocol.set_writer(cast(Any, writer))
    await run_async(Event(), reader, server.protocol, _LOG, server.report_server_error)


def _settle() -> None:
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Full collections would look at all of the protocol's types again and again: tens of ms.
    gc.freeze()
    gc.enable()


def _leave(server: NamewrightServer) -> NoReturn:
    """End the process at once: native code on a daemon thread must not see Python go away."""
    server.session.close()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0 if cast(_Protocol, server.protocol).is_shut_down else 1)
