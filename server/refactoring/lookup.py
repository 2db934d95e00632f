"""Follows imports: from a dotted name to a module, from a name in a module to what binds it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from server.refactoring.index import ProjectIndex, SourceFile
from server.refactoring.modules import nearest
from server.refactoring.syntax import MODULE, chain_at
from server.refactoring.values import Binding, ModuleValue, OutsideValue, Place, binding, place

_SPACING = re.compile(rb"[\\\s]+")


class Lookup:
    """Resolves modules and their members for one plan; remembers what it resolved."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._packages: set[str] | None = None

    def module(self, dotted: str, importer: SourceFile) -> ModuleValue | None:
        """Return the module that `importer` means by `dotted` (leading dots are relative)."""
        if dotted.startswith("."):
            return self._relative(dotted, importer)
        if not importer.outside:
            found = self._project_module(dotted, importer)
            if found is not None:
                return found
        path = self._index.environment.find(dotted)
        if path is not None:
            return ModuleValue(dotted, self._index.outside(path))
        # A script finds what lies beside it, in a package too.
        return None if importer.outside else self._relative(f".{dotted}", importer)

    def source_module(self, dotted: str) -> ModuleValue | None:
        """Return an outside module's source instead of its stub."""
        path = self._index.environment.find(dotted, stub=False)
        return None if path is None else ModuleValue(dotted, self._index.outside(path))

    def submodule(self, module: ModuleValue, name: str) -> ModuleValue | None:
        """Return the module `name` inside a package, or None."""
        if module.file is None:
            found = self._index.modules.get(f"{module.dotted}.{name}")
            if found is not None:
                return ModuleValue(f"{module.dotted}.{name}", self._index.get(found[0]))
            return self._namespace(f"{module.dotted}.{name}")
        if module.file.path.stem != "__init__":
            return None
        return self._in_folder(module.file.path.parent, (name,), module.dotted, module.file.outside)

    def members(self, file: SourceFile, name: bytes) -> tuple[Binding, ...]:
        """Return what binds `name` in the module's own scope; imports are not followed."""
        return tuple(binding(file, one) for one in file.table(name).bindings.get(MODULE, ()))

    def imported(self, found: Binding) -> tuple[ModuleValue | OutsideValue, bytes | None] | None:
        """Say what an import binding stands for: a module, or a name inside one."""
        chain = found.mention.chain
        statement = next(
            (node for node in reversed(chain) if node.type.endswith("_statement")), None
        )
        if statement is None:
            return None
        aliased = chain[-2].type == "aliased_import"
        source = chain[-2].child_by_field_name("name") if aliased else None
        name = (source.text if source is not None else chain[-1].text) or b""
        if statement.type == "import_statement":
            dotted = name.decode("utf-8", "replace")
            return self.module(dotted, found.file) or OutsideValue(dotted), None
        if statement.type != "import_from_statement":
            return None
        origin = statement.child_by_field_name("module_name")
        if origin is None or origin.text is None:
            return None
        dotted = dotted_name(origin.text)
        module = self.module(dotted, found.file)
        if module is None:
            return OutsideValue(f"{dotted}.{name.decode('utf-8', 'replace')}"), None
        return module, name

    def star_imports(self, file: SourceFile) -> tuple[ModuleValue, ...]:
        """Return the modules from which `file` imports everything."""
        if not file.has_star_import:
            return ()
        if file.stars is None:
            file.stars = tuple(self._stars(file))
        found = (self.module(dotted, file) for dotted in file.stars)
        return tuple(module for module in found if module is not None)

    def _stars(self, file: SourceFile) -> Iterator[str]:
        data = file.data
        start = data.find(b"import *")
        while start >= 0:
            chain = chain_at(file.tree, start + 7, start + 8)
            for node in chain:
                if node.type == "import_from_statement":
                    origin = node.child_by_field_name("module_name")
                    if origin is not None and origin.text is not None:
                        yield dotted_name(origin.text)
            start = data.find(b"import *", start + 8)

    def _relative(self, dotted: str, importer: SourceFile) -> ModuleValue | None:
        rest = dotted.lstrip(".")
        folder = importer.path.parent
        for _ in range(len(dotted) - len(rest) - 1):
            folder = folder.parent
        parts = tuple(rest.split(".")) if rest else ()
        return self._in_folder(folder, parts, "", importer.outside)

    def _in_folder(
        self, folder: Path, parts: tuple[str, ...], package: str, outside: bool
    ) -> ModuleValue | None:
        base = folder.joinpath(*parts)
        dotted = ".".join([package, *parts]) if package else str(base)
        candidates = [base / "__init__.py", base / "__init__.pyi"]
        if parts:
            names = (f"{base.name}.py", f"{base.name}.pyi")
            candidates += [base.with_name(name) for name in names]
        if outside:
            candidates.sort(key=lambda path: path.suffix != ".pyi")
        for candidate in candidates:
            file = None
            if not outside:
                file = self._index.get(candidate)
            elif candidate.is_file():
                file = self._index.outside(candidate)
            if file is not None:
                return ModuleValue(dotted, file)
        return None

    def _project_module(self, dotted: str, importer: SourceFile) -> ModuleValue | None:
        files = self._index.modules.get(dotted, ())
        top = dotted.partition(".")[0]
        if top in sys.stdlib_module_names:
            # A stray file named like the standard library's module shadows it only for its
            # neighbours and for the whole project when it lies in a root.
            folders = {importer.path.parent, *self._index.roots}
            files = tuple(path for path in files if path.parent in folders)
        if files:
            return ModuleValue(dotted, self._index.get(nearest(files, importer.path)))
        return None if top in sys.stdlib_module_names else self._namespace(dotted)

    def _namespace(self, dotted: str) -> ModuleValue | None:
        if self._packages is None:
            names = self._index.modules
            self._packages = {
                name[:at] for name in names for at, mark in enumerate(name) if mark == "."
            }
        return ModuleValue(dotted, None) if dotted in self._packages else None


def dotted_name(text: bytes) -> str:
    """Return a module's name as an import statement spells it, maybe over several lines."""
    return _SPACING.sub(b"", text).decode("utf-8", "replace")


def definition_of(found: Binding) -> Place:
    """Return the def or class statement whose name is this binding."""
    return place(found.file, found.mention.chain[:-1])
