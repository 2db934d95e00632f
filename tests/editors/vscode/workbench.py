"""What a person does in VS Code: open files, run commands, choose from menus and lists."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from tests.editors.vscode.browser import PATIENCE, ROOT, Browser, BrowserError, until
from tests.editors.vscode.code_server import SETTINGS, CodeServer

SCREENSHOTS = ROOT / ".editors" / "screenshots" / "vscode"
MENU_ROW = ".action-widget .monaco-list-row.action"
QUICK_NAME = ".quick-input-widget .monaco-list-row:has-text('%') .label-name"
QUICK_ROW = ".quick-input-widget .monaco-list-row"
NOTICE = ".notification-toast .notification-list-item-message"
NOTICE_BUTTON = ".notification-toast .monaco-button"


class Workbench:
    """One window on one folder."""

    def __init__(self, browser: Browser, server: CodeServer, folder: Path) -> None:
        self.browser = browser
        self.server = server
        self.folder = folder

    def open_window(self, workspace: Path | None = None) -> None:
        """Load the window, on a workspace file where one is given; wait until it takes keys."""
        what = f"workspace={workspace}" if workspace else f"folder={self.folder}"
        address = f"{self.server.address}/?{what}"
        self.browser.goto(address)
        if workspace is not None:
            # Now and then the editor shows a workspace file without its folders, and stays so until
            # the page is loaded anew.
            with suppress(BrowserError):
                self.wait_until_open(seconds=20)
                return
            self.browser.goto(address)
        self.wait_until_open()

    def wait_until_open(self, seconds: float = PATIENCE) -> None:
        self.browser.wait(".monaco-workbench .part.editor", seconds=seconds)
        folders = ".explorer-viewlet .monaco-list-row, .explorer-folders-view"
        self.browser.wait(folders, seconds=seconds)

    def run(self, command: str) -> None:
        """Run a command by its title in the command palette."""
        self._quick("F1", f">{command}")
        self._choose_first(command)

    def open_file(self, name: str, line: int, column: int = 1) -> None:
        """Open a file of the folder with the cursor at a place (both count from 1)."""
        self.show_file(name)
        # The first window of a session makes the server's environment.
        until(self.server.server_pids, "the server to run", seconds=300)
        self.go_to(line, column)

    def show_file(self, name: str) -> None:
        """Open a file of the folder, whether or not the server is there."""
        self._quick("Control+p", name)
        self._choose_first(name)
        self._wait_for_editor(name)

    def open_notebook(self, name: str) -> None:
        """Open a notebook with the cursor in its first cell."""
        self._quick("Control+p", name)
        self._choose_first(name)
        self.browser.wait(".notebookOverlay .cell .view-line")
        self.browser.click(".notebookOverlay .cell .view-line >> nth=0")

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor at a place of the open file."""
        self._quick("Control+g", f":{line}:{column}")
        self._choose_first(f"Go to line {line}")
        until(lambda: f"Ln {line}, Col {column}" in self.status_bar, f"the cursor at line {line}")

    @property
    def status_bar(self) -> str:
        return " ".join(self.browser.texts(".statusbar-item"))

    def text(self) -> str:
        """The lines in view of the active editor."""
        lines = self.browser.evaluate(
            """[...document.querySelectorAll('.editor-group-container.active .view-line')]
               .map(one => [parseFloat(one.style.top), one.textContent])
               .sort((a, b) => a[0] - b[0]).map(one => one[1]).join('\\n')"""
        )
        return lines.replace("\xa0", " ")

    def menu(self) -> list[str]:
        """The rows of the code actions at the cursor, once there are names among them."""

        def rows() -> list[str]:
            self.browser.press("Control+.")
            try:
                self.browser.wait(MENU_ROW, seconds=8)
            except BrowserError:
                # The server is not up yet, or said that there is nothing.
                self.browser.press("Escape")
                return []
            found = [row.strip() for row in self.browser.texts(MENU_ROW)]
            names = [row for row in found if row.startswith("Rename to")]
            if not names:
                self.browser.press("Escape")
            return names

        return until(rows, "names in the menu")

    def choose_from_menu(self, row: str) -> None:
        """Choose a row of the open menu by the keyboard, as its click is not always taken."""
        focused = f"{MENU_ROW}.focused"
        for _ in range(30):
            if [text.strip() for text in self.browser.texts(focused)] == [row]:
                self.browser.press("Enter")
                return
            self.browser.press("ArrowDown")
        raise BrowserError(f"{row!r} is not in the menu: {self.browser.texts(MENU_ROW)}")

    def quick_rows(self) -> list[str]:
        """The rows of the open quick pick, words joined by single spaces."""
        return [" ".join(text.split()) for text in self.browser.texts(QUICK_ROW)]

    def listed_names(self) -> list[str]:
        """The names of the open quick pick, once they are there."""
        return until(lambda: self.browser.texts(QUICK_NAME), "names in the list")

    def drawn_texts(self) -> list[str]:
        """Texts that decorations draw before or after what is written."""
        return self.browser.evaluate(
            """[...document.querySelectorAll('.view-line span')].flatMap(one =>
                 ['::before', '::after'].map(
                   side => getComputedStyle(one, side).content.replace(/^"|"$/g, '')))
               .filter(text => text && !['none', 'normal'].includes(text))"""
        )

    def picture(self, name: str) -> None:
        """Keep a screenshot in the dark and the light theme."""
        for theme in ("dark", "light"):
            self.browser.call("theme", theme)
            dark = "true" if theme == "dark" else "false"
            until(
                lambda dark=dark: self.browser.evaluate(
                    f"(document.querySelector('.monaco-workbench.vs-dark') !== null) === {dark}"
                ),
                f"the {theme} theme",
            )
            self._wait_for_colours()
            self.browser.screenshot(SCREENSHOTS / f"{name}-{theme}.png")

    def _wait_for_colours(self) -> None:
        """Until the colours no longer fade into each other."""
        colour = "getComputedStyle(document.querySelector('.part.statusbar')).backgroundColor"
        seen: list[str] = []

        def still() -> bool:
            seen.append(self.browser.evaluate(colour))
            return len(seen) > 5 and len(set(seen[-5:])) == 1

        until(still, "the colours to settle")

    def change_settings(self, **settings: object) -> None:
        """Change the user's settings as a person does; back to orders.py afterwards."""
        self._write_settings("Preferences: Open User Settings (JSON)", {**SETTINGS, **settings})

    def change_workspace_settings(self, **settings: object) -> None:
        """The same for the workspace, where paths of this machine belong in a remote window."""
        self._write_settings("Preferences: Open Workspace Settings (JSON)", settings)

    def _write_settings(self, command: str, settings: dict[str, object]) -> None:
        self.run(command)
        self._wait_for_editor("settings.json")
        self.browser.press("Control+a")
        self.browser.call("insert", json.dumps(settings))
        self.browser.press("Control+s")
        self.browser.wait('.tab.active.dirty[data-resource-name="settings.json"]', gone=True)
        self.show_file("orders.py")

    def _wait_for_editor(self, name: str) -> None:
        """Until keys go to the file: its tab is active before the editor shows it."""
        self.browser.wait(f'.tab.active[data-resource-name="{name}"]')
        shown = f'.monaco-editor.focused[data-uri$="/{name}"]'
        self.browser.wait(f".editor-group-container.active {shown}")

    def notices(self) -> list[str]:
        return self.browser.texts(NOTICE)

    def dismiss_notices(self) -> None:
        if self.browser.count(NOTICE):
            self.run("Notifications: Clear All Notifications")

    def _quick(self, keys: str, text: str) -> None:
        def is_open() -> bool:
            self.browser.press(keys)
            try:
                self.browser.wait(".quick-input-widget input", seconds=3)
            except BrowserError:
                return False
            return True

        until(is_open, f"the list behind {keys}")
        self.browser.press("Control+a")
        self.browser.type(text)

    def _choose_first(self, text: str) -> None:
        wanted = text.lower().replace(":", "").split()

        def is_first() -> bool:
            rows = self.quick_rows()
            first = rows[0].lower() if rows else ""
            return all(word in first for word in wanted)

        until(is_first, f"{text!r} as the first row")
        self.browser.press("Enter")
