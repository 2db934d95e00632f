"""What attribute reads mean at run time: the judge of edits that touch a stranger of the same name.

One run of the package's tests under `probe/rename_probe.py` says for every attribute read which
definitions it found. Definitions have to be renamed together when one overrides the other, when
one place reads both, or when both classes fulfil one `Protocol` of the project; that closure of the
renamed function is its family. An edit of an attribute is *unrelated* when the place was executed
and found only definitions outside of the family.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rename_sites import Site


@dataclass(frozen=True, slots=True)
class Touched:
    """Attribute edits that tests execute, strangers among them, family reads left out.

    `unasked` counts the strangers among the edits that need no confirmation.
    """

    seen: int | None = None
    unrelated: int | None = None
    missed: int | None = None
    unasked: int | None = None


class Oracle:
    """The record of one package's test run."""

    def __init__(self, root: Path, record: Path) -> None:
        found = json.loads(record.read_text("utf-8"))
        self._root = root
        self._parents: dict[tuple[str, str], tuple[str, str]] = {}
        self._sites: dict[tuple[str, str, int], list[str]] = {}
        for name, chain in found["links"]:
            self._join(name, chain)
        for path, offset, name, meanings in found["sites"]:
            self._sites[name, path, offset] = meanings
            self._join(name, [one for one in meanings if _counts(one)])

    def judge(
        self,
        site: Site,
        edited: Mapping[Path, tuple[int, ...]],
        certain: Mapping[Path, tuple[int, ...]],
    ) -> Touched | None:
        """Return what the edits touched, or None when the function is not among the record's."""
        own = self._own_id(site)
        if own is None:
            return None
        family = self._find(site.name, own)
        offsets, unasked_offsets = self._keys(edited), self._keys(certain)
        seen = unrelated = missed = unasked = 0
        for (name, path, offset), meanings in self._sites.items():
            if name != site.name:
                continue
            ours = any(
                _counts(one) and self._find(name, one) == family for one in meanings
            )  # fmt: skip
            if (path, offset) in offsets:
                seen += 1
                if not ours and any(one != "unknown" for one in meanings):
                    unrelated += 1
                    unasked += (path, offset) in unasked_offsets
            else:
                missed += ours
        return Touched(seen, unrelated, missed, unasked)

    def _keys(self, edited: Mapping[Path, tuple[int, ...]]) -> set[tuple[str, int]]:
        return {
            (str(path.relative_to(self._root)), offset)
            for path, found in edited.items() for offset in found
        }  # fmt: skip

    def _own_id(self, site: Site) -> str | None:
        path = str(site.path.relative_to(self._root))
        data = site.path.read_bytes()
        waiting: list[tuple[ast.AST, list[str], str]] = [(ast.parse(data), [], "module")]
        line = data.count(b"\n", 0, site.offset) + 1
        while waiting:
            node, names, around = waiting.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.ClassDef):
                    waiting.append((child, [*names, child.name], "class"))
                elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                    if child.name == site.name and child.lineno == line:
                        if around == "class":
                            return f"class {path} {'.'.join(names)}"
                        return f"module {path}" if around == "module" else None
                    waiting.append((child, [*names, child.name, "<locals>"], "function"))
                else:
                    waiting.append((child, names, around))
        return None

    def _join(self, name: str, chain: list[str]) -> None:
        for one, other in pairwise(chain):
            first, second = self._find(name, one), self._find(name, other)
            if first != second:
                self._parents[first] = second

    def _find(self, name: str, one: str) -> tuple[str, str]:
        at = (name, one)
        while at in self._parents:
            at = self._parents[at]
        return at


def _counts(meaning: str) -> bool:
    return not meaning.startswith(("outside", "unknown"))
