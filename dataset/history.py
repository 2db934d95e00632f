"""Walks the history of a git repository and yields the changes in which definitions come and go."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from dataset.sources.git import cat_file_batch, command, environment, git

_DEFINITION = re.compile(rb"[-+][ \t]*(?:async[ \t]+)?def[ \t]+(\w+)")
_INDEX = re.compile(rb"index ([0-9a-f]+)\.\.([0-9a-f]+)")
_COMMIT = b"\0commit "
_LOG = (
    *("log", "--stdin", "--no-walk=unsorted", "-M", "-p", "-U0", "--full-index", "--no-color"),
    *("--no-ext-diff", "--no-textconv", "--format=%x00commit %H %cs", "--", "*.py"),
)


@dataclass(slots=True)
class FileChange:
    """One file of a commit, before and after; names are those whose `def` lines changed."""

    path: str
    old_blob: str = ""
    new_blob: str = ""
    removed: set[str] = field(default_factory=set[str])
    added: set[str] = field(default_factory=set[str])


@dataclass(frozen=True, slots=True)
class Change:
    """A commit (not a merge) and the Python files in which definitions changed."""

    commit: str
    date: str
    files: tuple[FileChange, ...]

    @property
    def loses_and_gains(self) -> bool:
        """Whether some name goes and another comes: only then can there be a rename."""
        removed = {name for file in self.files for name in file.removed}
        added = {name for file in self.files for name in file.added}
        return bool(removed - added) and bool(added - removed)


def changes(git_dir: Path, commit: str, lost: Counter[str]) -> Iterator[Change]:
    """All changes up to a commit, oldest first; raises DatasetError where it cannot be read.

    Git stops at the first file that a partial copy lacks. The reading goes on after that commit,
    which `lost` counts.
    """
    listing = git(
        git_dir, "rev-list", "--no-merges", "--reverse", "--topo-order", commit, "--", "*.py"
    )
    commits = listing.decode().split()
    start = 0
    while start < len(commits):
        seen = ""
        with tempfile.TemporaryFile() as waiting:
            waiting.write("\n".join(commits[start:]).encode())
            waiting.seek(0)
            with subprocess.Popen(
                command(git_dir, *_LOG),
                stdin=waiting,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
            ) as process:
                assert process.stdout is not None
                for change in _parse(process.stdout):
                    seen = change.commit
                    yield change
        if not process.returncode:
            return
        lost["commits with files missing in the repository"] += 1
        start = commits.index(seen, start) + 1 if seen else start + 1


def _parse(lines: IO[bytes]) -> Iterator[Change]:
    commit = date = ""
    files: list[FileChange] = []
    file: FileChange | None = None
    in_hunk = False
    for line in lines:
        if line.startswith(_COMMIT):
            if commit:
                yield Change(commit, date, tuple(f for f in files if f.removed or f.added))
            _, commit, date = line.decode().split()
            files, file, in_hunk = [], None, False
        elif line.startswith(b"diff --git "):
            file, in_hunk = FileChange(""), False
            files.append(file)
        elif file is None:
            continue
        elif line.startswith(b"@@"):
            in_hunk = True
        elif in_hunk:
            match = _DEFINITION.match(line)
            if match:
                names = file.removed if line.startswith(b"-") else file.added
                names.add(match.group(1).decode(errors="replace"))
        elif line.startswith(b"index "):
            match = _INDEX.match(line)
            if match:
                file.old_blob, file.new_blob = match.group(1).decode(), match.group(2).decode()
        elif line.startswith(b"+++ b/"):
            file.path = line[6:].rstrip(b"\t\r\n").decode(errors="replace")
    if commit:
        yield Change(commit, date, tuple(f for f in files if f.removed or f.added))


@contextmanager
def blob_reader(git_dir: Path) -> Generator[Callable[[str], bytes | None]]:
    """A function from a blob's id to its bytes, None for one that is missing."""
    with cat_file_batch(git_dir) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def read(blob: str) -> bytes | None:
            if not blob.strip("0"):
                return None
            stdin.write(blob.encode() + b"\n")
            stdin.flush()
            header = stdout.readline().split()
            if len(header) != 3:
                return None
            data = stdout.read(int(header[2]))
            stdout.read(1)
            return data

        yield read
