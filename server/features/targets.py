"""A rename that was offered: how it travels in `data` and command arguments, and is found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from server.documents import Snapshot
from server.errors import NamewrightError
from server.session import Session
from server.suggestions import Asked


class ContentModified(NamewrightError):
    """The file is no longer what the offer was made for."""


@dataclass(frozen=True, slots=True)
class Target:
    """The function called `name` at byte `offset` of an open file, to be called `new_name`."""

    uri: str
    offset: int
    name: str
    new_name: str


def target_of(asked: Asked, new_name: str) -> Target:
    """The target of renaming a function that was asked about."""
    function = asked.function
    return Target(asked.snapshot.uri, function.name_span.start, function.name, new_name)


def to_wire(target: Target) -> dict[str, object]:
    """A target as plain JSON."""
    return asdict(target)


def from_wire(data: object) -> Target:
    """A target that came back from the client; raises NamewrightError when it is malformed."""
    values = cast(Mapping[str, object], data) if isinstance(data, Mapping) else _attributes(data)
    match (values.get("uri"), values.get("offset"), values.get("name"), values.get("new_name")):
        case (str(uri), int(offset), str(name), str(new_name)) if offset >= 0:
            return Target(uri, offset, name, new_name)
        case _:
            raise NamewrightError("this action was not made by this server; ask for names again")


def _attributes(data: object) -> Mapping[str, object]:
    """The protocol library turns JSON objects of unknown shape into named tuples."""
    as_dict = getattr(data, "_asdict", None)
    return cast(Mapping[str, object], as_dict()) if callable(as_dict) else {}


def snapshot_of(session: Session, target: Target) -> Snapshot:
    """The open file of a target; raises ContentModified when the name is no longer there."""
    snapshot = session.documents.get(target.uri)
    old = target.name.encode()
    here = snapshot.source[target.offset : target.offset + len(old)] if snapshot else b""
    if snapshot is None or here != old:
        raise ContentModified("the file has changed since; ask for names again")
    return snapshot
