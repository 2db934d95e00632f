"""A pytest plugin that records, while the tests run, what every attribute read really finds.

    PYTHONPATH=benchmarks/probe pytest -p rename_probe      (benchmarks/rename_oracle.py does it)

Each `receiver.name` in the project's files is read through a function that notes which classes in
the receiver's order of lookup define the name. Names are linked when they have to be renamed
together: a class and those of its ancestors that define it too, and whatever one place reads.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import gc
import importlib.machinery
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

ROOT = os.environ["RENAME_PROBE_ROOT"]
OUT = os.environ["RENAME_PROBE_OUT"]
NAMES = frozenset(json.loads(Path(os.environ["RENAME_PROBE_NAMES"]).read_text("utf-8")))
_PLAIN = (bool, int, float, str, bytes, tuple, type(None))

_sites: list[tuple[str, int, str]] = []
_seen: set[tuple[int, int]] = set()
_found: dict[int, set[str]] = {}
_links: set[tuple[str, tuple[str, ...]]] = set()
_stores: dict[tuple[str, str], set[str]] = {}
_kept: list[object] = []


class _Probing(ast.NodeTransformer):
    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.names: list[str] = []

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr not in NAMES or not isinstance(node.ctx, ast.Load):
            return node
        if node.end_lineno is None or node.end_col_offset is None:
            return node
        end = self.starts[node.end_lineno - 1] + node.end_col_offset
        _sites.append((self.path, end - len(node.attr.encode()), node.attr))
        function = ast.Name("__rename_probe__", ast.Load())
        arguments = [node.value, ast.Constant(node.attr), ast.Constant(len(_sites) - 1)]
        call = ast.copy_location(ast.Call(function, arguments, []), node)
        return ast.fix_missing_locations(call)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # before Python 3.12 positions inside are wrong

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.names.append(node.name)
        self._stores(node)
        self.generic_visit(node)
        self.names.pop()
        return node

    def visit_FunctionDef(self, node: Any) -> ast.AST:
        self.names += [node.name, "<locals>"]
        returns, node.returns = node.returns, None
        self.generic_visit(node)
        node.returns = returns
        del self.names[-2:]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)

    def _stores(self, node: ast.ClassDef) -> None:
        kept = _stores.setdefault((self.path, ".".join(self.names)), set())
        for one in node.body:
            if isinstance(one, ast.FunctionDef) and one.args.args:
                me = one.args.args[0].arg
                kept.update(
                    inner.attr for inner in ast.walk(one)
                    if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
                    and isinstance(inner.value, ast.Name) and inner.value.id == me
                )  # fmt: skip


def _probe(receiver: Any, name: str, site: int) -> Any:
    kind: type = type(receiver)
    value = getattr(receiver, name)
    is_plain = kind is not types.ModuleType and kind is not type and kind is not super
    if is_plain and not isinstance(receiver, type) and (site, id(kind)) in _seen:
        return value
    with contextlib.suppress(Exception):
        _seen.add((site, id(kind)))
        _kept.append(kind)  # so that its id stays its own
        found = _meanings(receiver, kind, name, value)
        _found.setdefault(site, set()).update(found)
    return value


def _meanings(receiver: Any, kind: type, name: str, value: Any) -> list[str]:
    if isinstance(receiver, types.ModuleType):
        return _of_module(receiver, name, value)
    order: tuple[type, ...] = kind.__mro__
    if kind is super:
        whole = receiver.__self_class__.__mro__
        order = whole[whole.index(receiver.__thisclass__) + 1 :]
    elif isinstance(receiver, type):
        order = (*receiver.__mro__, *kind.__mro__)
    found = _definers(order, name)
    if not found and isinstance(value, types.MethodType):
        found = _definers(type(value.__self__).__mro__, name)
    if not found and name in getattr(receiver, "__dict__", {}):
        found = [_class_id(kind, name)]
    _link(name, found)
    return found or ["unknown"]


def _definers(order: tuple[type, ...], name: str) -> list[str]:
    found: list[str] = []
    for one in order:
        stores = _stores.get((_file_of(one), one.__qualname__), ())
        if name in vars(one) or name in stores:
            found.append(_class_id(one, name))
    return found


def _class_id(one: type, name: str) -> str:
    path = _file_of(one)
    return f"class {path} {one.__qualname__}" if path else f"outside {one.__module__}"


def _of_module(module: types.ModuleType, name: str, value: Any) -> list[str]:
    path = _inside(getattr(module, "__file__", None) or "")
    found = [f"module {path}" if path else f"outside {module.__name__}"]
    if not isinstance(value, (*_PLAIN, types.ModuleType)):
        _kept.append(value)
        if path:
            found.append(f"object {id(value)}")
    _link(name, found)
    return found


def _link(name: str, found: list[str]) -> None:
    inside = tuple(one for one in found if not one.startswith("outside"))
    if len(inside) > 1:
        _links.add((name, inside))


def _file_of(one: type) -> str:
    module = sys.modules.get(one.__module__)
    return _inside(getattr(module, "__file__", None) or "")


def _inside(path: str) -> str:
    return os.path.relpath(path, ROOT) if path.startswith(ROOT + os.sep) else ""


def _probed(path: str, source: bytes) -> bool:
    return bool(_inside(path)) and not any(byte > 127 for byte in source[:3])


_compile = importlib.machinery.SourceFileLoader.source_to_code


def _source_to_code(self: Any, data: Any, path: Any, **options: Any) -> Any:
    if isinstance(data, bytes) and _probed(str(path), data):
        with contextlib.suppress(SyntaxError, RecursionError):
            data = _Probing(_inside(str(path)), data).visit(ast.parse(data))
    return _compile(self, data, path, **options)


def _install() -> None:
    """Put the probe in place at once: a conftest imports the project before pytest configures."""
    vars(builtins)["__rename_probe__"] = _probe
    importlib.machinery.SourceFileLoader.source_to_code = _source_to_code
    from _pytest.assertion import rewrite

    original = rewrite.rewrite_asserts

    def rewrite_asserts(tree: ast.Module, source: bytes, path: Any = None, config: Any = None):
        if path and _probed(str(path), source):
            _Probing(_inside(str(path)), source).visit(tree)
        original(tree, source, path, config)

    rewrite.rewrite_asserts = rewrite_asserts


_install()


def pytest_unconfigure() -> None:
    """Link what the loaded modules and classes share, and write everything down."""
    for module in list(sys.modules.values()):
        if isinstance(module, types.ModuleType) and _inside(getattr(module, "__file__", "") or ""):
            for name, value in list(vars(module).items()):
                if name in NAMES:
                    _of_module(module, name, value)
    for one in gc.get_objects():
        if isinstance(one, type) and _file_of(one):
            for name in NAMES & (
                vars(one).keys() | _stores.get((_file_of(one), one.__qualname__), set())
            ):
                _link(name, _definers(one.__mro__, name))
    _link_protocols()
    sites = [(*_sites[site], sorted(found)) for site, found in _found.items()]
    Path(OUT).write_text(json.dumps({"sites": sites, "links": sorted(_links)}), "utf-8")


def _link_protocols() -> None:
    """Link the members of each protocol of the project with those of the classes that fulfil it."""
    classes = [one for one in gc.get_objects() if isinstance(one, type) and _file_of(one)]
    for protocol in classes:
        if not vars(protocol).get("_is_protocol"):
            continue
        members = {
            name for part in protocol.__mro__ if vars(part).get("_is_protocol")
            for name in (*vars(part), *getattr(part, "__annotations__", ()))
            if not name.startswith(("__", "_abc_", "_is_"))
        }  # fmt: skip
        for one in classes:
            if members and all(hasattr(one, name) for name in members):
                for name in members & NAMES:
                    _link(name, [_class_id(protocol, name), *_definers(one.__mro__, name)])
