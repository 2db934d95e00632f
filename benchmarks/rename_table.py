"""The rows of `benchmarks/rename.py` and the table made of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rename_sites import Site

PROBE = "3"
_HEAD = (
    "engine", "n", "tests pass", "pass or refused", "broken, no finding", "broken, not asked",
    "good refused", "good with a doubt", "no stranger touched", "… unasked", "median / p95 ms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One rename by one engine and what the tests said.

    `passed` judges all edits, `certain_passed` those that need no confirmation. `seen` counts
    edited attributes that the tests execute, `unrelated` those of them that never mean the family,
    `missed` reads of the family that were not edited; None where the probe cannot tell.
    """

    package: str
    part: str
    engine: str
    state: str
    path: str
    line: int
    offset: int
    name: str
    kind: str
    passed: bool
    certain_passed: bool
    refused: bool
    doubtful: bool
    findings: list[str]
    seconds: float
    error: str
    seen: int | None
    unrelated: int | None
    missed: int | None
    judged_by: str = ""  # which state of the probe; rows of another one do not count for strangers
    unasked: int | None = None  # strangers among the edits that need no confirmation

    @property
    def key(self) -> str:
        """What the row is about, for one state of the engine."""
        return f"{self.package} {self.path} {self.offset} {self.engine} {self.state}"

    @property
    def any_key(self) -> str:
        """What the row is about, whatever the state of the engine."""
        return f"{self.package} {self.path} {self.offset} {self.engine} "

    @staticmethod
    def key_of(site: Site, root: Path, engine: str, state: str) -> str:
        """Return the key that a row about this rename has."""
        return f"{site.package} {site.path.relative_to(root)} {site.offset} {engine} {state}"


def table(rows: Sequence[Row]) -> str:
    """Return the table of the rows, one line for each engine."""
    lines = [f"| {' | '.join(_HEAD)} |", "|---" * len(_HEAD) + "|"]
    for engine in dict.fromkeys(row.engine for row in rows):
        cells = _cells(engine, [row for row in rows if row.engine == engine])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(engine: str, rows: Sequence[Row]) -> list[str]:
    good = [row for row in rows if row.passed]
    silent = [row for row in rows if not row.passed and not row.refused and not _warned(row)]
    judged = [row for row in rows if row.judged_by == PROBE and row.seen is not None]
    judged = [row for row in judged if not row.refused]
    times = sorted(row.seconds * 1000 for row in rows)
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    return [
        engine,
        str(len(rows)),
        _share(sum(r.passed and not r.refused for r in rows), sum(not r.refused for r in rows)),
        _share(sum(row.passed or row.refused for row in rows), len(rows)),
        _share(len(silent), len(rows)),
        _share(sum(not (r.passed or r.refused or r.doubtful) for r in rows), len(rows)),
        _share(sum(row.refused for row in good), len(good)),
        _share(sum(row.doubtful and not row.refused for row in good), len(good)),
        _share(sum(not row.unrelated for row in judged), len(judged)),
        _share(sum(not row.unasked for row in judged), len(judged)),
        f"{statistics.median(times):.0f} / {p95:.0f}",
    ]


def _warned(row: Row) -> bool:
    """Whether a finding beyond the general note on public names told of the danger."""
    return any("is public:" not in one for one in row.findings)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}% ({part}/{whole})" if whole else "–"
