"""Several folders in a window, and folders that nobody trusts yet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.browser import Browser, until
from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import PROJECT
from tests.editors.vscode.programs import recording_python
from tests.editors.vscode.test_audit_view import ROW
from tests.editors.vscode.workbench import Workbench

TILL = """\
\"\"\"Another project, with a function of the same name.\"\"\"


def calc(coins):
    return sum(coin.total for coin in coins)


print(calc([]))
"""


def test_a_window_on_two_folders(workbench: Workbench, tmp_path: Path) -> None:
    other = tmp_path / "till-project" / "till.py"
    other.parent.mkdir()
    other.write_text(TILL)
    both = tmp_path / "both.code-workspace"
    folders = [{"path": str(workbench.folder)}, {"path": str(other.parent)}]
    both.write_text(json.dumps({"folders": folders}))
    workbench.open_window(both)
    workbench.open_file("till.py", 4, 5)
    row = workbench.menu()[0]
    new = row.split("`")[1]
    workbench.choose_from_menu(row)
    until(lambda: f"def {new}(" in workbench.text(), "the new name in the editor")
    assert f"print({new}([]))" in workbench.text()
    # The function of the same name in the other folder is another one.
    for name in ("orders.py", "report.py"):
        before = (PROJECT / "shop" / name).read_text()
        assert (workbench.folder / "shop" / name).read_text() == before
    workbench.run("Namewright: Audit Workspace")
    places = f"{ROW} .label-description"
    told = until(lambda: workbench.browser.texts(places), "rows in the view")
    assert all(place.startswith(("shop-project/", "till-project/")) for place in told), told


@pytest.fixture
def restricted(
    code_server: CodeServer, browser: Browser, tmp_path: Path
) -> Iterator[tuple[Workbench, Path]]:
    """A window on a folder that nobody trusts, whose settings choose an interpreter."""
    environment = code_server.environments()[-1]
    server = CodeServer(tmp_path / "home", beside=code_server, restricts=True)
    server.write_settings(**{"security.workspace.trust.startupPrompt": "never"})
    folder = tmp_path / "shop-project"
    shutil.copytree(PROJECT, folder)
    (folder / ".vscode").mkdir()
    python, heard = recording_python(tmp_path, environment / "bin" / "python")
    (folder / ".vscode" / "settings.json").write_text(
        json.dumps({"namewright.interpreter": python})
    )
    server.start()
    window = Workbench(browser, server, folder)
    window.open_window()
    yield window, heard
    browser.goto("about:blank")
    server.stop()


def test_a_folder_without_trust_chooses_no_interpreter(
    restricted: tuple[Workbench, Path],
) -> None:
    workbench, heard = restricted
    workbench.open_file("orders.py", 16, 5)
    assert workbench.menu()
    workbench.browser.press("Escape")
    assert "Restricted Mode" in workbench.status_bar
    assert not heard.exists()
    workbench.run("Workspaces: Manage Workspace Trust")
    workbench.browser.click('.workspace-trust-editor .monaco-button:has-text("Trust")')
    # What the folder's settings say holds from now on.
    until(heard.exists, "the interpreter of the folder to run")
    workbench.show_file("orders.py")
    workbench.go_to(24, 5)
    assert workbench.menu()
