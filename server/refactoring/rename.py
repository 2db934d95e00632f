"""Plan the rename of the function at a position: every edit across the workspace, every doubt."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dataset.functions import Function, function_at, parse
from server.refactoring.alias import add_alias
from server.refactoring.collect import Collector
from server.refactoring.collect_text import TextCollector
from server.refactoring.collisions import collisions
from server.refactoring.ducks import outside_partners
from server.refactoring.dynamic import computed_in_classes, computed_in_project
from server.refactoring.edits import (
    Finding,
    RenameError,
    RenamePlan,
    TextEdit,
    apply_edits,
    digest,
)
from server.refactoring.family import Family, family_of
from server.refactoring.fixtures import extend_fixture, is_fixture
from server.refactoring.hooks import hooks
from server.refactoring.index import ProjectIndex, SourceFile
from server.refactoring.inference import Inference
from server.refactoring.modules import is_ambiguous
from server.refactoring.names import check_new_name
from server.refactoring.parity import parallel_classes, stand_ins
from server.refactoring.pyright import Spans
from server.refactoring.second_opinion import Opinion, answer_of, question_of, weigh
from server.refactoring.source_text import from_utf8, to_utf8
from server.refactoring.syntax import Mention
from server.refactoring.values import FunctionValue, place
from server.refactoring.workspace import Workspace

__all__ = ["Workspace", "plan_rename"]


def plan_rename(
    workspace: Workspace,
    path: Path,
    offset: int,
    new_name: str,
    *,
    alias: bool = False,
    opinion: Opinion | None = None,
) -> RenamePlan:
    """Return the plan that renames the function around `offset` (UTF-8 bytes) of `path`.

    With `alias` the old name stays behind as a deprecated alias; an `opinion` is asked where
    each use is. Raises RenameError when there is no function there, the file is not readable
    Python, or the new name is no name. Reasons that forbid the rename are findings of the plan.
    """
    with workspace.index.lock:
        return _locked_plan(workspace, path, offset, new_name, alias, opinion)


def _locked_plan(
    workspace: Workspace,
    path: Path,
    offset: int,
    new_name: str,
    alias: bool,
    opinion: Opinion | None,
) -> RenamePlan:
    started = time.monotonic()
    index = workspace.current_index()
    file = index.get(path)
    inside = file is not None and bool(workspace.roots)
    if file is None:
        file = _lone_file(workspace, path)
        index = _index_of_one(file)
    if not file.readable:
        to_utf8(file.raw)  # raises, and says which encoding failed
    function = function_at(file.data, offset, file.tree)
    if function is None:
        raise RenameError(f"{path} has no function at this place; put the cursor on a definition")
    name = check_new_name(function.name, new_name)
    mention = _definition(file, function)
    inference = Inference(index)
    family = family_of(inference, file, mention)
    if not inside and not family.is_local:
        reason = "the file belongs to no open folder, so its uses elsewhere cannot be found"
        return _refusal(file, function, reason)
    question = None
    if opinion is not None and not family.is_local:
        question = question_of(index, family, (file.path, mention.start))
    asked = opinion.ask(question) if opinion is not None and question is not None else None
    plan = _plan(
        inference, family, file, function, mention, name, alias, lambda: answer_of(asked, started)
    )
    index.trim()
    return plan


def _lone_file(workspace: Workspace, path: Path) -> SourceFile:
    if path in workspace.overlays:
        return SourceFile(path, workspace.overlays[path])
    try:
        return SourceFile(path, path.read_bytes())
    except OSError as error:
        raise RenameError(f"{path} cannot be read ({error.strerror})") from error


def _index_of_one(file: SourceFile) -> ProjectIndex:
    index = ProjectIndex(())
    index.update(file.path, file.raw)
    return index


def _definition(file: SourceFile, function: Function) -> Mention:
    name = file.data[function.name_span.start : function.name_span.end]
    for mention in file.table(name).mentions:
        if mention.start == function.name_span.start and mention.role == "def":
            return mention
    raise RenameError(f"{file.path} does not parse around {function.name}; mend the syntax first")


def _refusal(file: SourceFile, function: Function, reason: str) -> RenamePlan:
    return RenamePlan({}, (Finding("refuse", reason, file.path, function.line),))


def _plan(
    inference: Inference,
    family: Family,
    file: SourceFile,
    function: Function,
    mention: Mention,
    name: str,
    alias: bool,
    second: Callable[[], Spans],
) -> RenamePlan:
    value = FunctionValue(place(file, mention.chain[:-1]))
    fixture = is_fixture(value)
    if fixture:
        extend_fixture(inference, family, value)
    code = Collector(inference, family, name, is_fixture=fixture)
    collected = code.run()
    TextCollector(inference, family, collected, code, is_fixture=fixture).run()
    weigh(inference.index, collected, second())
    findings = list(collected.findings)
    if file.tree.root_node.has_error:
        findings.append(
            Finding("confirm", f"{file.path.name} does not parse cleanly", file.path, function.line)
        )
    uses, literals = collected.uses, collected.literals
    named = hooks(family, value, name, uses)
    computed = computed_in_classes(inference, family, value, literals, uses)
    for hook in (*named, *computed):
        at = hook.place
        findings.append(Finding(hook.severity, hook.reason, at.path, at.file.line_of(at.start)))
    if not family.is_local:
        findings += computed_in_project(inference, family, value)
    for mine, other in parallel_classes(inference, family):
        reason = f"{other.name} has the same members as {mine.name}: its {function.name} stays"
        at = other.definition
        findings.append(Finding("confirm", reason, at.path, at.file.line_of(at.start)))
    for other in stand_ins(inference, family):
        reason = f"{other.name} hands on what it lacks: its own {function.name} stays"
        at = other.definition
        findings.append(Finding("confirm", reason, at.path, at.file.line_of(at.start)))
    for given, what in outside_partners(inference, family):
        reason = f"{what}, outside the project, stands for a protocol that names {function.name}"
        findings.append(Finding("refuse", reason, given.path, given.file.line_of(given.start)))
    for one in collisions(inference, family, name.encode(), collected.mentions):
        findings.append(Finding("refuse", one.reason, one.path, one.line))
    if alias:
        add_alias(inference, family, collected)
    else:
        findings += _public(inference.index, family, file, function)
    findings += collected.leftovers
    edits = {
        path: tuple(found[start] for start in sorted(found))
        for path, found in sorted(collected.edits.items())
    }
    findings += _unsafe_files(inference.index, edits)
    digests = {path: digest(_raw(inference.index, path)) for path in edits}
    return RenamePlan(edits, tuple(dict.fromkeys(findings)), digests)


def _public(
    index: ProjectIndex, family: Family, file: SourceFile, function: Function
) -> Iterator[Finding]:
    """Yield the note that users of an installed package may call the function."""
    if family.is_local or function.name.startswith("_") or function.is_nested:
        return
    exported = any(
        path.stem == "__init__" and file is not None and b"__all__" in file.words
        for path, file in ((path, index.get(path)) for path in family.modules)
    )
    installable = any(
        (root / one).is_file() for root in index.roots for one in ("pyproject.toml", "setup.py")
    )
    is_test = "test" in file.path.name or "tests" in file.path.parts
    if exported or (installable and not is_test):
        reason = f"{function.name} is public: code that others wrote may call it; "
        reason += "ask for a deprecated alias to keep it working"
        yield Finding("note", reason, file.path, function.line)


def _unsafe_files(
    index: ProjectIndex, edits: dict[Path, tuple[TextEdit, ...]]
) -> Iterator[Finding]:
    for path, changes in edits.items():
        file = index.get(path)
        if file is None:
            continue
        if index.roots and not any(path.resolve().is_relative_to(r.resolve()) for r in index.roots):
            yield Finding("refuse", f"{path} is a link out of the workspace", path, 1)
        elif path.exists() and not os.access(path, os.W_OK):
            yield Finding("refuse", f"{path} is read-only", path, 1)
        ambiguous = is_ambiguous(index.modules, path, index.roots) if len(index.roots) > 1 else ""
        if ambiguous:
            reason = f"two folders of the workspace both hold {ambiguous}; open one of them"
            yield Finding("refuse", reason, path, 1)
        yield from _breaks(file, changes)


def _breaks(file: SourceFile, changes: tuple[TextEdit, ...]) -> Iterator[Finding]:
    after = apply_edits(file.data, changes)
    line = file.line_of(changes[0].start) if changes else 1
    if file.is_python and not file.tree.root_node.has_error and parse(after).root_node.has_error:
        yield Finding("refuse", f"{file.path.name} would no longer parse", file.path, line)
    try:
        from_utf8(after, file.raw)
    except RenameError as error:
        yield Finding("refuse", str(error), file.path, line)


def _raw(index: ProjectIndex, path: Path) -> bytes:
    file = index.get(path)
    return b"" if file is None else file.raw
