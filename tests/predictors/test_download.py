"""`namewright check --download`: the only way to the hub, and only when it may be gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from server.cli import main
from server.predictors.worker.download import download
from server.settings import Settings

NAMES = Settings(model="owner/model", transformers_adapter="owner/adapter")


@pytest.fixture
def asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base: Path
) -> list[tuple[str, dict[str, Any]]]:
    """A hub of one model, and what it was asked for."""
    calls: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def snapshot(name: str, **how: Any) -> str:
        calls.append((name, how))
        if name == "owner/gone":
            raise OSError("404: not found\nfor url …")
        folder = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
        shutil.copytree(base, folder / "snapshots" / "abc")
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("abc")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    return calls


def test_model_and_adapter_are_fetched_without_pickles(
    asked: list[tuple[str, dict[str, Any]]],
) -> None:
    told: list[str] = []
    download(NAMES, told.append)
    assert [name for name, _ in asked] == ["owner/model", "owner/adapter"]
    assert told == [f"fetching {name} from the hub, once" for name, _ in asked]
    patterns = asked[0][1]["allow_patterns"]
    assert "*.safetensors" in patterns
    assert not any(".bin" in pattern or ".pt" in pattern for pattern in patterns)


def test_a_folder_is_not_looked_for_on_the_hub(
    asked: list[tuple[str, dict[str, Any]]], base: Path
) -> None:
    download(Settings(model=str(base)), lambda line: None)
    assert asked == []


def command(*more: str) -> int:
    model = ("--set", "transformers.device=cpu", "--download")
    return main(["check", "--predictor", "transformers", *more, *model])


def test_offline_nothing_is_fetched(
    asked: list[tuple[str, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert command("--model", "owner/model") == 2
    assert asked == []
    told = capsys.readouterr().err
    assert told.startswith("namewright: model owner/model: not on this machine; HF_HUB_OFFLINE")
    assert told.count("\n") == 1


def test_what_the_hub_has_not_is_one_line(
    asked: list[tuple[str, dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--model", "owner/gone") == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "fetching owner/gone from the hub, once"
    assert "cannot be fetched (OSError: 404: not found for url …)" in told[1]
    assert len(told) == 2


def test_without_a_model_there_is_nothing_to_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 2
    assert "no model is set" in capsys.readouterr().err


def test_check_shows_what_was_fetched(
    asked: list[tuple[str, dict[str, Any]]], capfd: pytest.CaptureFixture[str]
) -> None:
    status = command("--model", "owner/model", "--set", "transformers.mode=speed")
    told = capfd.readouterr()
    assert "transformers" in told.out, told.err
    assert "speed" in told.out
    assert status == 0, told.err
