"""The account of one rename: edits gathered so far, what was found, and what was left and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from server.refactoring.index import SourceFile
from server.refactoring.plan import Finding, Severity, TextEdit
from server.refactoring.syntax import Mention

CERTAIN, DOUBTFUL = 0.8, 0.3
MAX_NOTES = 20
_IF_CONFIRMED = 0.7


@dataclass(slots=True)
class Ledger:
    """What renaming `name` would change so far.

    `uses` counts plain references beside definitions, `literals` the strings that are exactly the
    name and were left alone; `doubt` is why everything found from now on needs confirmation.
    """

    name: bytes
    new_name: str
    edits: dict[Path, dict[int, TextEdit]] = field(default_factory=dict[Path, dict[int, TextEdit]])
    mentions: dict[Path, list[Mention]] = field(default_factory=dict[Path, list[Mention]])
    findings: list[Finding] = field(default_factory=list[Finding])
    leftovers: list[Finding] = field(default_factory=list[Finding])
    uses: int = 0
    literals: int = 0
    doubt: str = ""

    def add(
        self,
        file: SourceFile,
        offset: int,
        probability: float = 1.0,
        reason: str = "",
        text: str = "",
    ) -> None:
        """Enter the edit at an offset, once; below `CERTAIN` it is doubtful for the reason."""
        edits = self.edits.setdefault(file.path, {})
        if self.doubt:
            probability = min(probability, _IF_CONFIRMED)
            reason = reason or self.doubt
        if offset not in edits:
            certain = probability >= CERTAIN
            end = offset + len(self.name)
            new_text = text or self.new_name
            edits[offset] = TextEdit(offset, end, new_text, certain, "" if certain else reason)

    def decide(self, file: SourceFile, offset: int, probability: float, reason: str) -> None:
        """Enter a likely edit, with a question when it is not certain; leave an unlikely one."""
        if probability < DOUBTFUL:
            self.leave(reason, file, offset)
            return
        self.add(file, offset, probability, reason)
        if probability < CERTAIN:
            self.find("confirm", reason, file, offset)

    def remember(self, file: SourceFile, mention: Mention) -> None:
        """Keep a mention in code for the checks of collisions, and count it as a use."""
        kept = self.mentions.setdefault(file.path, [])
        if mention not in kept:
            kept.append(mention)
            if mention.role not in {"def", "import", "imported"}:
                self.uses += 1

    def find(self, severity: Severity, reason: str, file: SourceFile, offset: int) -> None:
        """Enter a finding, once."""
        finding = Finding(severity, reason, file.path, file.line_of(offset))
        if finding not in self.findings:
            self.findings.append(finding)

    def leave(self, reason: str, file: SourceFile, offset: int) -> None:
        """Note a mention that stays as it is."""
        if len(self.leftovers) < MAX_NOTES:
            note = Finding("note", f"left as it is: {reason}", file.path, file.line_of(offset))
            if note not in self.leftovers:
                self.leftovers.append(note)
