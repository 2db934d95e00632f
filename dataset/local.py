"""What a person's own clones and folders are called, and whether one may be used for training."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from dataset.sources.git import remotes


def local_names(paths: Sequence[Path]) -> list[str]:
    """`local/<folder>`; folders of one name get those above them before it."""
    tails = [_parts(path)[1:] for path in paths]
    names: list[str] = []
    for parts in tails:
        others = {other for other in tails if other != parts}
        size = 1
        while size < len(parts) and any(other[-size:] == parts[-size:] for other in others):
            size += 1
        names.append("local/" + "+".join(parts[-size:]))
    return names


def excluded_name(path: Path, excluded: Collection[str]) -> str | None:
    """The excluded repository (lower-cased `owner/name`) that a folder is, or None.

    Goes by the addresses it was cloned from, and by its path (`owner/name` or `owner+name`).
    """
    if not excluded:
        return None
    parts = _parts(path)[-3:]
    own = ["/".join(parts[-2:]), *(part.replace("+", "/", 1) for part in parts)]
    addresses = remotes(path) if path.is_dir() else []
    names = (name.removesuffix(".git").lower() for name in (*addresses, *own))
    return next((name for name in names if name in excluded), None)


def _parts(path: Path) -> tuple[str, ...]:
    parts = path.resolve().parts
    return parts[:-1] if parts[-1] == ".git" else parts
