"""An engine that answers as the engines document it, or as badly as a test wants, over real HTTP.

The shapes of vLLM's answers are written from its documentation of the OpenAI-compatible server.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

NAMES = (
    ("parse_headers", 0.6),
    ("parse_headers", 0.6),
    ("read_headers", 0.2),
    ("split_lines", 0.1),
)


@dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def question(self) -> str:
        turns = self.body.get("messages")
        return turns[-1]["content"] if turns else self.body["prompt"]


@dataclass
class FakeEngine:
    """What it was asked, and how it answers: `answer` writes the response to a POST."""

    answer: Callable[[Handler, Call], None]
    models: Sequence[str] = ("names", "base")
    calls: list[Call] = field(default_factory=list)
    broken_off: Event = field(default_factory=Event)
    url: str = ""
    lists_models: bool = True

    @property
    def asked(self) -> list[Call]:
        """The requests that carried a question."""
        return [call for call in self.calls if call.method == "POST"]


class Handler(BaseHTTPRequestHandler):
    """Writes the parts of responses."""

    protocol_version = "HTTP/1.1"
    engine: FakeEngine

    def do_GET(self) -> None:
        call = Call("GET", self.path, dict(self.headers), {})
        self.engine.calls.append(call)
        if not self.engine.lists_models:
            self.engine.answer(self, call)
            return
        data = [{"id": name, "object": "model", "owned_by": "vllm"} for name in self.engine.models]
        self.json({"object": "list", "data": data})

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        call = Call("POST", self.path, dict(self.headers), json.loads(self.rfile.read(size)))
        self.engine.calls.append(call)
        try:
            self.engine.answer(self, call)
        except (BrokenPipeError, ConnectionResetError):
            self.engine.broken_off.set()
            self.close_connection = True

    def text(self, status: int, text: str, kind: str, headers: Mapping[str, str] = {}) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def json(self, value: object, status: int = 200, headers: Mapping[str, str] = {}) -> None:
        self.text(status, json.dumps(value), "application/json", headers)

    def stream(self, lines: Sequence[str], *, ends: bool = True) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            self.chunk(f"{line}\n\n")
        if ends:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def fake_engine(
    answer: Callable[[Handler, Call], None] | None = None, **options: Any
) -> Iterator[FakeEngine]:
    """An engine at a free port; by default it answers as vLLM does."""
    engine = FakeEngine(answer or vllm(), **options)
    handler = type("_Handler", (Handler,), {"engine": engine})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    engine.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()


def vllm(
    names: Sequence[tuple[str, float]] = NAMES, *, streams: bool = True
) -> Callable[[Handler, Call], None]:
    """vLLM: `n` and log-probabilities, chat and completions, whole or as a stream."""

    def answer(handler: Handler, call: Call) -> None:
        body, is_chat = call.body, call.path.endswith("/chat/completions")
        chosen = [names[index % len(names)] for index in range(body.get("n", 1))]
        kind = "chat.completion" if is_chat else "text_completion"
        if not (streams and body.get("stream")):
            choices = [_whole(index, *one, is_chat) for index, one in enumerate(chosen)]
            handler.json({"id": "cmpl-1", "object": kind, "model": "names", "choices": choices})
            return
        lines: list[str] = []
        for index, (name, probability) in enumerate(chosen):
            parts = _pieces(name, probability)
            for number, (text, score) in enumerate(parts):
                finish = "stop" if number == len(parts) - 1 else None
                lines.append(_event(kind, _part(index, text, score, finish, is_chat)))
        handler.stream([*lines, "data: [DONE]"])

    return answer


def one_at_a_time(names: Sequence[str]) -> Callable[[Handler, Call], None]:
    """Like Ollama or `transformers serve`: neither `n` nor log-probabilities; seeds differ."""

    def answer(handler: Handler, call: Call) -> None:
        name = names[(call.body.get("seed", 1) - 1) % len(names)]
        delta = {"role": "assistant", "content": name}
        choice = {"index": 0, "delta": delta, "finish_reason": "stop"}
        handler.stream([_event("chat.completion.chunk", choice), "data: [DONE]"])

    return answer


def silence(seconds: float = 30.0) -> Callable[[Handler, Call], None]:
    """Says nothing until the client has gone."""

    def answer(handler: Handler, call: Call) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.02)
            # Comments, as servers send them to keep a connection; the socket says who left.
            handler.wfile.write(b": \n\n")
            handler.wfile.flush()

    return answer


def status(code: int, said: object, **headers: str) -> Callable[[Handler, Call], None]:
    """A refusal."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, call: handler.json(said, code, fields)


def says(*texts: str) -> Callable[[Handler, Call], None]:
    """Answers of these texts, without scores."""

    def answer(handler: Handler, call: Call) -> None:
        choices = [
            {"index": i, "message": {"content": text}, "finish_reason": "stop"}
            for i, text in enumerate(texts)
        ]
        handler.json({"choices": choices})

    return answer


def _event(kind: str, choice: object) -> str:
    return f"data: {json.dumps({'id': 'cmpl-1', 'object': kind, 'choices': [choice]})}"


def _pieces(name: str, probability: float) -> list[tuple[str, float]]:
    """The name in two tokens and the end, which share its log-probability."""
    middle = len(name) // 2
    third = math.log(probability) / 3
    return [(name[:middle], third), (name[middle:], third), ("", third)]


def _part(
    index: int, text: str, score: float, finish: str | None, is_chat: bool
) -> dict[str, object]:
    if is_chat:
        scores: dict[str, object] = {"content": [{"token": text, "logprob": score, "bytes": None}]}
        return {
            "index": index,
            "delta": {"content": text},
            "logprobs": scores,
            "finish_reason": finish,
        }
    scores = {"text_offset": [0], "token_logprobs": [score], "tokens": [text], "top_logprobs": None}
    return {"index": index, "text": text, "logprobs": scores, "finish_reason": finish}


def _whole(index: int, name: str, probability: float, is_chat: bool) -> dict[str, object]:
    pieces = _pieces(name, probability)
    if is_chat:
        content = [{"token": text, "logprob": score} for text, score in pieces]
        return {
            "index": index,
            "message": {"role": "assistant", "content": name},
            "logprobs": {"content": content},
            "finish_reason": "stop",
        }
    scores = {"tokens": [t for t, _ in pieces], "token_logprobs": [s for _, s in pieces]}
    return {"index": index, "text": f" {name}", "logprobs": scores, "finish_reason": "stop"}
