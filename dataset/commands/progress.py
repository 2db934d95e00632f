"""The progress bar of a build: units, rows, rate and time left."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from dataset.parts import Part


class PartProgress:
    """Shows parts as they are made; problems scroll above the bar."""

    def __init__(self, units: int, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[functions]:,} functions, {task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task("read", total=units, functions=0, rate=0.0)
        self._functions = 0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def note(self, part: Part) -> None:
        """Count one finished part."""
        self._functions += part.counts.get("functions", 0)
        if part.problem:
            # As it is, in one line: paths may hold brackets, and be longer than the terminal.
            self._progress.console.print(
                f"dataset: {part.name}: {part.problem}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        rate = self._functions / max(time.monotonic() - self._started, 0.001)
        self._progress.update(self._task, advance=1, functions=self._functions, rate=rate)
