"""An audit as SARIF 2.1.0, the form that code hosts and CI systems show beside the lines."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import quote

from server import __version__
from server.auditing.misfits import Misfit
from server.auditing.report import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_RULE = "misleading-name"


def as_sarif(report: Report) -> str:
    """The report as one SARIF run; paths below the working folder are written relative to it."""
    run = {
        "tool": {
            "driver": {
                "name": "namewright",
                "semanticVersion": __version__,
                "rules": [_rule()],
                "properties": {
                    "predictor": report.predictor.name,
                    "fingerprint": report.predictor.fingerprint,
                },
            }
        },
        "columnKind": "utf16CodeUnits",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {
                        "level": "warning",
                        "message": {"text": reason},
                        "locations": [{"physicalLocation": {"artifactLocation": _uri(path)}}],
                    }
                    for path, reason in report.skipped
                ],
            }
        ],
        "results": [_result(misfit) for misfit in report.misfits],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule() -> dict[str, object]:
    text = "The body of the function suggests another name than the one it has."
    return {
        "id": _RULE,
        "name": "MisleadingName",
        "shortDescription": {"text": "Function name that misleads"},
        "fullDescription": {"text": text},
        "help": {
            "text": "Read the function and the suggested names; when one says better what it "
            "does, rename with `namewright rename FILE --line N NEW --apply`."
        },
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["maintainability", "readability"]},
    }


def _result(misfit: Misfit) -> dict[str, object]:
    names = ", ".join(f"`{each.name}` ({each.probability:.0%})" for each in misfit.suggestions)
    message = f"`{misfit.qualified_name}` would be expected to be called {names}."
    return {
        "ruleId": _RULE,
        "ruleIndex": 0,
        "level": "warning",
        "message": {"text": message},
        "rank": round(100 * min(misfit.confidence, 1.0), 2),
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _uri(misfit.path),
                    "region": {
                        "startLine": misfit.line,
                        "startColumn": misfit.column,
                        "endColumn": misfit.end_column,
                    },
                },
                "logicalLocations": [
                    {
                        "name": misfit.name,
                        "fullyQualifiedName": misfit.qualified_name,
                        "kind": "member" if misfit.is_method else "function",
                    }
                ],
            }
        ],
        "partialFingerprints": {"functionName/v1": _fingerprint(misfit)},
        "properties": {
            "confidence": round(misfit.confidence, 6),
            "suggestions": [each.name for each in misfit.suggestions],
        },
    }


def _fingerprint(misfit: Misfit) -> str:
    """Stays the same while lines move, so that a finding is not reported as new."""
    content = f"{_relative(misfit.path).as_posix()}\0{misfit.qualified_name}"
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _uri(path: Path) -> dict[str, str]:
    relative = _relative(path)
    if relative.is_absolute():
        return {"uri": relative.as_uri()}
    return {"uri": quote(relative.as_posix(), safe="/")}


def _relative(path: Path) -> Path:
    absolute, here = path.resolve(), Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
