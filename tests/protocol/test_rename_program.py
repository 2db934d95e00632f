"""A program that is renamed through the real server still says the same, and comes back whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from server.locations import uri_of
from tests.protocol.editor import Editor, applied, editor, neovim, vscode

PROGRAM = {
    "shop/__init__.py": "from .goods import Goods, weigh\n\n__all__ = ['Goods', 'weigh']\n",
    "shop/goods.py": (
        "class Goods:\n"
        "    PARTS = ('size', 'label')\n\n"
        "    def size(self):\n"
        "        return 1\n\n"
        "    @property\n"
        "    def label(self):\n"
        "        return 'goods'\n\n"
        "    def parts(self):\n"
        "        return [getattr(self, one) for one in self.PARTS]\n\n\n"
        "class Crate(Goods):\n"
        "    def size(self):\n"
        "        return super().size() + 1\n\n\n"
        "def weigh(goods):\n"
        '    """Weigh.\n\n    >>> weigh(Crate())\n    4\n    """\n'
        "    return goods.size() * 2\n"
    ),
    "main.py": (
        "import doctest\nimport shop\nimport shop.goods as g\nfrom shop import weigh as w\n\n"
        "one = g.Crate()\n"
        "print(w(one), shop.weigh(g.Goods()), getattr(one, 'size')(), one.label)\n"
        "print(len(one.parts()), doctest.testmod(g).failed)\n"
    ),
}
GOODS = "shop/goods.py"
PLACES = {"a method": (3, 8), "a property": (7, 8), "a function": (19, 4)}


@pytest.mark.parametrize("capabilities", [vscode, neovim])
@pytest.mark.parametrize("at", PLACES.values(), ids=PLACES.keys())
async def test_there_and_back(tmp_path: Path, at: tuple[int, int], capabilities) -> None:
    for name, text in PROGRAM.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    said = run(tmp_path)
    line = PROGRAM[GOODS].splitlines()[at[0]]
    old = line[at[1] : line.index("(")]
    async with editor(tmp_path, capabilities()) as one:
        await rename(one, tmp_path, at, "newly_named")
        renamed = {name: (tmp_path / name).read_text() for name in PROGRAM}
        assert "newly_named" in renamed[GOODS]
        assert run(tmp_path) == said
        await rename(one, tmp_path, at, old)
        assert {name: (tmp_path / name).read_text() for name in PROGRAM} == PROGRAM


async def rename(one: Editor, root: Path, at: tuple[int, int], name: str) -> None:
    """Rename what is defined at a place of the goods, and write what the server sends to disk."""
    position = {"line": at[0], "character": at[1]}
    argument = {"uri": uri_of(root / GOODS), "position": position, "newName": name}
    one.applied.clear()
    await one.execute(lsp.Command("", "namewright.rename", arguments=[argument]))
    (edit,) = one.applied
    encoding = str(one.initialized.capabilities.position_encoding or "utf-16")
    for each in PROGRAM:
        path = root / each
        path.write_text(applied(path.read_text(), edit, uri_of(path), encoding))


def run(root: Path) -> str:
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, "-B", "main.py"], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout
