"""Reads Python files of git repositories at a pinned commit, without a work tree."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataset.errors import DatasetError

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_REGULAR = ("100644", "100755")
_PORTION = 500


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a commit, as UTF-8 bytes without a byte-order mark."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file in a commit's tree; `size` in bytes."""

    path: str
    blob: str
    size: int


def python_entries(git_dir: Path, commit: str) -> list[Entry]:
    """The `.py` files of a commit (no links, no submodules); raises DatasetError."""
    command = ["git", "-C", str(git_dir), "ls-tree", "-r", "-l", "-z", commit]
    result = subprocess.run(command, capture_output=True, check=False)
    if result.returncode:
        message = result.stderr.decode(errors="replace").strip().split("\n")[-1]
        raise DatasetError(f"{git_dir}: no commit {commit} ({message}); fetch it with full history")
    entries: list[Entry] = []
    for line in result.stdout.split(b"\0"):
        if not line.endswith(b".py"):
            continue
        about, path = line.split(b"\t", 1)
        mode, _, blob, size = about.split()
        # Git gives a size of "BAD" for a blob that a partial copy of the repository lacks.
        if mode.decode() in _REGULAR and size.isdigit():
            entries.append(Entry(path.decode(errors="replace"), blob.decode(), int(size)))
    return entries


def read_files(git_dir: Path, entries: list[Entry]) -> Iterator[SourceFile]:
    """The content of entries in their order, through one `git cat-file --batch`."""
    command = ["git", "-C", str(git_dir), "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # A portion of requests fits the pipe's 64 KiB, so that neither side waits for the other.
        for start in range(0, len(entries), _PORTION):
            portion = entries[start : start + _PORTION]
            process.stdin.write(b"".join(entry.blob.encode() + b"\n" for entry in portion))
            process.stdin.flush()
            for entry in portion:
                header = process.stdout.readline().split()
                if len(header) != 3:
                    raise DatasetError(f"{git_dir}: {entry.path} cannot be read; run `git fsck`")
                data = process.stdout.read(int(header[2]))
                process.stdout.read(1)
                yield SourceFile(entry.path, to_utf8(data))


def to_utf8(data: bytes) -> bytes:
    """Source bytes as UTF-8, by byte-order mark, declared encoding (PEP 263) or Latin-1."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode("utf-8")
        return data
    except UnicodeDecodeError:
        encoding = "latin-1"
    for line in data.split(b"\n", 2)[:2]:
        if match := _COOKIE.match(line):
            encoding = match.group(1).decode()
    try:
        return data.decode(encoding).encode()
    except (LookupError, UnicodeError):
        return data.decode("latin-1").encode()
