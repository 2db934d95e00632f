"""The first window: the extension makes its environment, starts the server, and offers names."""

from __future__ import annotations

from tests.editors.vscode.browser import until
from tests.editors.vscode.workbench import NOTICE_BUTTON, Workbench


def test_a_first_run_in_two_windows_sets_up_once_and_offers_names(
    workbench: Workbench, second_window: Workbench
) -> None:
    assert workbench.server.environments() == []
    # Both begin at once; one of them makes the environment, the other waits for it.
    for window in (workbench, second_window):
        window.show_file("orders.py")
    until(lambda: len(workbench.server.server_pids()) == 2, "a server in each", seconds=300)
    assert len(workbench.server.environments()) == 1
    for window in (workbench, second_window):
        window.open_file("orders.py", 16, 5)
        names = window.menu()
        assert all(name.startswith("Rename to `") and name.endswith("%)") for name in names)
        assert window.notices() == []
    workbench.picture("menu")
    # What one of them renames, the other one has too.
    workbench.browser.press("Enter")
    until(lambda: "def do_it(" not in workbench.text(), "the new name")
    second_window.browser.press("Escape")
    until(lambda: second_window.text() == workbench.text(), "the new name in the other window")


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
