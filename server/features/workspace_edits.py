"""A rename plan as the edit the client can take: versioned and annotated, or plain changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types as lsp

from server.documents import Snapshot
from server.errors import NamewrightError
from server.features.targets import ContentModified, Target, snapshot_of
from server.line_index import LineIndex
from server.locations import project_around, uri_of
from server.refactoring.plan import RenamePlan, TextEdit
from server.session import Session

_BOM = b"\xef\xbb\xbf"
# All certain edits carry it when something speaks against the rename as a whole.
_CERTAIN = "certain"


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a plan, with what is needed to say its offsets as positions."""

    uri: str
    version: int | None
    lines: LineIndex
    shift: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that is not refused, and the files it edits as this client knows them."""

    plan: RenamePlan
    files: dict[Path, _File]


async def edit_of(session: Session, target: Target) -> lsp.WorkspaceEdit:
    """Plan an offered rename and express it for this client; raises like `planned`."""
    snapshot = snapshot_of(session, target)
    found = await planned(session, snapshot, target.offset, target.new_name)
    return express(session, found)


async def planned(
    session: Session, snapshot: Snapshot, offset: int, new_name: str, *, alias: bool = False
) -> Planned:
    """Plan the rename of the function around `offset` of an open or closed file.

    Raises NamewrightError when the rename is refused, ContentModified when a file changed on
    the way.
    """
    opened = tuple(session.documents)
    roots = session.roots
    asks = session.settings.rename_second_opinion == "auto"
    found = await session.rename(
        lambda: _plan(roots, snapshot, opened, offset, new_name, alias, asks)
    )
    edits = found.plan.edits
    if any(session.documents.get(one.uri) is not one for one in opened if one.path in edits):
        raise ContentModified("a file changed while the rename was planned; ask for names again")
    return found


def _plan(
    roots: tuple[Path, ...],
    snapshot: Snapshot,
    opened: Sequence[Snapshot],
    offset: int,
    new_name: str,
    alias: bool,
    asks: bool,
) -> Planned:
    # Imported on the worker's thread: what reads a whole project is slow to import.
    from server.refactoring.edits import digest
    from server.refactoring.rename import Workspace, plan_rename
    from server.refactoring.second_opinion import opinion_for
    from server.refactoring.source_text import from_utf8, to_utf8

    here = _path_of(snapshot)
    roots = _roots_for(here, roots, on_disk=snapshot.path is not None)
    by_path = {_path_of(one): one for one in opened}
    inside = {
        # The planner reads bytes as Python would: in the encoding that the text itself declares.
        path: from_utf8(one.source, one.source)
        for path, one in by_path.items()
        if any(path.is_relative_to(root) for root in roots)
    }
    plan = plan_rename(
        Workspace(roots, inside), here, offset, new_name,
        alias=alias, opinion=opinion_for(roots) if asks else None,
    )  # fmt: skip
    if plan.refused:
        reasons = [one.reason for one in plan.findings if one.severity == "refuse"]
        raise NamewrightError(f"the rename to {new_name} is refused: {reasons[0]}")
    files: dict[Path, _File] = {}
    for path in plan.edits:
        one = by_path.get(path)
        if one is not None:
            files[path] = _File(one.uri, one.version, one.lines, 0)
            continue
        data = _read(path)
        if digest(data) != plan.digests.get(path):
            raise ContentModified(f"{path.name} changed meanwhile; ask for names again")
        source = to_utf8(data)
        # Editors do not count a byte-order mark as text.
        shift = len(_BOM) if source.startswith(_BOM) else 0
        files[path] = _File(uri_of(path), None, LineIndex(source[shift:]), shift)
    return Planned(plan, files)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NamewrightError(f"{path} cannot be read ({error.strerror})") from error


def _roots_for(path: Path, roots: tuple[Path, ...], *, on_disk: bool) -> tuple[Path, ...]:
    """What the rename may touch: the open folders, else the file's project, else the file alone."""
    if any(path.is_relative_to(root) for root in roots):
        return roots
    project = project_around(path) if on_disk else None
    return (project if project is not None else path,)


def _path_of(snapshot: Snapshot) -> Path:
    """The path of an open file; one of its own for a buffer or cell that is not on disk."""
    if snapshot.path is not None:
        return snapshot.path
    name = hashlib.blake2b(snapshot.uri.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return Path("/", "namewright-unsaved", f"{name}.py")


def express(session: Session, found: Planned, *, confirmed: bool = False) -> lsp.WorkspaceEdit:
    """Return the edit for this client; `confirmed` takes the doubtful edits without a question."""
    plan, files = found.plan, found.files
    annotates = session.profile.change_annotations and session.settings.rename_doubtful == "ask"
    asks = annotates and not confirmed
    warnings = _warnings(plan)
    if warnings and not asks and not confirmed:
        text = f"Before you keep this rename: {'; '.join(warnings)}"
        session.client.notify(
            lsp.WINDOW_LOG_MESSAGE, lsp.LogMessageParams(lsp.MessageType.Warning, text)
        )
    chosen = {
        files[path]: [edit for edit in edits if edit.certain or asks or confirmed]
        for path, edits in plan.edits.items()
    }
    if not session.profile.document_changes:
        return lsp.WorkspaceEdit(
            changes={
                file.uri: [_text_edit(session, file, edit) for edit in edits]
                for file, edits in chosen.items()
                if edits
            }
        )
    annotations = _annotations(plan, warnings) if asks else {}
    certain = _CERTAIN if _CERTAIN in annotations else None
    return lsp.WorkspaceEdit(
        document_changes=[
            lsp.TextDocumentEdit(
                lsp.OptionalVersionedTextDocumentIdentifier(uri=file.uri, version=file.version),
                [_annotated(session, file, edit, certain, asks=asks) for edit in edits],
            )
            for file, edits in chosen.items()
            if edits
        ],
        change_annotations=annotations or None,
    )


def _warnings(plan: RenamePlan) -> list[str]:
    """Reasons to doubt the rename as a whole: those that no doubtful edit carries."""
    carried = {edit.reason for edits in plan.edits.values() for edit in edits if not edit.certain}
    reasons = [
        f"{finding.reason} ({finding.path.name}:{finding.line})"
        for finding in plan.findings
        if finding.severity == "confirm" and finding.reason not in carried
    ]
    return list(dict.fromkeys(reasons))


def _annotations(
    plan: RenamePlan, warnings: Sequence[str]
) -> dict[lsp.ChangeAnnotationIdentifier, lsp.ChangeAnnotation]:
    """One annotation for each reason to doubt, so that a preview groups edits by it."""
    reasons = {edit.reason for edits in plan.edits.values() for edit in edits if not edit.certain}
    found = {
        _doubtful(reason): lsp.ChangeAnnotation(
            label=reason or "Perhaps the same name", needs_confirmation=True, description=reason
        )
        for reason in sorted(reasons)
    }
    if warnings:
        found[_CERTAIN] = lsp.ChangeAnnotation(
            label="Please check", needs_confirmation=True, description="; ".join(warnings)
        )
    return found


def _doubtful(reason: str) -> str:
    return f"doubtful: {reason}"


def _annotated(
    session: Session, file: _File, edit: TextEdit, certain: str | None, *, asks: bool
) -> lsp.TextEdit | lsp.AnnotatedTextEdit:
    plain = _text_edit(session, file, edit)
    annotation = certain if edit.certain else _doubtful(edit.reason)
    if annotation is None or not asks:
        return plain
    return lsp.AnnotatedTextEdit(annotation, plain.range, plain.new_text)


def _text_edit(session: Session, file: _File, edit: TextEdit) -> lsp.TextEdit:
    encoding = session.profile.encoding
    start = file.lines.place(edit.start - file.shift, encoding)
    end = file.lines.place(edit.end - file.shift, encoding)
    return lsp.TextEdit(
        lsp.Range(lsp.Position(start.line, start.column), lsp.Position(end.line, end.column)),
        edit.new_text,
    )
