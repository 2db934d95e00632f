"""What goes wrong is said once, with a button that helps, and the editor stays usable."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from tests.editors.vscode.browser import until
from tests.editors.vscode.programs import DYING, NOT_A_PYTHON, TOO_OLD, program
from tests.editors.vscode.workbench import MENU_ROW, NOTICE_BUTTON, Workbench


def test_a_killed_server_comes_back(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 16, 5)
    workbench.menu()
    workbench.browser.press("Escape")
    (before,) = workbench.server.server_pids()
    os.kill(before, signal.SIGKILL)
    after = until(
        lambda: [pid for pid in workbench.server.server_pids() if pid != before], "another server"
    )
    assert len(after) == 1
    workbench.open_file("orders.py", 24, 5)
    assert workbench.menu()
    assert workbench.notices() == []


def test_restart_ends_the_server_that_runs_and_the_log_is_shown(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 16, 5)
    (before,) = until(workbench.server.server_pids, "the server")
    workbench.run("Namewright: Restart")

    def another() -> bool:
        pids = workbench.server.server_pids()
        return len(pids) == 1 and before not in pids

    until(another, "another server")
    assert workbench.menu()
    workbench.browser.press("Escape")
    workbench.run("Namewright: Show Log")
    # Which channel the panel shows; its lines need a module that is not built for the tests.
    shown = "[...document.querySelectorAll('.part.panel select')].map(one => one.value)"
    until(lambda: "Namewright" in workbench.browser.evaluate(shown), "the log")


def test_the_status_item_tells_predictor_state_and_latency(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 16, 5)
    workbench.menu()
    workbench.browser.press("Escape")
    workbench.browser.call("hover", '.statusbar-item[id="status.languageStatus"]')
    shown = ".hover-language-status"
    told = until(lambda: " ".join(workbench.browser.texts(shown)), "the state of the languages")
    assert "Namewright: embedded" in told
    assert re.search(r"ready · last answer in \d+ ms", told), told


def test_settings_change_live(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 16, 5)
    assert len(workbench.menu()) > 1
    workbench.browser.press("Escape")
    workbench.change_settings(**{"namewright.candidates": 1})

    def one_name() -> bool:
        many = len(workbench.menu()) == 1
        workbench.browser.press("Escape")
        return many

    until(one_name, "a single name in the menu")


def test_each_bad_set_up_is_one_notice_with_a_button(workbench: Workbench, tmp_path: Path) -> None:
    workbench.open_file("orders.py", 16, 5)
    workbench.menu()
    workbench.browser.press("Escape")
    cases = [
        ("/no/such/python", "does not exist"),
        (program(tmp_path, "old-python", TOO_OLD), "is Python 3.8.10; Python 3.11 or newer"),
        (program(tmp_path, "not-python", NOT_A_PYTHON), "does not run as a Python"),
        (program(tmp_path, "dying-python", DYING), "could not be started: OSError: the disk is"),
        (5, "must be the path of a Python, as text"),
    ]
    for interpreter, told in cases:
        workbench.change_workspace_settings(**{"namewright.interpreter": interpreter})
        until(lambda told=told: any(told in one for one in workbench.notices()), told)
        assert len(workbench.notices()) == 1, workbench.notices()
        assert "Open Settings" in workbench.browser.texts(NOTICE_BUTTON)
        workbench.dismiss_notices()
        until(lambda: not workbench.notices(), "the notice to go")
        # The rename key is the other Python extension's all the while.
        workbench.go_to(16, 5)
        workbench.browser.press("F2")
        workbench.browser.wait(".rename-box")
        workbench.browser.press("Escape")
    # The server is back once the setting is mended.
    workbench.change_workspace_settings()
    workbench.go_to(24, 5)
    assert workbench.menu()
    assert workbench.browser.count(MENU_ROW)


def test_a_setting_of_a_wrong_type_is_told_with_a_button(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 16, 5)
    workbench.change_settings(**{"namewright.candidates": "many"})
    told = "namewright.candidates must be of type integer, not string; using 5"
    until(lambda: any(told in one for one in workbench.notices()), told)
    assert "Open Settings" in workbench.browser.texts(NOTICE_BUTTON)
    assert workbench.menu()


def test_hints_have_quick_fixes(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 1)
    workbench.change_settings(**{"namewright.hints": True})
    workbench.open_file("orders.py", 16, 5)
    workbench.browser.wait(".squiggly-hint")
    assert workbench.menu()
    assert "Quick Fix" in workbench.browser.texts(".action-widget .monaco-list-row.group-header")
