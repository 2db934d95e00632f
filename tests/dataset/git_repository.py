"""Real git repositories for tests, with fixed dates and authors so that commits are the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


def git(folder: Path, *arguments: str, date: str = "2020-01-01T00:00:00Z") -> str:
    """Run git in a folder without the settings of this machine; returns its output."""
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    return subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout.strip()


def make_repository(folder: Path) -> Path:
    """An empty repository at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def commit(
    folder: Path,
    files: Mapping[str, str | bytes | None],
    message: str = "change",
    date: str = "2020-01-01T00:00:00Z",
) -> str:
    """Write files (None removes one) and commit all; returns the commit's id."""
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message, date=date)
    return git(folder, "rev-parse", "HEAD")


def functions(topic: str, count: int) -> str:
    """A module of `count` different functions about a topic."""
    return "\n\n".join(
        f"def load_{topic}_{number}(path, limit={number}):\n"
        f'    """Read the {topic} at a path."""\n'
        f"    with open(path) as stream:\n"
        f"        rows = [row.split({topic!r}) for row in stream]\n"
        f"    return rows[:limit] + [{number}]"
        for number in range(count)
    )
