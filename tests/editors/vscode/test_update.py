"""A newer version that is installed while a window is open, and a machine without a Python."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.editors.vscode.browser import until
from tests.editors.vscode.code_server import newer_extension, packaged_extension
from tests.editors.vscode.workbench import NOTICE, NOTICE_BUTTON, Workbench

NEWER = "99.0.0"


def test_an_update_while_a_window_is_open(workbench: Workbench, tmp_path: Path) -> None:
    server = workbench.server
    workbench.open_file("orders.py", 16, 5)
    assert workbench.menu()
    workbench.browser.press("Escape")
    # What a first try installed may still lie there.
    (before,) = [each for each in server.packages() if NEWER not in each.name]
    kept = tmp_path / before.name
    shutil.copytree(before, kept)
    server.install(newer_extension(packaged_extension(), NEWER, tmp_path))
    try:
        # The window goes on with the version it has, also where the editor has cleaned up.
        shutil.rmtree(before, ignore_errors=True)
        workbench.go_to(24, 5)
        assert workbench.menu()
        workbench.browser.press("Escape")
        workbench.run("Namewright: Restart")
        told = "the extension was updated; reload the window to use the new version"
        until(lambda: any(told in one for one in workbench.notices()), told)
        workbench.browser.click(f'{NOTICE_BUTTON}:has-text("Reload Window")')
        # The page may leave while it is asked about: this wait outlives it.
        workbench.browser.wait(NOTICE, gone=True)
        workbench.wait_until_open()
        workbench.open_file("orders.py", 16, 5)
        assert workbench.menu()
        workbench.browser.press("Escape")
        workbench.run("Namewright: Check Set-up")
        workbench.browser.click(f'{NOTICE_BUTTON}:has-text("Show Report")', timeout=90_000)
        until(lambda: NEWER in workbench.text(), "the new version in the report")
    finally:
        # The other tests have the version that they had.
        server.install(packaged_extension())
        if not before.exists():
            shutil.copytree(kept, before)
