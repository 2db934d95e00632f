"""Gathers the edits of one rename: certain ones, doubtful ones, and what was left and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from server.refactoring.evidence import Evidence
from server.refactoring.family import (
    Family,
    definers,
    extend_classes,
    extend_modules,
)
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.plan import Finding, Severity, TextEdit
from server.refactoring.prose import (
    Doctest,
    code_in,
    doctest_in,
    in_example,
    is_distinctive,
    prose_mention,
)
from server.refactoring.references import (
    UNKNOWN,
    Verdict,
    name_verdict,
    receiver_of,
    receiver_verdict,
)
from server.refactoring.strings import content_span, path_values, string_mention
from server.refactoring.syntax import MODULE, Mention, Scope, chain_at, word_places
from server.refactoring.values import ClassValue, Place, place

CERTAIN, DOUBTFUL = 0.8, 0.4
_MENTIONED_AS_CODE = {".rst", ".md", ".txt"}
_CONFIGURATION = {".toml", ".cfg", ".ini"}
_MAX_ROUNDS = 4


@dataclass(slots=True)
class Collected:
    """What one rename would change so far; `uses` counts plain references beside definitions."""

    edits: dict[Path, dict[int, TextEdit]] = field(default_factory=dict[Path, dict[int, TextEdit]])
    mentions: dict[Path, list[Mention]] = field(default_factory=dict[Path, list[Mention]])
    findings: list[Finding] = field(default_factory=list[Finding])
    leftovers: list[Finding] = field(default_factory=list[Finding])
    uses: int = 0
    literals: int = 0  # strings that are exactly the name and were left alone


class Collector:
    """Walks all mentions of the old name for one plan."""

    def __init__(
        self, inference: Inference, family: Family, new_name: str, *, is_fixture: bool
    ) -> None:
        self._inference = inference
        self._family = family
        self._new = new_name
        self._is_fixture = is_fixture
        self._doubt = ""
        self._unknown: list[tuple[SourceFile, Mention, Place | None, SourceFile, int]] = []
        self._files = inference.index.files_with(family.name)
        self.result = Collected()

    def run(self) -> Collected:
        """Judge every mention; the family grows where one use means several functions at once."""
        for _ in range(_MAX_ROUNDS):
            self._unknown.clear()
            rivals, mirrors = self._judge_all()
            if not self._grow(rivals, mirrors) and not self._grow(self._ducks(), []):
                break
        self._judge_unknown()
        self._judge_text()
        return self.result

    def _judge_all(self) -> tuple[dict[ClassValue, Place], list[SourceFile]]:
        rivals: dict[ClassValue, Place] = {}
        mirrors: list[SourceFile] = []
        for file in self._files:
            if not file.is_python:
                continue
            for mention in file.table(self._family.name).mentions:
                verdict = self._judge(file, mention, file, mention.start)
                if verdict.kind == "mixed":
                    at = place(file, mention.chain)
                    rivals.update((one, at) for one in verdict.rivals)
                if verdict.kind in {"ours", "mixed"} and self._is_mirrored(file, mention):
                    mirrors.append(file)
        return rivals, mirrors

    def _judge(self, file: SourceFile, mention: Mention, home: SourceFile, offset: int) -> Verdict:
        inference, family = self._inference, self._family
        if mention.role in {"string", "comment", "module", "broken"}:
            return Verdict("other")
        if mention.role == "attribute":
            if family.is_local:
                return Verdict("other")
            receiver = receiver_of(file, mention)
            if receiver is None:
                return Verdict("other")
            if _is_mangled(family.name):
                verdict = self._mangled_verdict(file, mention)
            else:
                verdict = receiver_verdict(inference, family, inference.evaluate(receiver))
            if verdict.kind == "unknown":
                self._unknown.append((file, mention, receiver, home, offset))
            elif verdict.kind == "foreign":
                what = receiver.text.decode("utf-8", "replace")
                self._leave(f"{_short(what)} seems to be something else", home, offset)
        elif mention.role == "keyword":
            verdict = self._pattern_verdict(file, mention)
        else:
            verdict = name_verdict(inference, family, file, mention)
        if verdict.kind in {"ours", "mixed"}:
            text = self._new
            if verdict.keep_import:
                text = f"{family.name.decode()} as {self._new}"
            self._add(home, offset, text, 1.0 if not self._doubt else 0.5, self._doubt)
            if home is file:
                self._remember(file, mention)
            if mention.role == "parameter" and not self._is_fixture:
                reason = "a parameter shares this name: calls that pass it by keyword would break"
                self._find("refuse" if self._is_keyword() else "confirm", reason, home, offset)
        return verdict

    def _is_keyword(self) -> bool:
        """Whether any call of the project passes an argument by the old name."""
        return any(
            mention.role == "keyword"
            for file in self._files
            if file.is_python
            for mention in file.table(self._family.name).mentions
        )

    def _remember(self, file: SourceFile, mention: Mention) -> None:
        kept = self.result.mentions.setdefault(file.path, [])
        if mention not in kept:
            kept.append(mention)
            if mention.role not in {"def", "import", "imported"}:
                self.result.uses += 1

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

    def _grow(self, rivals: dict[ClassValue, Place], mirrors: list[SourceFile]) -> bool:
        family, grown = self._family, False
        for rival, at in rivals.items():
            if rival not in family.classes:
                reason = f"{rival.name}.{family.name.decode()} is used in the same place"
                added = extend_classes(self._inference, family, rival)
                grown |= bool(added)
                self._doubt = reason
                self._find("confirm", reason, at.file, at.start)
        for file in mirrors:
            if file.path not in family.modules:
                self._doubt = f"{file.path.name} mirrors the name"
                extend_modules(self._inference, family, file)
                self._find("confirm", self._doubt, file, 0)
                grown = True
        return grown

    def _evidence(self) -> Evidence:
        everyone = definers(self._inference, self._family.name)
        rivals = {one: None for one in everyone if one not in self._family.classes}
        return Evidence(self._inference, self._family, rivals)

    def _ducks(self) -> dict[ClassValue, Place]:
        """Return classes that share no base with the family but play the same part at some use."""
        if not self._unknown or not self._family.is_member or _is_mangled(self._family.name):
            return {}
        evidence = self._evidence()
        alike = evidence.resembling()
        if not alike:
            return {}
        for file, mention, receiver, _, _ in self._unknown:
            if receiver is not None and evidence.is_shared(file, mention, receiver):
                return dict.fromkeys(alike, place(file, mention.chain))
        return {}

    def _judge_unknown(self) -> None:
        if not self._unknown:
            return
        evidence = self._evidence()
        for file, mention, receiver, home, offset in self._unknown:
            probability = evidence.probability(file, mention, receiver)
            what = "" if receiver is None else receiver.text.decode("utf-8", "replace")
            reason = f"the type of {_short(what)} is not known ({probability:.0%} likely)"
            self._decide(home, offset, probability, reason)
            if home is file and probability >= DOUBTFUL:
                self._remember(file, mention)

    def _decide(self, home: SourceFile, offset: int, probability: float, reason: str) -> None:
        if probability >= DOUBTFUL:
            probability = min(probability, 0.7) if self._doubt else probability
            self._add(home, offset, self._new, probability, reason)
            if probability < CERTAIN:
                self._find("confirm", reason, home, offset)
        else:
            self._leave(reason, home, offset)

    def _judge_text(self) -> None:
        """Judge mentions in strings, comments, docstrings, examples and other files."""
        for file in self._files:
            if file.is_python:
                table = file.table(self._family.name)
                for mention in table.mentions:
                    if mention.role == "string":
                        self._judge_string(file, mention)
                    elif mention.role == "comment":
                        self._judge_prose(file, mention.start, is_comment=True)
                    elif mention.role == "broken":
                        reason = "the file does not parse here"
                        self._find("confirm", reason, file, mention.start)
            elif not self._family.is_local:
                self._judge_text_file(file)

    def _judge_string(self, file: SourceFile, mention: Mention) -> None:
        found = string_mention(
            self._inference, self._family, file, mention, is_fixture=self._is_fixture
        )
        if found.kind == "docstring" or in_example(file.data, mention.start):
            if in_example(file.data, mention.start):
                self._judge_examples(file, doctest_in(file, found.literal.start, found.literal.end))
            else:
                self._judge_prose(file, mention.start, is_comment=False)
        elif found.verdict.kind in {"ours", "mixed"}:
            self._add(file, mention.start, self._new, 1.0 if not self._doubt else 0.5, "")
        elif found.kind == "name" and found.verdict.kind == "unknown":
            probability = self._evidence().probability(file, mention, found.receiver)
            self._decide(file, mention.start, probability, found.reason)
        elif found.kind == "text" and not self._family.is_local:
            program = code_in(file, *content_span(found.literal))
            if program is not None and self._judge_examples(file, program):
                self._find("confirm", "a string holds a program that uses it", file, mention.start)
                return
            whole = content_span(found.literal) == (mention.start, mention.end)
            self.result.literals += whole
            self._leave("a string holds the old name", file, mention.start)

    def _judge_examples(self, file: SourceFile, examples: Doctest | None) -> bool:
        """Judge the mentions in code inside text; say whether any of them was ours."""
        if examples is None:
            return False
        before = len(self.result.edits.get(file.path, {}))
        inner = examples.file
        for mention in inner.table(self._family.name).mentions:
            offset = examples.real_offset(mention.start)
            if offset in self.result.edits.get(file.path, {}):
                continue
            if mention.role == "attribute":
                verdict = self._judge(inner, mention, file, offset)
                if verdict.kind == "unknown":
                    receiver = receiver_of(inner, mention)
                    probability = self._evidence().probability(file, mention, receiver)
                    self._decide(file, offset, probability, "an example uses the name")
            elif self._example_is_ours(file, inner, mention):
                self._add(file, offset, self._new, 1.0, "")
        return len(self.result.edits.get(file.path, {})) > before

    def _example_is_ours(self, file: SourceFile, inner: SourceFile, mention: Mention) -> bool:
        if mention.role in {"string", "comment", "keyword", "module", "broken"}:
            return False
        table = inner.table(self._family.name)
        scope = table.scope_of(mention.scopes)
        bound = table.bindings.get(scope, ())
        if mention.role == "imported":
            return name_verdict(self._inference, self._family, inner, mention) != Verdict("other")
        if not bound:
            return (file.path, MODULE) in self._family.scopes
        imports = [one for one in bound if one.role == "import"]
        for one in imports:
            scopes = Family(self._family.name, {(inner.path, scope)}, modules=self._family.modules)
            verdict = name_verdict(self._inference, scopes, inner, one)
            if verdict.kind == "ours" and not verdict.keep_import:
                return True
        return False

    def _judge_text_file(self, file: SourceFile) -> None:
        name = self._family.name
        for start in word_places(file.data, name):
            if in_example(file.data, start) and file.path.suffix in _MENTIONED_AS_CODE:
                self._judge_examples(file, doctest_in(file, 0, len(file.data)))
            elif file.path.suffix in _MENTIONED_AS_CODE:
                self._judge_prose(file, start, is_comment=False)
            elif not self._judge_path(file, start) and _looks_like_code(file.data, start):
                self._leave(f"{file.path.name} mentions the name", file, start)

    def _judge_path(self, file: SourceFile, start: int) -> bool:
        """Edit `package.module:name` in a configuration file when it leads to the family."""
        prose = prose_mention(file.data, start, start + len(self._family.name))
        line = file.data.rfind(b"\n", 0, start) + 1
        before = file.data[line:start].replace(b":", b".")
        parts = before.split()[-1:] or [b""]
        dotted = parts[0].strip(b"\"'[]=,").split(b".")[:-1] or list(prose.prefix)
        if file.path.suffix not in _CONFIGURATION or not dotted:
            return False
        values = path_values(self._inference, file, dotted)
        if receiver_verdict(self._inference, self._family, values).kind == "ours":
            self._add(file, start, self._new, 1.0, "")
            return True
        return False

    def _judge_prose(self, file: SourceFile, start: int, *, is_comment: bool) -> None:
        family = self._family
        if family.is_local and file.path not in {path for path, _ in family.scopes}:
            return
        end = start + len(family.name)
        prose = prose_mention(file.data, start, end)
        at_home = file.path in {path for path, _ in family.scopes}
        if prose.prefix:
            last = prose.prefix[-1]
            owners = {one.name.encode() for one in family.classes}
            stems = {path.stem.encode() for path in family.modules}
            stems |= {path.parent.name.encode() for path in family.modules}
            meant = last in owners | stems or (last in {b"self", b"cls"} and at_home)
        else:
            meant = at_home or (is_distinctive(family.name) and self._is_unique())
            meant = meant and not self._means_local(file, start)
        if not meant:
            return
        if prose.quoted and not family.is_local:
            self._add(file, start, self._new, 1.0, "")
        elif prose.called or prose.prefix or is_distinctive(family.name):
            what = "a comment mentions the name" if is_comment else "the text mentions the name"
            self._add(file, start, self._new, 0.6, what)

    def _means_local(self, file: SourceFile, start: int) -> bool:
        """Whether text in a function or class means something of its own by the name."""
        if not file.is_python:
            return False
        chain = chain_at(file.tree, start, start + len(self._family.name))
        for depth in range(len(chain) - 1, 0, -1):
            node = chain[depth]
            if node.type == "function_definition":
                table = file.table(self._family.name)
                scope = Scope("function", node.start_byte)
                if scope in table.bindings and (file.path, scope) not in self._family.scopes:
                    return True
        if not self._family.is_member or is_distinctive(self._family.name):
            return False
        around = place(file, chain).nearest("class_definition")
        return around is None or ClassValue(around) not in self._family.classes

    def _is_unique(self) -> bool:
        everyone = definers(self._inference, self._family.name)
        return all(one in self._family.classes for one in everyone)

    def _add(
        self, file: SourceFile, offset: int, text: str, probability: float, reason: str
    ) -> None:
        edits = self.result.edits.setdefault(file.path, {})
        if offset not in edits:
            certain = probability >= CERTAIN
            end = offset + len(self._family.name)
            edits[offset] = TextEdit(offset, end, text, certain, "" if certain else reason)

    def _find(self, severity: Severity, reason: str, file: SourceFile, offset: int) -> None:
        finding = Finding(severity, reason, file.path, file.line_of(offset))
        if finding not in self.result.findings:
            self.result.findings.append(finding)

    def _leave(self, reason: str, file: SourceFile, offset: int) -> None:
        note = Finding("note", f"left as it is: {reason}", file.path, file.line_of(offset))
        if note not in self.result.leftovers:
            self.result.leftovers.append(note)


def _is_mangled(name: bytes) -> bool:
    return name.startswith(b"__") and not name.endswith(b"__")


def _looks_like_code(data: bytes, start: int) -> bool:
    return data[max(0, start - 1) : start] in {b".", b"'", b'"', b"{", b" ", b":"}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:37] + "…"


__all__ = ["UNKNOWN", "Collected", "Collector"]
