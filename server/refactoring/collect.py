"""Gathers what one rename changes in code; the family grows where one use means several things."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from server.refactoring.ducks import Partners, asked_for, protocol_partners
from server.refactoring.evidence import Evidence, Typed, is_test
from server.refactoring.family import (
    Family,
    definers,
    extend_classes,
    extend_modules,
    is_mangled,
)
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.ledger import DOUBTFUL, Ledger
from server.refactoring.references import (
    UNKNOWN,
    Verdict,
    name_verdict,
    receiver_of,
    receiver_verdict,
)
from server.refactoring.strings import path_values
from server.refactoring.syntax import MODULE, Mention
from server.refactoring.values import ClassValue, Place, place

_MAX_ROUNDS = 4
_TORN = 0.5  # where the family and something outside the project may both stand
_RISK = 0.15  # that any use left alone would break
_LITERALS = {"string", "list", "dictionary", "set", "tuple", "integer", "float"}


class Collector:
    """Walks all mentions of the old name for one plan."""

    def __init__(
        self, inference: Inference, family: Family, new_name: str, *, is_fixture: bool
    ) -> None:
        self._inference = inference
        self._family = family
        self._is_fixture = is_fixture
        self._unknown: list[tuple[SourceFile, Mention, Place | None, SourceFile, int]] = []
        self._typed: dict[tuple[Path, int], str] = {}
        self._files = inference.index.files_with(family.name)
        self._ledger = Ledger(family.name, new_name)

    def run(self) -> Ledger:
        """Judge every mention; the family grows where one use means several functions at once."""
        for _ in range(_MAX_ROUNDS):
            self._unknown.clear()
            if not (
                self._grow(*self._judge_files())
                or self._grow(protocol_partners(self._inference, self._family), [])
                or self._grow(self._ducks(), [])
            ):
                break
        self._judge_unknown()
        return self._ledger

    def _judge_files(self) -> tuple[Partners, list[SourceFile]]:
        rivals: Partners = {}
        mirrors: list[SourceFile] = []
        for file in self._files:
            if not file.is_python:
                continue
            for mention in file.table(self._family.name).mentions:
                verdict = self.judge(file, mention, file, mention.start)
                if verdict.kind == "mixed":
                    at = place(file, mention.chain)
                    rivals.update((one, (at, self._same_place(one))) for one in verdict.rivals)
                if verdict.kind in {"ours", "mixed"} and self._is_mirrored(file, mention):
                    mirrors.append(file)
        return rivals, mirrors

    def judge(self, file: SourceFile, mention: Mention, home: SourceFile, offset: int) -> Verdict:
        """Judge a mention in the code of `file`, and enter what it means at `offset` of `home`.

        The two files differ for code inside text: an example in a docstring of `home`.
        """
        inference, family = self._inference, self._family
        if mention.role in {"string", "comment", "module", "broken"}:
            return Verdict("other")
        if mention.role == "attribute":
            if family.is_local:
                return Verdict("other")
            receiver = receiver_of(file, mention)
            if receiver is None:
                return Verdict("other")
            if is_mangled(family.name):
                verdict = self._mangled_verdict(file, mention)
            else:
                verdict = receiver_verdict(inference, family, inference.evaluate(receiver))
            self._typed[home.path, offset] = _party(verdict)
            if verdict.kind == "foreign" and receiver.kind not in _LITERALS:
                # A type that lacks the attribute cannot be the type: it was misread.
                verdict = UNKNOWN
            if verdict.kind == "unknown":
                self._unknown.append((file, mention, receiver, home, offset))
            elif verdict.kind == "foreign":
                what = receiver.text.decode("utf-8", "replace")
                self._ledger.leave(f"{_short(what)} seems to be something else", home, offset)
        elif mention.role == "keyword":
            verdict = self._pattern_verdict(file, mention)
        else:
            verdict = name_verdict(inference, family, file, mention)
        if verdict.outside:
            what = f"{verdict.outside}.{family.name.decode()}, outside the project,"
            self._ledger.decide(home, offset, _TORN, f"{what} is used in the same place")
        if verdict.kind in {"ours", "mixed"}:
            text = ""
            if verdict.keep_import:
                text = f"{family.name.decode()} as {self._ledger.new_name}"
            self._ledger.add(home, offset, text=text)
            if home is file:
                self._ledger.remember(file, mention)
            if mention.role == "parameter" and not self._is_fixture:
                reason = "a parameter shares this name: calls that pass it by keyword would break"
                severity = "refuse" if self._is_keyword() else "confirm"
                self._ledger.find(severity, reason, home, offset)
        return verdict

    def _is_keyword(self) -> bool:
        """Whether any call of the project passes an argument by the old name."""
        return any(
            mention.role == "keyword"
            for file in self._files
            if file.is_python
            for mention in file.table(self._family.name).mentions
        )

    def _mangled_verdict(self, file: SourceFile, mention: Mention) -> Verdict:
        around = place(file, mention.chain).nearest("class_definition")
        mine = around is not None and ClassValue(around) in self._family.classes
        return Verdict("ours" if mine else "other")

    def _pattern_verdict(self, file: SourceFile, mention: Mention) -> Verdict:
        at = place(file, mention.chain).nearest("class_pattern")
        if at is None or mention.chain[-2].type != "keyword_pattern" or not self._family.is_member:
            return Verdict("other")
        named = next(at.children(), None)
        if named is None:
            return Verdict("other")
        values = path_values(self._inference, file, named.text.split(b"."))
        values = values or self._inference.name(file, named.text, named)
        return receiver_verdict(self._inference, self._family, values)

    def _is_mirrored(self, file: SourceFile, mention: Mention) -> bool:
        """Whether the mention stands in `name = …` of a module that keeps the name as its own."""
        if (file.path, MODULE) in self._family.scopes or len(mention.scopes) > 1:
            return False
        statement = place(file, mention.chain).nearest("assignment")
        left = None if statement is None else statement.field("left")
        return left is not None and left.text == self._family.name

    def _same_place(self, rival: ClassValue) -> str:
        return f"{rival.name}.{self._family.name.decode()} is used in the same place"

    def _grow(self, rivals: Partners, mirrors: list[SourceFile]) -> bool:
        family, grown = self._family, False
        for rival, (at, reason) in rivals.items():
            if rival not in family.classes:
                added = extend_classes(self._inference, family, rival)
                grown |= bool(added)
                self._ledger.doubt = reason
                self._ledger.find("confirm", reason, at.file, at.start)
        for file in mirrors:
            if file.path not in family.modules:
                self._ledger.doubt = f"{file.path.name} mirrors the name"
                extend_modules(self._inference, family, file)
                self._ledger.find("confirm", self._ledger.doubt, file, 0)
                grown = True
        return grown

    def evidence(self) -> Evidence:
        """Return the weights for receivers that nobody can type."""
        everyone = definers(self._inference, self._family.name)
        rivals = {one: None for one in everyone if one not in self._family.classes}
        inside = {key: one for key, one in self._typed.items() if not is_test(key[0])}
        unknown = [home for _, _, _, home, _ in self._unknown]
        everything = _counted(self._typed, len(unknown))
        source = _counted(inside, sum(not is_test(one.path) for one in unknown))
        return Evidence(self._inference, self._family, rivals, everything, source)

    def _ducks(self) -> Partners:
        """Return classes that share no base with the family but play the same part at some use."""
        if not self._unknown or not self._family.is_member or is_mangled(self._family.name):
            return {}
        evidence = self.evidence()
        if not evidence.is_builtin:
            asked = asked_for(self._inference, self._family)
            if asked:
                return asked
        alike = evidence.resembling()
        if not alike:
            return {}
        for file, mention, receiver, _, _ in self._unknown:
            if receiver is not None and evidence.is_shared(file, mention, receiver):
                at = place(file, mention.chain)
                return {one: (at, self._same_place(one)) for one in alike}
        return {}

    def _judge_unknown(self) -> None:
        if not self._unknown:
            return
        evidence = self.evidence()
        left: list[tuple[float, SourceFile, int]] = []
        for file, mention, receiver, home, offset in self._unknown:
            probability = evidence.probability(file, mention, receiver)
            what = "" if receiver is None else receiver.text.decode("utf-8", "replace")
            reason = f"the type of {_short(what)} is not known ({probability:.0%} likely)"
            self._ledger.decide(home, offset, probability, reason)
            if probability < DOUBTFUL:
                left.append((probability, home, offset))
            elif home is file:
                self._ledger.remember(file, mention)
        risk = 1 - math.prod(1 - one for one, _, _ in left)
        if risk >= _RISK:
            _, home, offset = max(left, key=lambda one: one[0])
            reason = (
                f"of {len(left)} uses that stay as they are, one may mean it ({risk:.0%} likely)"
            )
            self._ledger.find("confirm", reason, home, offset)


def _counted(typed: dict[tuple[Path, int], str], unknown: int) -> Typed:
    found = Counter(typed.values())
    return Typed(found["ours"], found["theirs"], found["elsewhere"], unknown)


def _party(verdict: Verdict) -> str:
    if verdict.kind in {"ours", "mixed", "unknown"}:
        return "ours" if verdict.kind == "ours" else ""
    return "theirs" if verdict.rivals else "elsewhere"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:37] + "…"
