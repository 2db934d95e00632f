"""Write a rename plan to disk: all files or none, and only if nothing changed since planning."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from server.refactoring.plan import (
    Finding,
    RenameError,
    RenamePlan,
    Severity,
    TextEdit,
    apply_edits,
    chosen_edits,
)
from server.refactoring.source_text import from_utf8, to_utf8

__all__ = [
    "Finding",
    "RenameError",
    "RenamePlan",
    "Severity",
    "TextEdit",
    "apply_edits",
    "chosen_edits",
    "digest",
    "write_plan",
]


def digest(data: bytes) -> str:
    """Return the hash by which a plan knows the content it was made for."""
    return hashlib.sha256(data).hexdigest()


def write_plan(plan: RenamePlan, include_doubtful: bool) -> tuple[Path, ...]:
    """Write the plan's edits and return the files written.

    Every new content is prepared beside its file before the first is put in place; if putting
    one in place fails, those already replaced get their old bytes back. Raises RenameError when
    the plan is refused, a file changed meanwhile, or cannot be written.
    """
    if plan.refused:
        reasons = [one.reason for one in plan.findings if one.severity == "refuse"]
        raise RenameError(f"the rename is refused: {reasons[0]}")
    prepared: list[tuple[Path, bytes, Path]] = []
    try:
        for path, edits in plan.edits.items():
            chosen = chosen_edits(edits, include_doubtful=include_doubtful)
            if chosen:
                before = _read_unchanged(path, plan.digests.get(path))
                after = from_utf8(apply_edits(to_utf8(before), chosen), before)
                prepared.append((path, before, _write_beside(path, after)))
        _replace_all(prepared)
    finally:
        for _, _, temporary in prepared:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return tuple(path for path, _, _ in prepared)


def _read_unchanged(path: Path, expected: str | None) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RenameError(f"{path} cannot be read ({error.strerror}); nothing changed") from error
    if expected is not None and digest(data) != expected:
        raise RenameError(f"{path} changed since the rename was planned; plan it again")
    if not os.access(path, os.W_OK):
        raise RenameError(f"{path} is read-only; nothing was changed")
    return data


def _write_beside(path: Path, data: bytes) -> Path:
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.chmod(path.stat().st_mode & 0o7777)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise RenameError(f"cannot write in {path.parent} ({error.strerror})") from error
    return temporary


def _replace_all(prepared: list[tuple[Path, bytes, Path]]) -> None:
    done: list[tuple[Path, bytes]] = []
    try:
        for path, before, temporary in prepared:
            # A link inside the workspace stays a link: its target gets the new bytes.
            temporary.replace(path.resolve())
            done.append((path, before))
    except OSError as error:
        for path, before in done:
            path.write_bytes(before)
        raise RenameError(f"the rename could not be written ({error.strerror}); undone") from error
