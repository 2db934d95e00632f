"""Checkpoints that are whole or absent, the newest of which a run goes on from.

A checkpoint is written to a partial folder, synced, and renamed in one step; signals ask the run
to save at the end of its step and stop; a full disk is one line.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from training.errors import TrainingError

_NAME = re.compile(r"checkpoint-(\d+)")
_PARTIAL = ".partial"
_SETTINGS = "recipe.json"
# What may differ between a run and its continuation.
_FREE = {"max_steps", "num_train_epochs", "save_steps", "logging_steps", "eval_steps", "report_to",
         "output_dir", "samples", "save_total_limit", "run_name"}  # fmt: skip


def newest(folder: Path) -> Path | None:
    """The newest checkpoint of a run; partial ones are cleared away."""
    if not folder.is_dir():
        return None
    for partial in folder.glob(f"*{_PARTIAL}"):
        shutil.rmtree(partial, ignore_errors=True)
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def start(folder: Path, values: Mapping[str, Any], resume: bool) -> Path | None:
    """Where a run begins: its newest checkpoint, or None for the beginning.

    Raises TrainingError when the folder holds a run that nobody asked to resume, or when the
    recipe is no longer the one that the run began with.
    """
    checkpoint = newest(folder)
    settings = folder / _SETTINGS
    if not resume:
        if checkpoint is not None or (folder / "adapter").exists():
            raise TrainingError(
                f"output_dir: {folder} holds a run; add --resume to go on, or name another folder"
            )
    elif settings.exists():
        _compare(settings, values)
    folder.mkdir(parents=True, exist_ok=True)
    with told_when_full(folder):
        settings.write_text(json.dumps(dict(values), indent=2, default=str), encoding="utf-8")
    return checkpoint


def _compare(settings: Path, values: Mapping[str, Any]) -> None:
    before: dict[str, Any] = json.loads(settings.read_text(encoding="utf-8"))
    now: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    changed = sorted(name for name in {*before, *now} - _FREE if before.get(name) != now.get(name))
    if changed:
        name = changed[0]
        raise TrainingError(
            f"{settings}: {name} was {before.get(name)!r} and is {now.get(name)!r}; resume with"
            " the recipe that the run began with"
        )


def publish(partial: Path, folder: Path) -> None:
    """Sync all files of a partial folder and give it its name; an older one gives way."""
    for path in sorted(partial.rglob("*")):
        if path.is_file():
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
    if folder.exists():
        old = folder.with_name(f"{folder.name}.old{_PARTIAL}")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.rename(folder)


def atomic(trainer_class: type) -> type:
    """The trainer class with checkpoints that are whole or absent."""

    class Atomic(trainer_class):
        """Saves as its parent does, but into a partial folder first."""

        _saving_to: str | None = None

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """The card is written once, beside the finished adapter."""

        def _get_output_dir(self, trial: Any) -> str:
            return self._saving_to or super()._get_output_dir(trial)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            """PEFT loads an adapter in fp32 whatever it was; a resumed run must go on in its own
            types (bf16 over a 4-bit base) to give what the whole run would have given."""
            parameters = dict((model or self.model).named_parameters())
            types = {name: p.dtype for name, p in parameters.items() if p.requires_grad}
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            for name, parameter in (model or self.model).named_parameters():
                if name in types:
                    parameter.data = parameter.data.to(types[name])

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            from transformers.trainer_utils import rotate_checkpoints

            run = Path(super()._get_output_dir(trial))
            name = f"checkpoint-{self.state.global_step}"
            partial = run / f"{name}{_PARTIAL}"
            self._saving_to = str(partial)
            with told_when_full(run):
                try:
                    super()._save_checkpoint(model, trial)
                finally:
                    self._saving_to = None
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    publish(partial / name, run / name)
                    shutil.rmtree(partial, ignore_errors=True)
                    rotate_checkpoints(
                        output_dir=str(run), save_total_limit=self.args.save_total_limit
                    )
                self.accelerator.wait_for_everyone()

    return Atomic


@contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Turns a full disk into one line; the libraries report it in ways of their own."""
    try:
        yield
    except Exception as error:
        if _is_full(error):
            raise TrainingError(
                f"{folder}: the disk is full; free some space and run the same command with"
                " --resume"
            ) from error
        raise


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        text = str(error)
        # safetensors' text, and torch's when it cannot write an archive.
        if "os error 28" in text or "No space left" in text or "PytorchStreamWriter" in text:
            return True
        error = error.__cause__ or error.__context__
    return False


class Signals:
    """SIGTERM and SIGINT ask a run to stop after its step; the second SIGINT stops at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number
