"""What a rename would do, as values: edits per file, reasons for doubt, and how they are applied.

Offsets count UTF-8 bytes; a file in another encoding is transcoded by `server.refactoring.files`
on the way in and back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from server.errors import NamewrightError

Severity = Literal["refuse", "confirm", "note"]


class RenameError(NamewrightError):
    """A rename that was asked for cannot be planned or written."""


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace the bytes `start:end` of a file's UTF-8 text; a doubtful edit says why."""

    start: int
    end: int
    new_text: str
    certain: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason for doubt and its place; `line` is 1-based."""

    severity: Severity
    reason: str
    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class RenamePlan:
    """Edits by file and findings; `digests` holds each edited file's content hash at planning."""

    edits: Mapping[Path, tuple[TextEdit, ...]]
    findings: tuple[Finding, ...]
    digests: Mapping[Path, str] = field(default_factory=dict[Path, str])

    @property
    def refused(self) -> bool:
        """Whether any finding forbids the rename."""
        return any(finding.severity == "refuse" for finding in self.findings)

    @property
    def doubtful(self) -> bool:
        """Whether a person should confirm something before the whole plan is applied."""
        return any(finding.severity == "confirm" for finding in self.findings)


def apply_edits(data: bytes, edits: Iterable[TextEdit]) -> bytes:
    """Return UTF-8 `data` with `edits` made; raises RenameError when edits overlap or overrun."""
    pieces: list[bytes] = []
    position = 0
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        if edit.start < position or edit.end < edit.start or edit.end > len(data):
            raise RenameError("two edits of the rename overlap; nothing was changed")
        pieces += [data[position : edit.start], edit.new_text.encode()]
        position = edit.end
    pieces.append(data[position:])
    return b"".join(pieces)


def chosen_edits(edits: Iterable[TextEdit], *, include_doubtful: bool) -> tuple[TextEdit, ...]:
    """Return the edits to make: the certain ones, and the doubtful ones when asked for."""
    return tuple(edit for edit in edits if edit.certain or include_doubtful)
