"""`namewright rename`: one function renamed in its whole project, shown first or written."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from server.commands.opening import Place, open_function, project_root
from server.refactoring.edits import RenamePlan, apply_edits, write_plan
from server.refactoring.plan import chosen_edits
from server.refactoring.rename import Workspace, plan_rename
from server.refactoring.source_text import to_utf8

REFUSED = 1
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_SEVERITY_STYLES = {"refuse": "bold red", "confirm": "yellow", "note": "dim"}


def rename(
    path: Path,
    line: int,
    new_name: str,
    *,
    apply: bool,
    confirm: bool,
    as_json: bool,
    alias: bool = False,
) -> int:
    """Rename the function around a line (from 1) and return the exit status (1: refused)."""
    function, _ = open_function(Place(path, line))
    offset = function.name_span.start
    return rename_function(
        path, offset, new_name, apply=apply, confirm=confirm, as_json=as_json, alias=alias
    )


def rename_function(
    path: Path,
    offset: int,
    new_name: str,
    *,
    apply: bool,
    confirm: bool,
    as_json: bool,
    alias: bool = False,
) -> int:
    """Rename the function whose name is at `offset` (UTF-8 bytes); raises NamewrightError.

    Without `apply` nothing is written; `confirm` includes the doubtful edits; `alias` leaves the
    old name behind, deprecated.
    """
    path = path.absolute()
    workspace = Workspace((project_root(path),), {})
    plan = plan_rename(workspace, path, offset, new_name, alias=alias)
    if as_json:
        sys.stdout.write(json.dumps(_as_json(plan), indent=2) + "\n")
    else:
        _print_findings(plan)
    if plan.refused:
        return REFUSED
    if apply:
        written = write_plan(plan, include_doubtful=confirm)
        if not as_json:
            _print_summary(plan, confirm, f"renamed in {_count(len(written), 'file')}")
    elif not as_json:
        _print_diff(plan, confirm)
        _print_summary(plan, confirm, "nothing written yet; write with --apply")
    return 0


def _as_json(plan: RenamePlan) -> dict[str, object]:
    return {
        "edits": {
            str(path): [
                {
                    "start": edit.start,
                    "end": edit.end,
                    "new_text": edit.new_text,
                    "certain": edit.certain,
                }
                for edit in edits
            ]
            for path, edits in plan.edits.items()
        },
        "findings": [
            {
                "severity": finding.severity,
                "reason": finding.reason,
                "path": str(finding.path),
                "line": finding.line,
            }
            for finding in plan.findings
        ],
    }


def _print_findings(plan: RenamePlan) -> None:
    console = Console()
    for finding in plan.findings:
        severity = Text(finding.severity, style=_SEVERITY_STYLES[finding.severity])
        place = f"{_shown(finding.path)}:{finding.line}"
        console.print(Text.assemble(severity, f"  {place}  {finding.reason}"), soft_wrap=True)


def _print_diff(plan: RenamePlan, confirm: bool) -> None:
    console = Console()
    for path, edits in plan.edits.items():
        before = to_utf8(path.read_bytes())
        after = apply_edits(before, chosen_edits(edits, include_doubtful=confirm))
        name = _shown(path)
        for line in difflib.unified_diff(_lines(before), _lines(after), name, name, lineterm=""):
            console.print(Text(line, style=_DIFF_STYLES.get(line[:1], "")), soft_wrap=True)


def _print_summary(plan: RenamePlan, confirm: bool, outcome: str) -> None:
    edits = [edit for each in plan.edits.values() for edit in each]
    certain = sum(1 for edit in edits if edit.certain)
    doubtful = len(edits) - certain
    parts = [_count(certain, "certain edit")]
    if doubtful:
        advice = "included" if confirm else "left out; --confirm includes them"
        parts.append(f"{doubtful} doubtful ({advice})")
    Console().print(Text(f"{', '.join(parts)}: {outcome}"), soft_wrap=True)


def _lines(text: bytes) -> list[str]:
    return text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
