"""The audit of the workspace: a list, worst first; a click goes there, the check mark renames."""

from __future__ import annotations

from tests.editors.vscode.browser import until
from tests.editors.vscode.workbench import Workbench

VIEW = '.pane[aria-label*="Names That Fit Least"], .pane:has([aria-label*="Names That Fit Least"])'
ROW = f":is({VIEW}) .monaco-list-row"


def test_the_worst_names_are_listed_gone_to_and_mended(workbench: Workbench) -> None:
    workbench.open_file("main.py", 1)
    workbench.run("Namewright: Audit Workspace")
    labels = until(lambda: workbench.browser.texts(f"{ROW} .label-name"), "rows in the view")
    old, new = labels[0].split(" → ")
    workbench.picture("audit")
    workbench.browser.click(f"{ROW} >> nth=0")
    until(lambda: f"def {old}(" in workbench.text(), "the function in the editor")
    workbench.browser.call("hover", f"{ROW} >> nth=0")
    workbench.browser.click(f"{ROW} >> nth=0 >> .action-label.codicon-check")
    until(lambda: f"def {new}(" in workbench.text(), "the new name in the editor")
    until(lambda: workbench.browser.count(ROW) == len(labels) - 1, "one row less")
