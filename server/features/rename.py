"""The command `namewright.rename`: any function to any name, previewed or applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from lsprotocol import types as lsp

from server.documents import Snapshot
from server.errors import NamewrightError
from server.features.configuration import as_json
from server.features.progress import progress
from server.features.workspace_edits import Planned, express, planned
from server.line_index import Place
from server.locations import path_of, uri_of
from server.session import Session

RENAME_COMMAND = "namewright.rename"
_BOM = b"\xef\xbb\xbf"
_NOTHING: Mapping[str, object] = {}
_NEEDS = 'the command needs {"uri", "position": {"line", "character"}, "newName"}'


async def rename(session: Session, argument: object) -> dict[str, object]:
    """Rename the function at a place of an open or closed file.

    Options: `apply` (default true) hands the edit to the editor, false only shows it; `confirm`
    includes doubtful edits without a question; `alias` leaves a deprecated alias behind. Answers
    {"applied", "edit", "findings"}. Raises NamewrightError when the rename is refused.
    """
    options = _options(argument)
    snapshot, shift = await session.analyse(lambda: _snapshot(session, options.uri))
    offset = snapshot.lines.offset(options.place, session.profile.encoding)
    name = snapshot.function_at(offset)
    offset += shift
    title = f"Rename {name.name if name else 'function'} to {options.new_name}"
    if not options.apply:
        found = await planned(session, snapshot, offset, options.new_name, alias=options.alias)
        edit = express(session, found, confirmed=options.confirm)
        return _answer(session, found, edit, applied=False)
    async with progress(session, title):
        found = await planned(session, snapshot, offset, options.new_name, alias=options.alias)
    edit = express(session, found, confirmed=options.confirm)
    result: object = await session.client.request(
        lsp.WORKSPACE_APPLY_EDIT, lsp.ApplyWorkspaceEditParams(edit=edit, label=title)
    )
    applied = isinstance(result, lsp.ApplyWorkspaceEditResult) and result.applied
    return _answer(session, found, edit, applied=applied)


@dataclass(frozen=True, slots=True)
class _Options:
    """The command's argument, checked."""

    uri: str
    place: Place
    new_name: str
    apply: bool
    confirm: bool
    alias: bool


def _options(argument: object) -> _Options:
    value = as_json(argument)
    values = _mapping(value)
    at = _mapping(values.get("position"))
    match (values.get("uri"), at.get("line"), at.get("character"), values.get("newName")):
        case (str(uri), int(line), int(character), str(new_name)):
            apply = values.get("apply", True) is not False
            confirm, alias = values.get("confirm") is True, values.get("alias") is True
            return _Options(uri, Place(line, character), new_name, apply, confirm, alias)
        case _:
            raise NamewrightError(_NEEDS)


def _mapping(value: object) -> Mapping[str, object]:
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else _NOTHING


def _snapshot(session: Session, uri: str) -> tuple[Snapshot, int]:
    """The open file, or a closed one as it is on disk; and the bytes that editors do not count."""
    snapshot = session.documents.get(uri)
    if snapshot is not None:
        return snapshot, 0
    from server.refactoring.source_text import to_utf8

    path = path_of(uri)
    if path is None:
        raise NamewrightError("this file is neither open nor on disk; open it and ask again")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NamewrightError(f"{path} cannot be read ({error.strerror})") from error
    text = to_utf8(data)
    shift = len(_BOM) if text.startswith(_BOM) else 0
    return Snapshot(uri, 0, text[shift:]), shift


def _answer(
    session: Session, found: Planned, edit: lsp.WorkspaceEdit, *, applied: bool
) -> dict[str, object]:
    findings: list[dict[str, object]] = []
    for one in found.plan.findings:
        file = found.files.get(one.path)
        line, end = one.line - 1, 0
        if file is not None:
            last = file.lines.line_start(line) + len(file.lines.line_text(line))
            end = file.lines.place(last, session.profile.encoding).column
        findings.append(
            {
                "severity": one.severity,
                "reason": one.reason,
                "uri": uri_of(one.path) if file is None else file.uri,
                "range": lsp.Range(lsp.Position(line, 0), lsp.Position(line, end)),
            }
        )
    return {"applied": applied, "edit": edit, "findings": findings}
