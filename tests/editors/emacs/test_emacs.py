"""Emacs with Eglot and with lsp-mode, set up by the lines of docs/editors/emacs.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.editors.pages import blocks_of

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROJECT = ROOT / "tests/editors/vscode/project"
TABLE_SERVER = ROOT / "tests/protocol/serve_with_table.py"
FILES = ("orders.py", "report.py", "main.py")
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project under version control, by which Emacs tells where it ends."""
    folder = tmp_path / "shop-project"
    shutil.copytree(PROJECT, folder)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


@pytest.fixture
def emacs(project: Path, tmp_path: Path) -> Run:
    """Runs a scenario of e2e.el and returns what it saw."""
    program = shutil.which("emacs")
    assert program, "emacs is missing; run scripts/system-packages.sh development"
    home = tmp_path / "home"
    home.mkdir()

    def run(scenario: str, mark: str = "eglot", slow: float | None = None) -> dict[str, Any]:
        (lines,) = (one for one in blocks_of("emacs", "elisp") if f"'{mark}" in one)
        if slow is not None:
            command = " ".join(f'"{one}"' for one in slow_server(slow))
            assert '"namewright" "--stdio"' in lines
            lines = lines.replace('"namewright" "--stdio"', command)
        configuration = tmp_path / "configuration.el"
        configuration.write_text(lines)
        done = subprocess.run(
            [
                *(program, "--batch", "-l", str(HERE / "e2e.el"), "-f", "e2e-main"),
                *(f"e2e-{scenario}", str(configuration), str(project)),
            ],
            capture_output=True,
            encoding="utf-8",
            timeout=400,
            check=False,
            env={
                **os.environ,
                "HOME": str(home),
                "LC_ALL": "C.UTF-8",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


def slow_server(seconds: float) -> list[str]:
    """The real server with a model that takes its time."""
    return [sys.executable, str(TABLE_SERVER), "--slow", str(seconds)]


def sources(name: str = "do_it") -> dict[str, str]:
    """The project's files, with another name for `do_it`."""
    texts = {one: (PROJECT / "shop" / one).read_text("utf-8") for one in FILES}
    return {one: re.sub(r"\bdo_it\b", name, text) for one, text in texts.items()}


def name_in(title: str) -> str:
    found = re.fullmatch(r"Rename to `(\w+)` \((<?\d+%)\)", title)
    assert found, title
    return found[1]


def test_the_second_name_is_in_every_file_and_one_undo_takes_it_back(emacs: Run) -> None:
    seen = emacs("second-name")
    assert len(seen["titles"]) > 1
    assert seen["name"] == name_in(seen["titles"][1])
    assert seen["renamed"] == sources(seen["name"])
    # Files that were not open are named before they are changed.
    (question,) = seen["questions"]
    assert all(one in question for one in FILES)
    assert seen["undone"] == sources()


@pytest.mark.parametrize(
    ("scenario", "encoding"), [("wide-line", "utf-16"), ("wide-line-utf-32", "utf-32")]
)
def test_a_rename_behind_wide_characters(
    emacs: Run, project: Path, scenario: str, encoding: str
) -> None:
    path = project / "shop" / "main.py"
    text = path.read_text("utf-8").replace(
        "print(len(orders.do_it(source))", 'print("ärger 😀𝒳", len(orders.do_it(source))'
    )
    assert "😀𝒳" in text
    path.write_text(text, "utf-8")
    seen = emacs(scenario)
    assert seen["encoding"] == encoding
    assert seen["renamed"]["main.py"] == text.replace("do_it", seen["name"])


def test_a_use_that_is_not_saved_is_renamed_in_its_buffer(emacs: Run) -> None:
    seen = emacs("unsaved-buffer")
    expected = sources(seen["name"])["main.py"] + f"\norders.{seen['name']}(Path('x'))\n"
    assert seen["buffer"] == expected


def test_a_slow_model_is_waited_for_on_demand(emacs: Run) -> None:
    seen = emacs("look-for-names", slow=2)
    menu, names = seen["lists"]
    assert menu == ["Suggest names…"]
    assert [one.split(" ")[0] for one in names] == ["total_price", "sum_prices"]
    text = sources()["orders.py"].replace("def calc(", "def sum_prices(")
    assert seen["renamed"]["orders.py"] == text
    assert "from shop.orders import sum_prices, do_it" in seen["renamed"]["report.py"]


def test_waiting_that_is_cancelled_ends_at_once_and_changes_nothing(emacs: Run) -> None:
    seen = emacs("cancel-while-waiting", slow=3)
    assert seen["answered-before-the-cancel"] is False
    assert seen["code"] == -32800  # RequestCancelled
    assert (seen["lists"], seen["modified"]) == ([], False)
    assert [name_in(one) for one in seen["titles"]] == ["total_price", "sum_prices"]


def test_a_person_who_quits_goes_on(emacs: Run) -> None:
    seen = emacs("quit-while-waiting", slow=3)
    assert (seen["quit"], seen["modified"]) == (True, False)
    assert [name_in(one) for one in seen["titles"]] == ["total_price", "sum_prices"]


def test_a_killed_server_comes_back(emacs: Run) -> None:
    seen = emacs("killed-server")
    assert seen["first"] != seen["second"]
    assert seen["titles"]


def test_several_menus_at_a_time(emacs: Run) -> None:
    seen = emacs("several-at-a-time")
    assert sorted(seen) == ["calc", "do_it", "process"]
    for first, again in seen.values():
        assert first == again
        assert name_in(first[0])
    assert len({menus[0][0] for menus in seen.values()}) == 3


def test_lsp_mode_runs_it_beside_other_servers(emacs: Run) -> None:
    seen = emacs("lsp-mode", mark="lsp-mode")
    assert "namewright" in seen["servers"]
    assert seen["renamed"] == sources(name_in(seen["titles"][1]))
