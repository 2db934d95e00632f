"""The first window: the extension makes its environment, starts the server, and offers names."""

from __future__ import annotations

from tests.editors.vscode.browser import until
from tests.editors.vscode.workbench import NOTICE_BUTTON, Workbench


def test_a_first_run_sets_itself_up_and_offers_names(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 16, 5)
    until(workbench.server.server_pids, "the server to run", seconds=240)
    assert (workbench.server.storage / "environments").is_dir()
    names = workbench.menu()
    assert all(name.startswith("Rename to `") and name.endswith("%)") for name in names)
    workbench.picture("menu")


def test_the_check_says_what_runs(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 16, 5)
    workbench.menu()
    workbench.browser.press("Escape")
    workbench.run("Namewright: Check Set-up")
    until(lambda: "Namewright works." in " ".join(workbench.notices()), "that all is well")
    workbench.browser.click(f'{NOTICE_BUTTON}:has-text("Show Report")')
    until(lambda: "its own environment" in workbench.text(), "the report")
    assert "next answers" in workbench.text()
    workbench.picture("check")
