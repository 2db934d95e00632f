"""Names from an engine through the real server: a person goes on working, whatever it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fake_engine import Call, FakeEngine, Handler, fake_engine, says, silence, status, vllm
from tests.protocol.editor import AUTOMATIC, WITH_MODEL, Editor, editor, until, vscode

KEY = "sk-not-to-be-seen"


def options(engine: FakeEngine, **more: object) -> dict[str, object]:
    return {"predictor": "openai", "endpoint": engine.url, "openai.timeoutSeconds": 1, **more}


async def status_of(one: Editor) -> dict[str, Any]:
    answer = await asyncio.wait_for(
        one.client.protocol.send_request_async("namewright/status", None), 30
    )
    return answer._asdict()


def lines(one: Editor) -> list[str]:
    return [message.message for message in one.client.messages]


async def names(one: Editor, uri: str) -> list[str]:
    """What is offered once there is an answer, however long it takes."""
    async with asyncio.timeout(60):
        while True:
            titles = [t for t in await one.titles(uri) if t.startswith("Rename to")]
            if titles:
                return titles
            await asyncio.sleep(0.05)


async def test_an_engine_names_a_function(tmp_path: Path) -> None:
    with fake_engine() as engine:
        async with editor(tmp_path, vscode(), options=options(engine), server=WITH_MODEL) as one:
            assert (await names(one, one.open()))[0] == "Rename to `parse_headers` (60%)"
            told = await status_of(one)
            assert (told["predictor"], told["state"], told["fallback"]) == ("openai", "ready", None)
            assert told["message"] == f"names at {engine.url}"
            assert lines(one) == []


def half_a_stream(handler: Handler, call: Call) -> None:
    part = 'data: {"choices":[{"index":0,"delta":{"content":"parse_"},"finish_reason":null}]}'
    handler.stream([part], ends=False)


BAD: dict[str, tuple[Callable[[Handler, Call], None], str]] = {
    "html": (lambda h, c: h.text(200, "<html>Log in</html>", "text/html"), "web page"),
    "401": (status(401, {"error": {"message": "no"}}), "wants a key (401)"),
    "429": (status(429, {"error": {"message": "no"}}), "(429)"),
    "500": (status(500, {"error": {"message": "out of memory"}}), "(500: out of memory)"),
    "half-a-stream": (half_a_stream, "broke its answer off"),
    "garbage": (lambda h, c: h.text(200, "{]", "application/json"), "not JSON"),
    "silence": (silence(30), "silent for 1 s"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_whatever_an_engine_does_there_are_names_and_one_line(
    kind: str, tmp_path: Path
) -> None:
    answer, told = BAD[kind]
    with fake_engine(answer) as engine:
        async with editor(tmp_path, vscode(), options=options(engine), server=WITH_MODEL) as one:
            states: list[Any] = []
            one.client.feature("namewright/status")(lambda params: states.append(params))
            uri = one.open()
            assert await names(one, uri)
            one.change(uri, 2, whole("def f(a):\n    return a.read_text().splitlines()\n"))
            assert await names_at_first_line(one, uri)
            assert len(lines(one)) == 1
            assert told in lines(one)[0]
            assert "meanwhile `embedded` answers" in lines(one)[0]
            assert any(s.state == "failed" and s.fallback == "embedded" for s in states)


def whole(text: str) -> Any:
    from lsprotocol import types as lsp

    return lsp.TextDocumentContentChangeWholeDocument(text)


async def names_at_first_line(one: Editor, uri: str) -> list[str]:
    async with asyncio.timeout(60):
        while True:
            titles = [t for t in await one.titles(uri, (0, 4)) if t.startswith("Rename to")]
            if titles:
                return titles
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("text", ["parse the headers", "def parse(text): return 1"])
async def test_an_answer_that_is_no_name_offers_nothing(text: str, tmp_path: Path) -> None:
    with fake_engine(says(text)) as engine:
        async with editor(tmp_path, vscode(), options=options(engine), server=WITH_MODEL) as one:
            uri = one.open()

            async def has_nothing() -> bool:
                return await one.titles(uri) == ["No better name"]

            await until(has_nothing)
            assert lines(one) == []


async def test_an_engine_that_comes_back_answers_again(tmp_path: Path) -> None:
    bad, well, is_well = status(503, {"error": "loading"}), vllm(), False

    def answer(handler: Handler, call: Call) -> None:
        (well if is_well else bad)(handler, call)

    with fake_engine(answer, lists_models=False) as engine:
        given = options(engine, model="names")
        async with editor(tmp_path, vscode(), options=given, server=WITH_MODEL) as one:
            uri = one.open()
            assert await names(one, uri)
            assert (await status_of(one))["fallback"] == "embedded"
            is_well, engine.lists_models = True, True

            async def is_back() -> bool:
                return (await status_of(one))["state"] == "ready"

            await until(is_back)
            one.change(uri, 2, whole("def f(a):\n    return a.read_text().splitlines()\n"))
            assert "(60%)" in (await names_at_first_line(one, uri))[0]
            assert (await status_of(one))["fallback"] is None


async def test_plain_http_to_another_machine_is_refused(tmp_path: Path) -> None:
    given = {"predictor": "openai", "endpoint": "http://192.0.2.1:8000/v1"}
    async with editor(tmp_path, vscode(), options=given, server=WITH_MODEL) as one:
        assert await names(one, one.open())
        assert len(lines(one)) == 1
        assert "plain http" in lines(one)[0]
        assert "meanwhile `embedded` answers" in lines(one)[0]
        assert (await status_of(one))["fallback"] == "embedded"


async def test_what_leaves_the_machine_is_told_once(tmp_path: Path) -> None:
    given = {
        "predictor": "openai",
        "endpoint": "https://models.invalid/v1",
        "openai.timeoutSeconds": 1,
    }
    async with editor(tmp_path, vscode(), options=given, server=WITH_MODEL) as one:
        uri = one.open()
        assert await names(one, uri)
        assert await names(one, uri)
        told = [line for line in lines(one) if "names come from an engine" in line]
        assert len(told) == 1
        assert "goes to https://models.invalid/v1" in told[0]


async def test_a_question_that_nobody_waits_for_is_broken_off_at_the_engine(
    tmp_path: Path,
) -> None:
    silent, well = silence(60), vllm()

    def answer(handler: Handler, call: Call) -> None:
        (silent if "headers" in call.question else well)(handler, call)

    with fake_engine(answer) as engine:
        given = options(engine, **{"openai.timeoutSeconds": 60})
        async with editor(tmp_path, vscode(), options=given, server=WITH_MODEL) as one:
            uri = one.open()
            await one.titles(uri, trigger=AUTOMATIC)

            async def is_asked() -> bool:
                return len(engine.asked) > 0

            await until(is_asked)
            one.change(uri, 2, whole("def f(a):\n    return a.read_text()\n"))
            assert "(60%)" in (await names_at_first_line(one, uri))[0]
            assert engine.broken_off.wait(20)


async def test_the_editors_key_is_used_and_never_shown(tmp_path: Path) -> None:
    def answer(handler: Handler, call: Call) -> None:
        if call.headers.get("Authorization") == f"Bearer {KEY}":
            vllm()(handler, call)
        else:
            handler.json({"error": {"message": f"no access, not even with {KEY}"}}, 401)

    with fake_engine(answer) as engine:
        log = tmp_path / "server.log"
        server = (*WITH_MODEL, "--log-level", "debug", "--log-file", str(log))
        async with editor(tmp_path, vscode(), options=options(engine), server=server) as one:
            one.client.protocol.notify("namewright/setApiKey", {"key": KEY})

            async def is_ready() -> bool:
                return (await status_of(one))["state"] == "ready"

            await until(is_ready)
            assert "(60%)" in (await names(one, one.open()))[0]
            assert all(KEY not in line for line in lines(one))
        assert KEY not in log.read_text()
