"""`namewright audit`: the functions of whole trees whose names mislead, most certain first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from server.auditing.misfits import Subject, find_misfits, subjects
from server.auditing.page import as_page
from server.auditing.python_files import python_files
from server.auditing.report import Report, as_json, as_text, summary
from server.auditing.sarif import as_sarif
from server.commands.opening import InputError, read_source
from server.predictors.base import NamePredictor

FOUND = 1
_FORMS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "html": as_page,
}


def audit(
    paths: Sequence[Path],
    open_predictor: Callable[[], NamePredictor],
    *,
    form: str,
    min_confidence: float,
    fail_on: int | None,
) -> int:
    """Print a report in the given form and return the exit status.

    1 when `fail_on` or more misfits were found. A file that was named and cannot be read raises
    InputError; one that a folder holds is left out and told about.
    """
    files = python_files(paths)
    judged, skipped = _read(files, named=frozenset(path for path in paths if not path.is_dir()))
    predictor = open_predictor()
    try:
        with _progress() as progress:
            task = progress.add_task("judging names", total=len(judged))
            misfits = find_misfits(
                judged, predictor, min_confidence, lambda done: progress.advance(task, done)
            )
        report = Report(
            misfits=tuple(misfits),
            files=len(files) - len(skipped),
            functions=len(judged),
            skipped=tuple(skipped),
            predictor=predictor.identity,
            min_confidence=min_confidence,
        )
    finally:
        predictor.close()
    for path, reason in skipped:
        sys.stderr.write(f"namewright: left out {path}: {reason}\n")
    if form == "text" and sys.stdout.isatty():
        _print_table(report)
    else:
        sys.stdout.write(_FORMS[form](report))
    return FOUND if fail_on is not None and len(misfits) >= fail_on else 0


def _read(
    files: Sequence[Path], named: frozenset[Path]
) -> tuple[list[Subject], list[tuple[Path, str]]]:
    judged: list[Subject] = []
    skipped: list[tuple[Path, str]] = []
    for path in files:
        try:
            source = read_source(path)
        except InputError as error:
            if path in named:
                raise
            skipped.append((path, str(error).removeprefix(f"{path}").lstrip(": ")))
            continue
        judged.extend(subjects(path, source))
    return judged, skipped


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _print_table(report: Report) -> None:
    console = Console()
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    for _ in range(3):
        table.add_column(overflow="fold")
    for misfit in report.misfits:
        table.add_row(
            Text(f"{misfit.confidence:.0%}", "bold"),
            Text(misfit.qualified_name, "red"),
            Text(", ".join(each.name for each in misfit.suggestions), "green"),
            Text(f"{misfit.path}:{misfit.line}", "dim"),
        )
    console.print(table)
    console.print(summary(report), style="dim")
