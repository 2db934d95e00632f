"""The walkthrough of the extension: each step with its picture."""

from __future__ import annotations

from tests.editors.vscode.browser import until
from tests.editors.vscode.workbench import Workbench

STEP = ".gettingStartedContainer .getting-started-step"
PICTURE = ".gettingStartedContainer .getting-started-media img"


def test_each_step_shows_its_picture(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 1)
    workbench.run("Welcome: Open Walkthrough")
    workbench.browser.wait(".quick-input-widget input")
    workbench.browser.type("Names with Namewright")
    workbench.browser.press("Enter")
    steps = until(lambda: workbench.browser.count(STEP), "the steps")
    assert steps == 4, workbench.browser.texts(STEP)
    seen: set[str] = set()
    for number in range(steps):
        workbench.browser.click(f"{STEP} >> nth={number}")

        def new_picture() -> str:
            shown = workbench.browser.evaluate(
                f"""[...document.querySelectorAll('{PICTURE}')]
                    .filter(one => one.naturalWidth > 100).map(one => one.currentSrc)[0] ?? ''"""
            )
            return "" if shown in seen else shown

        seen.add(until(new_picture, f"the picture of step {number + 1}"))
    assert len(seen) == steps
