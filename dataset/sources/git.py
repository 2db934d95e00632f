"""Reads Python files of git repositories at a pinned commit, without a work tree."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.decoding import to_utf8
from dataset.errors import DatasetError
from dataset.filters import MAX_FILE_BYTES, file_reason
from dataset.sources.base import Document

_REGULAR = (b"100644", b"100755")
_PORTION = 500
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_REMOTE = re.compile(r"([^/:@]+/[^/:@]+?)(?:\.git)?$")
_UNSHALLOW = "the clone is shallow: git fetch --unshallow"


class GitMissing(DatasetError):
    """The program itself is not there: nothing that a repository could mend."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a commit, and the git directory that holds it; a source's unit."""

    name: str
    commit: str
    licence: str
    git_dir: Path
    weight: int = 0
    newer_than: str = ""

    @property
    def key(self) -> str:
        return f"git {self.name} {self.commit} {self.licence} {self.newer_than}"

    def documents(self, counts: Counter[str]) -> Iterator[Document]:
        """Its Python files in the order of the tree; raises DatasetError without the commit."""
        split = ""
        if self.newer_than:
            split = "test" if first_date(self.git_dir, self.commit) >= self.newer_than else ""
        entries: list[Entry] = []
        for entry in python_entries(self.git_dir, self.commit):
            large = entry.size is not None and entry.size > MAX_FILE_BYTES
            reason = "too large" if large else file_reason(entry.path, b"")
            if reason:
                counts[f"file: {reason}"] += 1
            else:
                entries.append(entry)
        for entry, data in _blobs(self.git_dir, entries):
            if data is None:
                counts["file: missing in the repository"] += 1
            elif len(data) > MAX_FILE_BYTES:
                counts["file: too large"] += 1
            else:
                yield Document(
                    entry.path, to_utf8(data), self.name, self.commit, self.licence, split=split
                )


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a commit, as UTF-8 bytes without a byte-order mark."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file in a commit's tree; `size` in bytes, None where the blob is not there."""

    path: str
    blob: str
    size: int | None


def git(git_dir: Path, *arguments: str) -> bytes:
    """The output of a git command; raises DatasetError with git's own last line."""
    try:
        result = subprocess.run(
            command(git_dir, *arguments), capture_output=True, env=environment()
        )
    except FileNotFoundError as error:
        raise GitMissing("git is not installed; install it and run again") from error
    if result.returncode:
        lines = result.stderr.decode(errors="replace").strip().split("\n")
        raise DatasetError(f"{git_dir}: git {arguments[0]} failed ({lines[-1]})")
    return result.stdout


def command(git_dir: Path, *arguments: str) -> list[str]:
    """A git command line that minds neither the directory's owner nor its layout."""
    return ["git", "-c", "safe.directory=*", "-C", str(git_dir), *arguments]


def environment() -> dict[str, str]:
    """Git must neither ask questions nor go to the network for a blob it lacks."""
    return {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def python_entries(git_dir: Path, commit: str) -> list[Entry]:
    """The `.py` files of a commit (no links, no submodules); raises DatasetError."""
    if not _COMMIT.fullmatch(commit):
        raise DatasetError(f"{git_dir}: {commit!r} is not a commit id (hex digits)")
    if not git_dir.is_dir():
        raise DatasetError(f"{git_dir}: no such folder; clone the repository there")
    listing, missing = _listing(git_dir, commit)
    entries: list[Entry] = []
    for line in listing.split(b"\0"):
        if not line.endswith(b".py"):
            continue
        about, path = line.split(b"\t", 1)
        mode, _, blob, *sizes = about.split()
        if mode not in _REGULAR:
            continue
        # Git gives a size of "BAD" for a blob that an incomplete copy of the repository lacks.
        size = int(sizes[0]) if sizes and sizes[0].isdigit() else None
        if not sizes and blob not in missing:
            size = 0
        entries.append(Entry(path.decode(errors="replace"), blob.decode(), size))
    return entries


def _listing(git_dir: Path, commit: str) -> tuple[bytes, frozenset[bytes]]:
    """A commit's tree with sizes; or, in a partial clone, without sizes but with what it lacks."""
    try:
        return git(git_dir, "ls-tree", "-r", "-l", "-z", commit), frozenset()
    except GitMissing:
        raise
    except DatasetError as first:
        try:
            # Git will not tell sizes where it would have to fetch some of the files.
            listing = git(git_dir, "ls-tree", "-r", "-z", commit)
        except DatasetError:
            hint = _UNSHALLOW if _is_shallow(git_dir) else "fetch it"
            raise DatasetError(f"{git_dir}: no commit {commit}; {hint}") from first
    objects = git(git_dir, "rev-list", "--objects", "--no-walk", "--missing=print", commit)
    lines = objects.split(b"\n")
    return listing, frozenset(line[1:] for line in lines if line.startswith(b"?"))


def read_files(git_dir: Path, entries: Sequence[Entry]) -> Iterator[SourceFile]:
    """The content of entries in their order; those the repository lacks are left out."""
    for entry, data in _blobs(git_dir, entries):
        if data is not None:
            yield SourceFile(entry.path, to_utf8(data))


def read_blobs(git_dir: Path, blobs: Sequence[str]) -> Iterator[bytes | None]:
    """The bytes of blobs in their order, None for one that is missing."""
    for _, data in _blobs(git_dir, [Entry("", blob, 0) for blob in blobs]):
        yield data


def cat_file_batch(git_dir: Path) -> subprocess.Popen[bytes]:
    """A `git cat-file --batch` to write ids to and read objects from."""
    return subprocess.Popen(
        command(git_dir, "cat-file", "--batch"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )


def _blobs(git_dir: Path, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
    """All through one `git cat-file --batch`; it is not asked for what is known to be missing."""
    with cat_file_batch(git_dir) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # A portion of requests fits the pipe's 64 KiB, so that neither side waits for the other.
        for start in range(0, len(entries), _PORTION):
            portion = entries[start : start + _PORTION]
            there = [entry.blob.encode() + b"\n" for entry in portion if entry.size is not None]
            try:
                process.stdin.write(b"".join(there))
                process.stdin.flush()
            except BrokenPipeError as error:
                raise DatasetError(f"{git_dir}: git cat-file ended early; run git fsck") from error
            for entry in portion:
                if entry.size is None:
                    yield entry, None
                    continue
                header = process.stdout.readline().split()
                if not header:
                    raise DatasetError(f"{git_dir}: {entry.path} is damaged; run git fsck")
                if len(header) != 3:
                    yield entry, None
                    continue
                data = process.stdout.read(int(header[2]))
                process.stdout.read(1)
                yield entry, data


def remotes(git_dir: Path) -> list[str]:
    """`owner/name` of each address that a clone fetches from, as far as they have that form."""
    try:
        lines = git(git_dir, "config", "--get-regexp", r"^remote\..*\.url$").decode(
            errors="replace"
        )
    except GitMissing:
        raise
    except DatasetError:
        return []
    addresses = (line.partition(" ")[2] for line in lines.splitlines())
    return [match.group(1) for text in addresses if (match := _REMOTE.search(text.strip("/ ")))]


def _is_shallow(git_dir: Path) -> bool:
    return any((git_dir / part).exists() for part in ("shallow", ".git/shallow"))


def first_date(git_dir: Path, commit: str) -> str:
    """The date (ISO) of the oldest root of a commit's history; raises DatasetError."""
    if _is_shallow(git_dir):
        raise DatasetError(f"{git_dir}: its first commit is not known; {_UNSHALLOW}")
    lines = git(git_dir, "log", "--max-parents=0", "--format=%cs", commit).decode().split()
    if not lines:
        raise DatasetError(f"{git_dir}: {commit} has no first commit; fetch the full history")
    return min(lines)


def head_commit(git_dir: Path) -> str:
    """The commit a repository's HEAD stands at; raises DatasetError."""
    try:
        return git(git_dir, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    except GitMissing:
        raise
    except DatasetError as error:
        raise DatasetError(f"{git_dir}: not a git repository with a commit") from error
