"""From the press of the key to the menu: cold (the model has not seen the function) and cached."""

from __future__ import annotations

import statistics

import pytest

from tests.editors.vscode.browser import BrowserError, until
from tests.editors.vscode.workbench import MENU_ROW, Workbench

TIMES = 20
NAME_ROW = f'{MENU_ROW}:has-text("Rename to")'


def test_time_from_key_to_menu(workbench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    workbench.open_file("orders.py", 31, 5)
    workbench.menu()
    workbench.browser.press("Escape")
    cached = [measured(workbench) for _ in range(TIMES)]
    cold: list[float] = []
    workbench.go_to(32, 1)
    workbench.browser.press("End")
    workbench.browser.type("  # ")
    for _ in range(TIMES):
        workbench.browser.type("x")
        # The function is another one, and the key follows at once: the model is asked by it.
        workbench.browser.press("Escape", "ArrowUp")
        cold.append(measured(workbench))
        workbench.browser.press("ArrowDown", "End")
    with capsys.disabled():
        for label, times in (("cold", cold), ("cached", cached)):
            median, worst = statistics.median(times), max(times)
            print(f"\nVS Code, key to menu, {label}: median {median:.0f} ms, worst {worst:.0f} ms")
    # How long it took is printed, not judged: machines are shared. The menu came every time.
    assert min(cold + cached) > 0


def measured(workbench: Workbench) -> float:
    """One press that brought the menu; a press while the last menu closes is not taken."""

    def press() -> float:
        try:
            return workbench.browser.time("Control+.", NAME_ROW, seconds=5)
        except BrowserError:
            workbench.browser.press("Escape")
            return 0.0

    took = until(press, "the menu")
    workbench.browser.press("Escape")
    workbench.browser.wait(".action-widget", gone=True)
    workbench.browser.wait(".editor-group-container.active .monaco-editor.focused")
    return took
