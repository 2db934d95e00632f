"""What an audit found, and its plain forms: lines for a terminal or a log, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from server.auditing.misfits import Misfit
from server.predictors.base import Identity


@dataclass(frozen=True, slots=True)
class Report:
    """The misfits of one audit, most certain first; `skipped` are files and why they were left."""

    misfits: tuple[Misfit, ...]
    files: int
    functions: int
    skipped: tuple[tuple[Path, str], ...]
    predictor: Identity
    min_confidence: float


def as_text(report: Report) -> str:
    """One line for each misfit, in the form that editors and terminals turn into links."""
    lines = [
        f"{misfit.path}:{misfit.line}:{misfit.column}: {misfit.qualified_name} "
        f"→ {', '.join(each.name for each in misfit.suggestions)} ({misfit.confidence:.0%})"
        for misfit in report.misfits
    ]
    return "\n".join([*lines, summary(report)]) + "\n"


def as_json(report: Report) -> str:
    """The whole report as one JSON object."""
    document = {
        "predictor": report.predictor.name,
        "fingerprint": report.predictor.fingerprint,
        "files": report.files,
        "functions": report.functions,
        "min_confidence": report.min_confidence,
        "misfits": [
            {
                "file": misfit.path.as_posix(),
                "line": misfit.line,
                "column": misfit.column,
                "function": misfit.name,
                "qualified_name": misfit.qualified_name,
                "confidence": round(misfit.confidence, 6),
                "current_probability": round(misfit.probability, 6),
                "suggestions": [
                    {"name": each.name, "probability": round(each.probability, 6)}
                    for each in misfit.suggestions
                ],
            }
            for misfit in report.misfits
        ],
        "skipped": [{"file": path.as_posix(), "reason": reason} for path, reason in report.skipped],
    }
    return json.dumps(document, indent=2) + "\n"


def summary(report: Report) -> str:
    """One sentence: how much was read and how much was found."""
    found = len(report.misfits)
    return (
        f"{found} of {report.functions} function{'' if report.functions == 1 else 's'} "
        f"in {report.files} file{'' if report.files == 1 else 's'} "
        f"{'has a name that misleads' if found == 1 else 'have names that mislead'}"
        f" (confidence ≥ {report.min_confidence:g})"
    )
