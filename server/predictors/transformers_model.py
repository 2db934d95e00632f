"""Which model the settings name for this machine's GPU, and whether it can run here.

Reads headers and asks the driver; the weights themselves are the worker's.
"""

from __future__ import annotations

import hashlib
import importlib.util

from server.errors import NamewrightError
from server.predictors.worker.card import memory_of_cards
from server.predictors.worker.checkpoint import (
    Checkpoint,
    ModelError,
    find_folder,
    open_adapter,
    open_model,
)
from server.predictors.worker.shapes import (
    check_weights,
    fit_adapter,
    memory_needed,
    sizes_of,
)
from server.settings import Settings

_LIBRARIES = ("torch", "transformers", "safetensors", "bitsandbytes")


def fits(settings: Settings) -> str:
    """Why the configured model cannot run here, in one line; empty when it can.

    Reads headers and asks the driver; imports nothing heavy.
    """
    try:
        base, adapter = open_configured(settings)
        sizes = sizes_of(base)
        check_weights(base, sizes)
        if adapter is not None:
            fit_adapter(adapter, base, sizes)
    except NamewrightError as error:
        return str(error)
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed here; install namewright[gpu]"
    if settings.transformers_device == "cpu":
        return ""
    cards = memory_of_cards()
    if not cards:
        return "no NVIDIA driver or GPU here; install the driver, or set transformers.device to cpu"
    needed = memory_needed(sizes, adapter, settings.transformers_mode)
    if max(cards) < needed:
        return (
            f"the model needs about {needed / 1e9:.1f} GB and the GPU has {max(cards) / 1e9:.1f};"
            " set transformers.mode to memory, or use a smaller model"
        )
    return ""


def open_configured(settings: Settings) -> tuple[Checkpoint, Checkpoint | None]:
    """Base and adapter of the settings, by their headers; raises ModelError."""
    if not settings.model:
        raise ModelError("no model is set; set `model` to a folder or a name of the hub")
    base = open_model(find_folder(settings.model, "model"))
    if not settings.transformers_adapter:
        return base, None
    return base, open_adapter(find_folder(settings.transformers_adapter, "adapter"))


def fingerprint(mode: str, base: Checkpoint, adapter: Checkpoint | None) -> str:
    """Known before the weights are read: which files, how large and how old."""
    paths = {entry.path for one in (base, adapter) if one for entry in one.tensors.values()}
    parts = [mode]
    for path in sorted(paths):
        found = path.stat()
        parts.append(f"{path}\x1f{found.st_size}\x1f{found.st_mtime_ns}")
    return hashlib.blake2b("\x1e".join(parts).encode(), digest_size=8).hexdigest()
