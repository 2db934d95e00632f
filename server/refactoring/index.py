"""The project in memory: each file's text and words, its syntax tree when somebody asks for it.

The words decide which files a rename has to look at; trees and the tables of names are made for
those alone and kept for the next time, within a limit on memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import RLock

from tree_sitter import Tree

from dataset.functions import parse
from server.refactoring.files import PYTHON_SUFFIXES, project_files
from server.refactoring.modules import Environment, module_map
from server.refactoring.plan import RenameError
from server.refactoring.source_text import to_utf8
from server.refactoring.syntax import NameTable, all_words, name_table

_PARSED_BYTES = 3_000_000


class SourceFile:
    """One file at one moment: UTF-8 text, words, and what was worked out from its tree."""

    def __init__(self, path: Path, raw: bytes, *, outside: bool = False) -> None:
        self.path = path
        self.raw = raw
        self.outside = outside
        try:
            self.data, self.readable = to_utf8(raw), True
        except RenameError:
            self.data, self.readable = raw, False
        self.words = all_words(self.data)
        self.is_python = path.suffix in PYTHON_SUFFIXES
        self.has_star_import = self.is_python and b"import *" in self.data
        self._tree: Tree | None = None
        self._tables: dict[bytes, NameTable] = {}
        self.context: SourceFile | None = None  # the file whose docstring holds this code
        self.is_example = False  # whether it is code from text
        self.stars: tuple[str, ...] | None = None  # kept here by `lookup`

    @property
    def tree(self) -> Tree:
        """The syntax tree, parsed when first needed."""
        if self._tree is None:
            self._tree = parse(self.data)
        return self._tree

    @property
    def parsed(self) -> bool:
        """Whether the tree is in memory."""
        return self._tree is not None

    def table(self, name: bytes) -> NameTable:
        """Return the mentions of `name` in this file."""
        table = self._tables.get(name)
        if table is None:
            if name in self.words:
                table = name_table(self.data, self.tree, name)
            else:
                table = _NO_MENTIONS
            self._tables[name] = table
        return table

    def line_of(self, offset: int) -> int:
        """Return the 1-based line of a byte offset; `\\r` alone ends a line too."""
        before = self.data[:offset]
        return 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")

    def forget_tables(self) -> None:
        """Free what was made from the tree; a mention holds the nodes around it."""
        self._tables.clear()

    def forget_tree(self) -> None:
        """Free the tree and everything made from it."""
        self._tree = None
        self._tables.clear()


_NO_MENTIONS = NameTable((), {}, frozenset(), frozenset())


class ProjectIndex:
    """The files of a workspace's roots; one lives as long as the workspace is open."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self.roots = roots
        self.lock = RLock()  # one plan or update at a time; plans hold it throughout
        self.environment = Environment(roots)
        self._files: dict[Path, SourceFile] = {}
        self._stamps: dict[Path, tuple[int, int] | None] = {}
        self._modules: dict[str, tuple[Path, ...]] | None = None
        self._ordered: list[SourceFile] | None = None
        self._holding: dict[bytes, list[SourceFile]] = {}
        self._outside: OrderedDict[Path, SourceFile] = OrderedDict()

    def refresh(self) -> None:
        """Read again what changed on disk; files with unsaved text stay as they are."""
        with self.lock:
            self._refresh()

    def _refresh(self) -> None:
        seen: set[Path] = set()
        for root in self.roots:
            for path, modified, size in project_files(root):
                seen.add(path)
                if path in self._stamps and self._stamps[path] in {None, (modified, size)}:
                    continue
                self._read(path, (modified, size))
        for path in [path for path in self._stamps if path not in seen]:
            if self._stamps[path] is not None:
                self._drop(path)

    def update(self, path: Path, data: bytes | None) -> None:
        """Take a buffer's unsaved text as the truth, or with None what is on disk again."""
        with self.lock:
            self._update(path, data)

    def _update(self, path: Path, data: bytes | None) -> None:
        if data is None:
            self._stamps.pop(path, None)
            try:
                status = path.stat()
            except OSError:
                self._drop(path)
                return
            self._read(path, (status.st_mtime_ns, status.st_size))
            return
        self._stamps[path] = None
        present = self._files.get(path)
        if present is None or present.raw != data:
            self._put(path, data)

    def overlaid(self) -> frozenset[Path]:
        """Return the files whose unsaved text stands in for the disk's."""
        return frozenset(path for path, stamp in self._stamps.items() if stamp is None)

    def get(self, path: Path) -> SourceFile | None:
        """Return a project file, or None when the project does not hold it."""
        return self._files.get(path)

    def files(self) -> Iterator[SourceFile]:
        """Yield all files, Python and text, in the order of their paths."""
        if self._ordered is None:
            self._ordered = [self._files[path] for path in sorted(self._files)]
        yield from self._ordered

    def files_with(self, word: bytes) -> list[SourceFile]:
        """Return the files that hold `word` as a whole identifier anywhere."""
        known = self._holding.get(word)
        if known is None:
            known = self._holding[word] = [file for file in self.files() if word in file.words]
        return known

    @property
    def modules(self) -> dict[str, tuple[Path, ...]]:
        """Files by every dotted name the project may import them under."""
        if self._modules is None:
            python = [path for path, file in self._files.items() if file.is_python]
            self._modules = module_map(python, self.roots)
        return self._modules

    def outside(self, path: Path) -> SourceFile | None:
        """Return a file of the environment, read once and never edited."""
        if path not in self._outside:
            try:
                self._outside[path] = SourceFile(path, path.read_bytes(), outside=True)
            except OSError:
                return None
        return self._outside[path]

    def trim(self) -> None:
        """Forget the mentions of a plan's names, and trees beyond the limit, the largest first."""
        self._holding.clear()
        held = 0
        everything = [*self._outside.values(), *self._files.values()]
        for file in sorted(everything, key=lambda file: len(file.data)):
            file.forget_tables()
            if file.parsed:
                held += len(file.data)
                if held > _PARSED_BYTES:
                    file.forget_tree()

    def _read(self, path: Path, stamp: tuple[int, int]) -> None:
        try:
            raw = path.read_bytes()
        except OSError:
            self._drop(path)
            return
        self._stamps[path] = stamp
        self._put(path, raw)

    def _put(self, path: Path, raw: bytes) -> None:
        if path not in self._files:
            self._modules = None
        self._files[path] = SourceFile(path, raw)
        self._forget_lists()

    def _drop(self, path: Path) -> None:
        self._stamps.pop(path, None)
        if self._files.pop(path, None) is not None:
            self._modules = None
            self._forget_lists()

    def _forget_lists(self) -> None:
        self._ordered = None
        self._holding.clear()
