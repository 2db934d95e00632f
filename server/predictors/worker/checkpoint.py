"""What lies in a model's or an adapter's folder, read from headers alone, and whether it is whole.

Only safetensors are read: pickled weights can run code. Nothing here needs torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from server.errors import NamewrightError

_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_WIDTHS = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1}
ADAPTER_CONFIG = "adapter_config.json"


class ModelError(NamewrightError):
    """A model or an adapter that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies in its file, in bytes from the file's beginning."""

    path: Path
    kind: str
    shape: tuple[int, ...]
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder's configuration and tensors."""

    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Entry]


def find_folder(name: str, what: str) -> Path:
    """The folder that a setting names: a path, or a name of the hub that is on this machine.

    Raises ModelError when it is neither.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise ModelError(f"{what} {name}: no such folder; name one, or a model of the hub")
    found = _in_hub_cache(name)
    if found is None:
        raise ModelError(
            f"{what} {name}: not on this machine; fetch it once with `namewright check --download`"
        )
    return found


def _in_hub_cache(name: str) -> Path | None:
    """The newest snapshot of a repository in the hub's cache, if it is there.

    The layout is huggingface_hub's, see its guide "Understand caching".
    """
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    folder = cache / f"models--{name.replace('/', '--')}"
    try:
        commit = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def open_model(folder: Path) -> Checkpoint:
    """A base model's folder; raises ModelError when a file is missing, pickled or cut short."""
    config = read_json(folder / "config.json", "a model's folder has one")
    index = folder / "model.safetensors.index.json"
    if index.exists():
        places = read_json(index, "")
        files = sorted(set(cast("dict[str, str]", places.get("weight_map", {})).values()))
    else:
        files = ["model.safetensors"]
    if not (folder / files[0]).exists():
        pickled = [path.name for path in folder.iterdir() if path.suffix in _PICKLED]
        if pickled:
            raise ModelError(
                f"{folder}: only pickled weights ({pickled[0]}), which can run code when they are"
                " opened; convert them to safetensors"
            )
        raise ModelError(f"{folder}: {files[0]} is missing; fetch the model again")
    tensors: dict[str, Entry] = {}
    for name in files:
        tensors.update(_entries(folder / name))
    return Checkpoint(folder, config, tensors)


def open_adapter(folder: Path) -> Checkpoint:
    """A PEFT adapter's folder; raises ModelError as `open_model` does."""
    config = read_json(folder / ADAPTER_CONFIG, "an adapter's folder has one")
    weights = folder / "adapter_model.safetensors"
    if not weights.exists():
        if (folder / "adapter_model.bin").exists():
            raise ModelError(
                f"{folder}: only pickled weights (adapter_model.bin), which can run code when they"
                " are opened; save the adapter as safetensors"
            )
        raise ModelError(f"{folder}: adapter_model.safetensors is missing")
    return Checkpoint(folder, config, _entries(weights))


def read_json(path: Path, hint: str) -> dict[str, Any]:
    """The object in a JSON file; raises ModelError."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        said = f"; {hint}" if hint else ""
        raise ModelError(f"{path}: cannot be read ({error.strerror}){said}") from error
    except ValueError as error:
        raise ModelError(f"{path}: not JSON; fetch the model again") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path}: not a JSON object; fetch the model again")
    return cast("dict[str, Any]", found)


def _entries(path: Path) -> dict[str, Entry]:
    """The tensors of a safetensors file: a length, a JSON header, and bytes at its offsets."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 0 < length <= size - 8:
                raise ModelError(f"{path}: damaged or cut short; fetch it again")
            header = cast("dict[str, Any]", json.loads(stream.read(length)))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); fetch it again") from error
    except ValueError as error:
        raise ModelError(f"{path}: not a safetensors file; fetch it again") from error
    found: dict[str, Entry] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            start, end = entry["data_offsets"]
            shape = tuple(int(one) for one in entry["shape"])
            kind = str(entry["dtype"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: not a safetensors file; fetch it again") from error
        count = _WIDTHS.get(kind, 0)
        for one in shape:
            count *= one
        if count and count != end - start:
            raise ModelError(f"{path}: damaged ({name} has the wrong size); fetch it again")
        if 8 + length + end > size:
            raise ModelError(
                f"{path}: cut short ({size:,} of {8 + length + end:,} bytes at least);"
                " fetch it again"
            )
        found[name] = Entry(path, kind, shape, 8 + length + start, end - start)
    return found
