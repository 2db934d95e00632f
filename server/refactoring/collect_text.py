"""Gathers what one rename changes in text: strings, docstrings, comments, examples, other files."""

from __future__ import annotations

from pathlib import Path

from server.refactoring.collect import Collector
from server.refactoring.evidence import is_test
from server.refactoring.family import Family, definers
from server.refactoring.index import SourceFile
from server.refactoring.inference import Inference
from server.refactoring.ledger import DOUBTFUL, Ledger
from server.refactoring.listed import lookup_of
from server.refactoring.prose import (
    Doctest,
    code_in,
    doctest_in,
    in_example,
    in_template_code,
    is_distinctive,
    prose_mention,
)
from server.refactoring.references import name_verdict, receiver_of, receiver_verdict
from server.refactoring.strings import content_span, path_values, string_mention
from server.refactoring.syntax import MODULE, Mention, Scope, chain_at, word_places
from server.refactoring.values import ClassValue, Place, place

_MENTIONED_AS_CODE = {".rst", ".md", ".txt"}
_TEMPLATES = {".html", ".jinja", ".j2", ".mako", ".tmpl"}
_CONFIGURATION = {".toml", ".cfg", ".ini"}
_OFFERED = 0.6


class TextCollector:
    """Walks the mentions in text, after the code around them was judged."""

    def __init__(
        self,
        inference: Inference,
        family: Family,
        ledger: Ledger,
        code: Collector,
        *,
        is_fixture: bool,
    ) -> None:
        self._inference = inference
        self._family = family
        self._ledger = ledger
        self._code = code
        self._is_fixture = is_fixture
        self._known_examples: dict[tuple[Path, int], Doctest | None] = {}

    def run(self) -> None:
        """Judge mentions in strings, comments, docstrings, examples and other files."""
        for file in self._inference.index.files_with(self._family.name):
            if file.is_python:
                table = file.table(self._family.name)
                for mention in table.mentions:
                    if mention.role == "string":
                        self._judge_string(file, mention)
                    elif mention.role == "comment":
                        self._judge_prose(file, mention.start, is_comment=True)
                    if mention.role == "broken" or _in_error(mention):
                        # Far from the function it may be meant to be broken: a test's data.
                        at_home = file.path in {path for path, _ in self._family.scopes}
                        reason = "the file does not parse here; mend the syntax first"
                        severity = "refuse" if at_home else "confirm"
                        self._ledger.find(severity, reason, file, mention.start)
            elif not self._family.is_local:
                self._judge_text_file(file)

    def _judge_string(self, file: SourceFile, mention: Mention) -> None:
        found = string_mention(
            self._inference, self._family, file, mention, is_fixture=self._is_fixture
        )
        if found.kind == "docstring" or in_example(file.data, mention.start):
            if in_example(file.data, mention.start):
                self._judge_examples(
                    file, self._examples(file, found.literal.start, found.literal.end)
                )
            else:
                self._judge_prose(file, mention.start, is_comment=False)
        elif found.verdict.kind in {"ours", "mixed"}:
            self._ledger.add(file, mention.start)
        elif found.kind == "name" and found.verdict.kind == "unknown":
            probability = self._code.evidence().probability(file, mention, found.receiver)
            self._ledger.decide(file, mention.start, probability, found.reason)
            if probability < DOUBTFUL and not is_test(file.path) and not self._family.is_local:
                reason = f"{found.reason}: any object may be asked for it"
                self._ledger.find("confirm", reason, file, mention.start)
        elif found.kind == "text" and not self._family.is_local:
            program = code_in(file, *content_span(found.literal))
            if program is not None and self._judge_examples(file, program):
                reason = "a string holds a program that uses it"
                self._ledger.find("confirm", reason, file, mention.start)
                return
            whole = content_span(found.literal) == (mention.start, mention.end)
            if whole and self._judge_listed(file, mention, found.literal):
                return
            self._ledger.literals += whole
            self._ledger.leave("a string holds the old name", file, mention.start)

    def _judge_listed(self, file: SourceFile, mention: Mention, literal: Place) -> bool:
        """Judge a name in a list of names that a loop looks up; say whether it is the family's."""
        lookup = lookup_of(literal)
        if lookup is None or not self._family.is_member:
            return False
        if lookup.receiver in {b"self", b"cls"}:
            around = literal.nearest("class_definition")
            owner = None if around is None else ClassValue(around)
            if owner is not None and not self._is_related(owner):
                return False
        elif not self._is_unique():
            return False
        if not lookup.is_plain or self._is_key(file, literal):
            reason = "a list names it for a loop of getattr, and the same names serve other ends"
            self._ledger.find("refuse", reason, file, mention.start)
        elif lookup.receiver in {b"self", b"cls"}:
            self._ledger.add(file, mention.start)
        else:
            reason = "a list names it for a loop of getattr"
            self._ledger.decide(file, mention.start, _OFFERED, reason)
        return True

    def _is_related(self, owner: ClassValue) -> bool:
        graph = self._inference.classes
        lines = [graph.lineage(one).order for one in (owner, *graph.descendants(owner))]
        return any(one in self._family.classes for line in lines for one in line)

    def _is_key(self, file: SourceFile, literal: Place) -> bool:
        """Whether the file has the name as a keyword, or as a string that is no list's, too."""
        return any(
            one.role == "keyword" or _is_key_string(file, one)
            for one in file.table(self._family.name).mentions
            if not literal.start <= one.start < literal.end
        )

    def _examples(self, file: SourceFile, start: int, end: int) -> Doctest | None:
        key = (file.path, start)
        if key not in self._known_examples:
            self._known_examples[key] = doctest_in(file, start, end)
        return self._known_examples[key]

    def _judge_examples(self, file: SourceFile, examples: Doctest | None) -> bool:
        """Judge the mentions in code inside text; say whether any of them was ours."""
        if examples is None:
            return False
        before = len(self._ledger.edits.get(file.path, {}))
        inner = examples.file
        for mention in inner.table(self._family.name).mentions:
            offset = examples.real_offset(mention.start)
            if offset in self._ledger.edits.get(file.path, {}):
                continue
            if mention.role == "attribute":
                verdict = self._code.judge(inner, mention, file, offset)
                if verdict.kind == "unknown":
                    receiver = receiver_of(inner, mention)
                    probability = self._code.evidence().probability(file, mention, receiver)
                    self._ledger.decide(file, offset, probability, "an example uses the name")
            elif self._example_is_ours(file, inner, mention):
                self._ledger.add(file, offset)
        return len(self._ledger.edits.get(file.path, {})) > before

    def _example_is_ours(self, file: SourceFile, inner: SourceFile, mention: Mention) -> bool:
        if mention.role in {"string", "comment", "keyword", "module", "broken"}:
            return False
        table = inner.table(self._family.name)
        scope = table.scope_of(mention.scopes)
        bound = table.bindings.get(scope, ())
        if mention.role == "imported":
            return name_verdict(self._inference, self._family, inner, mention).kind == "ours"
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
                self._judge_examples(file, self._examples(file, 0, len(file.data)))
            elif file.path.suffix in _MENTIONED_AS_CODE:
                self._judge_prose(file, start, is_comment=False)
            elif file.path.suffix in _TEMPLATES:
                if in_template_code(file.data, start):
                    reason = "a template mentions the name; it is not edited"
                    self._ledger.find("confirm", reason, file, start)
                else:
                    self._ledger.leave(f"{file.path.name} mentions the name", file, start)
            elif not self._judge_path(file, start) and _looks_like_code(file.data, start):
                self._ledger.leave(f"{file.path.name} mentions the name", file, start)

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
            self._ledger.add(file, start)
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
            self._ledger.add(file, start)
        elif prose.called or prose.prefix or is_distinctive(family.name):
            what = "a comment mentions the name" if is_comment else "the text mentions the name"
            self._ledger.add(file, start, _OFFERED, what)

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


def _in_error(mention: Mention) -> bool:
    return any(node.type == "ERROR" for node in mention.chain)


def _is_key_string(file: SourceFile, mention: Mention) -> bool:
    before, after = file.data[mention.start - 1 : mention.start], file.data[mention.end :][:1]
    if mention.role != "string" or before != after or before not in {b"'", b'"'}:
        return False
    literal = next(node for node in reversed(mention.chain) if node.type == "string")
    above = mention.chain[mention.chain.index(literal) - 1]
    if above.type == "argument_list":
        callee = mention.chain[mention.chain.index(above) - 1].child_by_field_name("function")
        return callee is not None and not (callee.text or b"").endswith(b"attr")
    return above.type in {"subscript", "pair", "comparison_operator"}


def _looks_like_code(data: bytes, start: int) -> bool:
    return data[max(0, start - 1) : start] in {b".", b"'", b'"', b"{", b" ", b":"}
