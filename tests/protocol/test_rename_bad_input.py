"""Renames that cannot be, through the real server: a reason each time, and nothing is changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from server.locations import uri_of
from tests.protocol.editor import Editor, editor, vscode

FILES = {
    "a.py": "class A:\n    def first(self): ...\n\n    def old(self): ...\n\n\n"
    "def old_one(): ...\n",
    "b.py": "from a import A, old_one\n\nA().old()\nold_one()\n",
}
METHOD, FUNCTION = (3, 8), (6, 4)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def state(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def rename(one: Editor, path: Path, at: tuple[int, int], name: str) -> Any:
    position = {"line": at[0], "character": at[1]}
    argument = {"uri": uri_of(path), "position": position, "newName": name}
    return await one.execute(lsp.Command("", "namewright.rename", arguments=[argument]))


async def refusal(one: Editor, path: Path, at: tuple[int, int], name: str) -> str:
    """Ask for the rename, which must fail and leave every file as it was; return the reason."""
    before = state(one.root)
    with pytest.raises(JsonRpcException) as caught:
        await rename(one, path, at, name)
    assert one.applied == []
    assert state(one.root) == before
    assert "\n" not in caught.value.message
    return caught.value.message


def linked(root: Path) -> None:
    (root.parent / "outside.py").write_text("from a import old_one\n")
    (root / "link.py").symlink_to(root.parent / "outside.py")


def broken(root: Path) -> None:
    (root / "a.py").write_text("def (:\n    pass\n\n\n\n\ndef old_one(: ...\n")


def unencoded(root: Path) -> None:
    (root / "b.py").write_bytes(b"# coding: ascii\nfrom a import old_one\n")


def nothing(root: Path) -> None:
    """Leave the files as they are."""


CASES: dict[str, tuple[Callable[[Path], None], tuple[int, int], str, str]] = {
    "a keyword": (nothing, METHOD, "class", "keyword"),
    "no identifier": (nothing, METHOD, "two words", "identifier"),
    "a name for Python": (nothing, METHOD, "__call__", "meaning for Python"),
    "taken in the class": (nothing, METHOD, "first", "already has a member first"),
    "taken where it is imported": (nothing, FUNCTION, "A", "A is already used where old_one"),
    "a link out of the workspace": (linked, FUNCTION, "new_one", "link out of the workspace"),
    "no function can be read": (broken, FUNCTION, "new_one", ""),
    "an encoding without the letters": (unencoded, FUNCTION, "nöw", "ascii"),
}


@pytest.mark.parametrize(("prepare", "at", "name", "reason"), CASES.values(), ids=CASES.keys())
async def test_what_cannot_be_is_refused_and_changes_nothing(
    tmp_path: Path, prepare: Callable[[Path], None], at: tuple[int, int], name: str, reason: str
) -> None:
    root = tmp_path / "project"
    write(root, FILES)
    prepare(root)
    async with editor(root, vscode()) as one:
        assert reason in await refusal(one, root / "a.py", at, name)


async def test_a_file_that_changed_unseen_stops_the_rename(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    other = tmp_path / "b.py"
    async with editor(tmp_path, vscode()) as one:
        one.accepts = False
        await rename(one, tmp_path / "a.py", FUNCTION, "new_one")
        one.applied.clear()
        # Same length, same time: only the bytes themselves can tell.
        kept = other.stat()
        other.write_text(FILES["b.py"].replace("A().old()", "A().odd()"))
        os.utime(other, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        assert "changed meanwhile" in await refusal(one, tmp_path / "a.py", FUNCTION, "new_one")


async def test_a_file_of_no_folder(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(root, {})
    root.mkdir()
    write(tmp_path / "elsewhere", FILES)
    async with editor(root, vscode()) as one:
        reason = await refusal(one, tmp_path / "elsewhere" / "a.py", FUNCTION, "new_one")
        assert "belongs to no open folder" in reason


async def test_two_folders_with_the_same_package(tmp_path: Path) -> None:
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        write(root, {"p/__init__.py": "", "p/a.py": "def old_one(): ...\n"})
    async with editor(roots[0], vscode()) as one:
        added = [lsp.WorkspaceFolder(uri_of(roots[1]), "two")]
        one.client.workspace_did_change_workspace_folders(
            lsp.DidChangeWorkspaceFoldersParams(lsp.WorkspaceFoldersChangeEvent(added, []))
        )
        await asyncio.sleep(0)
        assert "both hold p" in await refusal(one, roots[0] / "p" / "a.py", (0, 4), "new_one")
