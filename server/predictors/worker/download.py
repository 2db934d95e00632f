"""Fetches a model and its adapter from the Hugging Face hub, when a person asks for it."""

# The library types its results only in part.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from server.predictors.worker.checkpoint import OFFLINE, ModelError, find_folder
from server.settings import Settings

# Never pickled weights, and no second copy of the same ones in another layout.
_WANTED = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "LICENSE*", "README.md"]
_UNWANTED = ["consolidated*", "original/*"]


def download(settings: Settings, tell: Callable[[str], object]) -> None:
    """Fetch what the settings name and this machine lacks; `tell` hears what is done.

    Raises ModelError when there is nothing to fetch it by, or it cannot be had.
    """
    if not settings.model:
        raise ModelError("no model is set; add --model with a name of the hub")
    for what, name in (("model", settings.model), ("adapter", settings.transformers_adapter)):
        if not name or Path(name).expanduser().is_dir():
            continue
        if os.environ.get("HF_HUB_OFFLINE", "").lower() in OFFLINE:
            # What is there already needs no hub.
            find_folder(name, what)
            continue
        try:
            from huggingface_hub import snapshot_download
        except ImportError as error:
            raise ModelError(
                "huggingface_hub is not installed here; install namewright[gpu]"
            ) from error
        tell(f"fetching {name} from the hub, once")
        try:
            snapshot_download(name, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
        except Exception as error:
            reason = " ".join(str(error).split())[:160]
            raise ModelError(
                f"{what} {name}: cannot be fetched ({type(error).__name__}: {reason});"
                " check the name, the network, and `hf auth login` for models behind a licence"
            ) from error
