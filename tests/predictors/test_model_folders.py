"""Folders that are damaged, pickled or for another model: one line says so, and nothing loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.errors import NamewrightError
from server.predictors.transformers import load_transformers
from server.predictors.transformers_model import fits
from server.settings import Settings


def edit(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | changes))


def cut(folder: Path) -> None:
    """The last file of weights loses its end."""
    path = max(folder.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-1000])


def pickle(folder: Path) -> None:
    for path in (*folder.glob("*.safetensors"), *folder.glob("*.index.json")):
        path.unlink()
    name = "adapter_model.bin" if (folder / "adapter_config.json").exists() else "model.bin"
    (folder / name).write_bytes(b"\x80\x04")


def not_json(folder: Path) -> None:
    (folder / "config.json").write_text("<html>")


def garbage(folder: Path) -> None:
    max(folder.glob("*.safetensors")).write_bytes(b"<html>Not found</html>" * 9)


BASES: list[tuple[Callable[[Path], object], str]] = [
    (cut, "cut short"),
    (pickle, "pickled"),
    (not_json, "not JSON"),
    (garbage, "damaged or cut short"),
    (lambda folder: (folder / "config.json").unlink(), "cannot be read"),
    (lambda folder: max(folder.glob("*.safetensors")).unlink(), "cannot be read"),
    (lambda folder: edit(folder / "config.json", vocab_size=2000), "config.json says 2000 × 64"),
    (lambda folder: edit(folder / "config.json", num_hidden_layers=3), "lack model.layers.2"),
    (lambda folder: edit(folder / "config.json", model_type="gpt2"), "Llama family"),
    (lambda folder: edit(folder / "config.json", hidden_size="wide"), "not a configuration"),
    (
        lambda folder: edit(folder / "config.json", quantization_config={"bits": 4}),
        "quantised already",
    ),
    (
        lambda folder: edit(folder / "config.json", rope_scaling={"rope_type": "yarn"}),
        "not supported",
    ),
]


@pytest.mark.parametrize(("harm", "told"), BASES)
def test_a_base_that_cannot_be_used(
    base: Path, settings: Settings, tmp_path: Path, harm: Callable[[Path], object], told: str
) -> None:
    folder = shutil.copytree(base, tmp_path / "base")
    wanted = replace(settings, model=str(folder))
    assert fits(wanted) == ""
    harm(folder)
    reason = fits(wanted)
    assert told in reason
    assert "\n" not in reason
    with pytest.raises(NamewrightError) as raised:
        load_transformers(wanted)
    assert str(raised.value) == reason


def narrower(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    halved = {
        name: one[:, :32].contiguous() if "lora_A" in name else one for name, one in tensors.items()
    }
    assert all(isinstance(one, torch.Tensor) for one in halved.values())
    save_file(halved, path)


def deeper(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    save_file({name.replace("layers.1.", "layers.7."): one for name, one in tensors.items()}, path)


ADAPTERS: list[tuple[Callable[[Path], object], str]] = [
    (cut, "cut short"),
    (pickle, "pickled"),
    (narrower, "made for another base"),
    (deeper, "made for another base"),
    (lambda folder: edit(folder / "adapter_config.json", use_dora=True), "not a plain LoRA"),
    (
        lambda folder: edit(folder / "adapter_config.json", modules_to_save=["lm_head"]),
        "more than LoRA",
    ),
]


@pytest.mark.parametrize(("harm", "told"), ADAPTERS)
def test_an_adapter_that_cannot_be_used(
    adapter: Path, settings: Settings, tmp_path: Path, harm: Callable[[Path], object], told: str
) -> None:
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    wanted = replace(settings, transformers_adapter=str(folder))
    assert fits(wanted) == ""
    harm(folder)
    assert told in fits(wanted)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "no model is set"),
        ("/nowhere/model", "no such folder"),
        ("model", "no such folder"),
        ("owner/model", "namewright check --download"),
    ],
)
def test_a_model_that_is_not_there_is_not_fetched(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert told in fits(replace(settings, model=name))
    assert not any(tmp_path.iterdir())


def test_a_model_of_the_hub_is_found_in_its_cache(
    base: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--owner--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots").mkdir()
    (folder / "snapshots" / "abc").symlink_to(base, target_is_directory=True)
    assert fits(replace(settings, model="owner/model")) == ""


def test_without_a_driver_the_reason_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.predictors.transformers_model.memory_of_cards", lambda: None)
    assert "no NVIDIA driver" in fits(replace(settings, transformers_device="auto"))


def test_a_card_that_is_too_small_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.predictors.transformers_model.memory_of_cards", lambda: [10**9])
    reason = fits(replace(settings, transformers_device="cuda:0"))
    assert "the model needs about 1.2 GB and the GPU has 1.0" in reason
