"""Takes the pictures of VS Code in docs/figures, light and dark, from the real editor; the light
ones of the walkthrough go into the extension too.

scripts/editors.sh && python scripts/editor_pictures.py

The editor is driven as the tests drive it (tests/editors/vscode), on the project of the tests.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.editors.vscode import workbench  # noqa: E402
from tests.editors.vscode.browser import Browser, until  # noqa: E402
from tests.editors.vscode.code_server import CodeServer, packaged_extension  # noqa: E402

FIGURES = ROOT / "docs" / "figures"
MEDIA = ROOT / "editor-clients" / "vscode" / "media"
# Which picture each step of the walkthrough shows.
WALKTHROUGH = {"menu": "menu", "list": "suggest", "audit": "audit", "check": "check"}
PROJECT = ROOT / "tests" / "editors" / "vscode" / "project"
WIDTH, HEIGHT = 1000, 620
FIRST_RUN_S = 240


def main() -> None:
    """Open the editor on a copy of the project, take the pictures, and close it."""
    with tempfile.TemporaryDirectory() as folder:
        # The tests' own folder of pictures may be written to at the same time.
        taken = Path(folder) / "pictures"
        taken.mkdir()
        workbench.SCREENSHOTS = taken
        server = CodeServer(Path(folder))
        server.install(packaged_extension())
        server.start()
        browser = Browser()
        try:
            browser.call("resize", WIDTH, HEIGHT)
            take(browser, server, Path(folder) / "shop")
        finally:
            browser.close()
            server.stop()
        for picture in sorted(taken.iterdir()):
            shutil.copyfile(picture, FIGURES / f"vscode-{picture.name}")
            print(f"wrote docs/figures/vscode-{picture.name}")
        for name, step in WALKTHROUGH.items():
            shutil.copyfile(taken / f"{name}-light.png", MEDIA / f"{step}.png")


def take(browser: Browser, server: CodeServer, project: Path) -> None:
    """The menu, the list with a name shown in place, every edit as a diff, the audit, the check."""
    shutil.copytree(PROJECT, project)
    window = workbench.Workbench(browser, server, project)
    window.open_window()
    window.open_file("orders.py", 16, 5)
    until(server.server_pids, "the server to run", seconds=FIRST_RUN_S)
    window.menu()
    window.picture("menu")
    browser.press("Escape")
    window.go_to(24, 6)
    window.run("Namewright: Suggest Names for This Function")
    best = window.listed_names()[0]
    until(lambda: best in window.drawn_texts(), "the best name in the document")
    window.picture("list")
    browser.press("Escape")
    window.run("Namewright: Audit Workspace")
    browser.wait(".monaco-list-row .label-name:has-text(' → ')")
    window.picture("audit")
    window.open_file("orders.py", 16, 6)
    window.run("Namewright: Suggest Names, Show Every Edit First")
    window.listed_names()
    browser.press("Enter")
    browser.wait(".multiDiffEditor .modified .view-line")
    until(lambda: window.quick_rows()[:1] == ["Rename in 3 files"], "the question")
    window.picture("diffs")
    browser.press("Escape")
    browser.wait(".multiDiffEditor", gone=True)
    window.run("Namewright: Check Set-up")
    browser.click(f'{workbench.NOTICE_BUTTON}:has-text("Show Report")', timeout=90_000)
    until(lambda: "next answers" in window.text(), "the report")
    window.picture("check")


if __name__ == "__main__":
    main()
