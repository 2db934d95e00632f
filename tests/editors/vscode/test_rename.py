"""Renames as a person makes them: from the menu, from the list, by a name of one's own."""

from __future__ import annotations

import re
from pathlib import Path

from tests.editors.vscode.browser import until
from tests.editors.vscode.workbench import QUICK_ROW, Workbench

FILES = ("orders.py", "report.py", "main.py")
DEFINITION = (16, 5)
LIGHT_BULB = ".codicon-light-bulb, .codicon-gutter-lightbulb"


def uses(folder: Path, name: str) -> dict[str, int]:
    """How often each file on disk mentions a name."""
    word = re.compile(rf"\b{name}\b")
    return {one: len(word.findall((folder / "shop" / one).read_text())) for one in FILES}


def name_in(row: str) -> str:
    found = re.search(r"`(\w+)`", row)
    assert found, row
    return found[1]


def test_the_second_name_of_the_menu_changes_every_file_and_is_undone_at_once(
    workbench: Workbench,
) -> None:
    before = {"orders.py": 1, "report.py": 2, "main.py": 1}
    assert uses(workbench.folder, "do_it") == before
    # The editor keeps what it would undo for files that are open.
    for name in ("main.py", "report.py"):
        workbench.open_file(name, 1)
    workbench.open_file("orders.py", *DEFINITION)
    # The cursor rests: the bulb comes by itself, from a prediction in the background.
    workbench.browser.wait(LIGHT_BULB)
    row = workbench.menu()[1]
    workbench.choose_from_menu(row)
    new = name_in(row)
    until(lambda: f"def {new}(" in workbench.text(), "the new name in the editor")
    until(lambda: uses(workbench.folder, new) == before, "the new name in every file")
    assert set(uses(workbench.folder, "do_it").values()) == {0}
    workbench.browser.press("Control+z")
    until(lambda: "def do_it(" in workbench.text(), "the old name in the editor")
    for name in ("main.py", "report.py"):
        workbench.open_file(name, 1)
        until(lambda: "do_it(" in workbench.text(), f"the old name in {name}")
        assert new not in workbench.text()


def test_the_list_shows_a_name_before_it_renames(workbench: Workbench) -> None:
    workbench.open_file("orders.py", 17, 9)
    workbench.run("Namewright: Suggest Names for This Function")
    second = workbench.listed_names()[1]
    workbench.browser.press("ArrowDown")
    # Shown in place of the present name, without an edit.
    until(lambda: second in workbench.drawn_texts(), "the second name in the document")
    assert uses(workbench.folder, second)["orders.py"] == 0
    workbench.picture("list")
    workbench.browser.press("Enter")
    until(lambda: uses(workbench.folder, second)["main.py"] == 1, "the second name in every file")
    until(lambda: second not in workbench.drawn_texts(), "the preview to end")
    assert f"def {second}(" in workbench.text()


def test_every_edit_is_shown_as_a_diff_first(workbench: Workbench) -> None:
    workbench.open_file("orders.py", *DEFINITION)
    before = {one: (workbench.folder / "shop" / one).read_text() for one in FILES}
    second = names_with_diffs(workbench)
    shown = ".multiDiffEditor .file-path, .multiDiffEditor .title"
    for name in FILES:
        until(
            lambda name=name: name in " ".join(workbench.browser.texts(shown)), f"{name} as a diff"
        )
    inserted = ".multiDiffEditor .modified .view-line"
    until(lambda: f"def {second}(" in " ".join(workbench.browser.texts(inserted)), "the new name")
    workbench.picture("diffs")
    assert {one: (workbench.folder / "shop" / one).read_text() for one in FILES} == before
    until(lambda: workbench.quick_rows()[:1] == ["Rename in 3 files"], "the question")
    workbench.browser.press("ArrowDown", "Enter")
    workbench.browser.wait(".multiDiffEditor", gone=True)
    assert {one: (workbench.folder / "shop" / one).read_text() for one in FILES} == before
    assert names_with_diffs(workbench) == second
    until(lambda: workbench.quick_rows()[:1] == ["Rename in 3 files"], "the question again")
    workbench.browser.press("Enter")
    until(lambda: uses(workbench.folder, second)["report.py"] == 2, "the name in every file")
    assert set(uses(workbench.folder, "do_it").values()) == {0}


def names_with_diffs(workbench: Workbench) -> str:
    """Ask for names and press the button of the second; which it was."""
    workbench.run("Namewright: Suggest Names for This Function")
    second = workbench.listed_names()[1]
    row = f'{QUICK_ROW}:has-text("%") >> nth=1'
    workbench.browser.call("hover", row)
    workbench.browser.click(f"{row} >> .codicon-diff-multiple")
    return second


def test_a_list_that_is_left_changes_nothing(workbench: Workbench) -> None:
    workbench.open_file("orders.py", *DEFINITION)
    workbench.run("Namewright: Suggest Names for This Function")
    first = workbench.listed_names()[0]
    until(lambda: first in workbench.drawn_texts(), "the first name in the document")
    workbench.browser.press("Escape")
    until(lambda: not workbench.drawn_texts(), "the preview to end")
    assert "def do_it(" in workbench.text()


def test_a_name_of_ones_own_and_an_unsaved_second_buffer(workbench: Workbench) -> None:
    workbench.open_file("main.py", 12, 1)
    # A use that is on no disk yet.
    workbench.browser.press("Control+End")
    workbench.browser.type("\norders.do_it(Path('x'))")
    workbench.browser.press("Escape")
    workbench.open_file("orders.py", *DEFINITION)
    workbench.run("Namewright: Rename to…")
    workbench.browser.wait(".quick-input-widget input")
    workbench.browser.press("Control+a")
    workbench.browser.type("2 names")
    message = ".quick-input-widget .quick-input-message"
    until(
        lambda: "begins with a letter" in "".join(workbench.browser.texts(message)), "a complaint"
    )
    workbench.browser.press("Control+a")
    workbench.browser.type("load_orders")
    workbench.browser.press("Enter")
    until(lambda: uses(workbench.folder, "load_orders")["report.py"] == 2, "the name elsewhere")
    workbench.open_file("main.py", 17, 1)
    until(lambda: workbench.text().count("orders.load_orders(") == 2, "the name in the buffer")


def test_the_rename_key_and_renames_by_the_other_python_extension(workbench: Workbench) -> None:
    workbench.change_settings(**{"namewright.rename.engine": "client"})
    workbench.open_file("orders.py", *DEFINITION)
    workbench.menu()
    workbench.browser.press("Escape")
    workbench.browser.press("F2")
    workbench.browser.wait(".rename-box")
    workbench.browser.press("Escape")
    row = workbench.menu()[0]
    workbench.choose_from_menu(row)
    until(lambda: "# renamed by the other extension" in workbench.text(), "the other's mark")
    assert f"def {name_in(row)}(" in workbench.text()


def test_a_cell_of_a_notebook_gets_names(workbench: Workbench) -> None:
    workbench.open_notebook("sales.ipynb")
    workbench.run("Namewright: Suggest Names for This Function")
    workbench.listed_names()
    workbench.browser.press("Enter")
    until(lambda: "def f(" not in workbench.text(), "the new name in the cell")
