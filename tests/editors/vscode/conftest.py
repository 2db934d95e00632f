"""One code-server for all tests; a window on a fresh copy of the project for each."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.browser import ROOT, Browser
from tests.editors.vscode.code_server import CodeServer, packaged_extension, packaged_renamer
from tests.editors.vscode.workbench import SCREENSHOTS, Workbench

HERE = Path(__file__).parent
PROJECT = HERE / "project"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A wait in vain is tried once more in a new window, and counted in the summary as a rerun.

    VS Code in a browser now and then loses a key or a page on a busy machine. What it shows
    wrongly fails at once.
    """
    again = pytest.mark.flaky(reruns=1, only_rerun=["BrowserError"])
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(again)


@pytest.fixture(scope="session")
def code_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """VS Code with the extension installed and nothing set up yet."""
    subprocess.run([ROOT / "scripts" / "editors.sh"], check=True)
    server = CodeServer(tmp_path_factory.mktemp("vscode"))
    server.install(packaged_extension())
    server.install(packaged_renamer(server.home))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    one = Browser()
    yield one
    one.close()


@pytest.fixture
def another_browser() -> Iterator[Browser]:
    """For a second window; left before it is closed, as VS Code keeps a lost window's server."""
    one = Browser()
    yield one
    one.goto("about:blank")
    one.close()


@pytest.fixture
def workbench(
    code_server: CodeServer,
    browser: Browser,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Workbench]:
    """A window on a copy of the project; its last sight is kept as an artefact."""
    code_server.write_settings()
    folder = tmp_path / "shop-project"
    shutil.copytree(PROJECT, folder)
    window = Workbench(browser, code_server, folder)
    window.open_window()
    yield window
    keep_sight(window, request)


@pytest.fixture
def second_window(workbench: Workbench, another_browser: Browser) -> Workbench:
    """Another window on the folder of the first; both open at the same time."""
    window = Workbench(another_browser, workbench.server, workbench.folder)
    window.open_window()
    return window


def keep_sight(window: Workbench, request: pytest.FixtureRequest) -> None:
    window.browser.screenshot(SCREENSHOTS / f"{request.node.name}.png")
