"""The process that holds the model: killed, stopped, idle, refused; under the real server too."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from dataset.question import Question
from server.predictors.base import Cancelled, StopFlag, Unavailable
from server.predictors.status import Status
from server.predictors.transformers import TransformersPredictor
from server.predictors.worker import protocol
from server.predictors.worker.process import WorkerProcess
from server.settings import Settings
from tests.protocol.editor import WITH_MODEL, Editor, bare, editor

PATIENCE = 120.0
QUESTION = Question("def x(path):\n    return open(path).read()", prefix="")


class Heard:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.states: list[Status] = []

    def status(self, status: Status) -> None:
        self.states.append(status)

    def tell(self, message: str) -> None:
        raise AssertionError("the predictor speaks through its status")

    def has(self, state: str) -> bool:
        return any(one.state == state for one in self.states)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def process_of(predictor: TransformersPredictor) -> WorkerProcess:
    process = predictor._process
    assert process is not None
    return process


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def test_it_answers_stops_unloads_when_idle_and_loads_again(settings: Settings) -> None:
    predictor = TransformersPredictor(settings, idle_seconds=3600)
    with closing(predictor):
        # Nobody watches: a command waits for the model.
        (names,) = predictor.predict([QUESTION], 3)
        assert 0 < len(names) <= 3
        assert [one.log_probability for one in names] == sorted(
            (one.log_probability for one in names), reverse=True
        )
        best = names[0]
        assert predictor.score([QUESTION], [best.name]) == [best.log_probability]
        assert predictor.score([QUESTION], ["read_text"])[0] < 0
        other = Question("def x(self):\n    self.count += 1", prefix="_")
        present = ["read_text", "_count_up"]
        # As many beams as for a single question; with fewer, other names may be found.
        (wide,) = predictor.predict([QUESTION], 6)
        found, scores = predictor.judge([QUESTION, other], present, 6)
        assert [one.name for one in found[0]] == [one.name for one in wide]
        predictor._scores.clear()
        assert scores == pytest.approx(predictor.score([QUESTION, other], present), abs=1e-3)
        # One that is among the names has the score that it was found with.
        assert predictor.judge([QUESTION], [best.name], 3)[1] == [
            pytest.approx(best.log_probability, abs=1e-3)
        ]
        assert predictor.device == "cpu"

        stop = StopFlag()
        stop.set()
        with pytest.raises(Cancelled):
            predictor.predict([QUESTION], 3, stop)

        os.kill(process_of(predictor).pid, signal.SIGSTOP)
        late = StopFlag()
        Thread(target=lambda: (time.sleep(0.2), late.set()), daemon=True).start()
        Thread(
            target=lambda: (time.sleep(0.5), os.kill(process_of(predictor).pid, signal.SIGCONT)),
            daemon=True,
        ).start()
        with pytest.raises(Cancelled):
            predictor.predict([QUESTION] * 40, 3, late)

        heard = Heard()
        predictor.watch(heard)
        pid = process_of(predictor).pid
        predictor._idle_seconds = 0.2
        with predictor._changed:
            predictor._changed.notify_all()
        until(lambda: heard.has("unloaded"))
        until(lambda: not is_alive(pid))
        predictor._idle_seconds = 3600
        # Somebody watches: another predictor answers while this one loads again.
        with pytest.raises(Unavailable, match="is being loaded"):
            predictor.predict([QUESTION], 3)
        until(lambda: heard.states[-1].state == "ready")
        assert predictor.predict([QUESTION], 3)[0] == names
        states = [one.state for one in heard.states]
        assert states[:3] == ["ready", "unloaded", "loading"]
        assert any("%" in one.message for one in heard.states)
    until(lambda: not is_alive(pid))


def test_a_model_that_the_process_cannot_load_is_told_once(
    settings: Settings, base: Path, tmp_path: Path
) -> None:
    """What no header shows: the tokenizer is not one."""
    folder = tmp_path / "base"
    folder.mkdir()
    for path in base.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").write_text("{}")
    predictor = TransformersPredictor(replace(settings, model=str(folder)))
    with closing(predictor):
        heard = Heard()
        predictor.watch(heard)
        until(lambda: heard.states[-1].state == "failed")
        assert "the tokenizer cannot be read" in heard.states[-1].message
        with pytest.raises(Unavailable, match="the tokenizer cannot be read"):
            predictor.predict([QUESTION], 3)
        assert predictor._process is None


def test_a_card_short_of_memory_gives_all_of_it_back(settings: Settings) -> None:
    predictor = TransformersPredictor(settings)
    with closing(predictor):
        heard = Heard()
        predictor.watch(heard)
        process = process_of(predictor)
        refusal = predictor._refusal(process, protocol.Refused(1, "OutOfMemoryError", True))
        assert "the GPU's memory was not enough" in str(refusal)
        assert heard.states[-1] == Status("transformers", "failed", str(refusal))
        until(lambda: not is_alive(process.pid))
        with pytest.raises(Unavailable, match="memory was not enough"):
            predictor.predict([QUESTION], 3)


async def status_of(one: Editor) -> dict[str, Any]:
    answer = await asyncio.wait_for(
        one.client.protocol.send_request_async("namewright/status", None), 60
    )
    return answer._asdict()


async def until_state(one: Editor, *wanted: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while (status := await status_of(one))["state"] not in wanted:
            await asyncio.sleep(0.05)
    return status


def worker_of(server: int) -> int:
    """The child of the server that holds the model."""
    for task in Path(f"/proc/{server}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"server.predictors.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("the server has no such child")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc")
async def test_killed_in_mid_request_under_the_real_server(
    settings: Settings, tmp_path: Path
) -> None:
    options = {
        "predictor": "transformers",
        "model": settings.model,
        "budgetMs": 10_000,
        "minimumProbability": 0.0,
        "transformers": {"device": "cpu", "mode": "speed"},
    }
    async with editor(tmp_path, bare(), options=options, server=WITH_MODEL) as one:
        states: list[dict[str, Any]] = []

        @one.client.feature("namewright/status")
        def keep(params: Any) -> None:
            states.append(params._asdict())

        ready = await until_state(one, "ready")
        assert (ready["predictor"], ready["fallback"]) == ("transformers", None)
        pid = worker_of(one.pid)
        # Held still, so that the request is surely under way when the process dies.
        os.kill(pid, signal.SIGSTOP)
        uri = one.open()
        asking = asyncio.ensure_future(one.titles(uri))
        await until_state(one, "busy")
        os.kill(pid, signal.SIGKILL)
        # The user has an answer all the same, and one line that says whose it is.
        assert any("Rename" in title for title in await asking)
        await until_state(one, "ready")
        failed = [state for state in states if state["state"] == "failed"]
        assert failed
        assert "ended unexpectedly (signal 9)" in failed[0]["message"]
        assert failed[0]["fallback"] == "embedded"
        assert worker_of(one.pid) != pid
        told = [message.message for message in one.client.messages]
        assert len([text for text in told if "ended unexpectedly" in text]) == 1
        assert not [text for text in told if "Traceback" in text]
        again = one.open("def g(rows):\n    return sum(rows)\n", "other.py")
        await one.actions(again, (0, 4))
        status = await until_state(one, "ready")
        assert (status["predictor"], status["fallback"]) == ("transformers", None)
        worker = worker_of(one.pid)
    until(lambda: not is_alive(worker))


async def test_with_a_damaged_adapter_the_embedded_model_answers(
    settings: Settings, adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    weights = (adapter / "adapter_model.safetensors").read_bytes()
    (folder / "adapter_model.safetensors").write_bytes(weights[:-100])
    options = {
        "predictor": "transformers",
        "model": settings.model,
        "budgetMs": 10_000,
        "minimumProbability": 0.0,
        "transformers": {"device": "cpu", "adapter": str(folder)},
    }
    async with editor(tmp_path, bare(), options=options, server=WITH_MODEL) as one:
        status = await until_state(one, "failed")
        assert "cut short" in status["message"]
        uri = one.open()
        assert any("Rename" in title for title in await one.titles(uri, (4, 4)))
        assert (await status_of(one))["fallback"] == "embedded"
