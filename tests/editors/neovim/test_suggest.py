"""Names in the list, and renames from it across the files of a project."""

from __future__ import annotations

import re

import pytest

from tests.editors.neovim.neovim import Neovim, name_in, slow_server, uses

BEFORE = {"orders.py": 1, "report.py": 2, "main.py": 1}
SECOND_NAME = """
T.open('shop/main.py')
vim.fn.append('$', '    orders.do_it(source)  # a use that is on no disk yet')
T.choose(2)
T.open('shop/orders.py', 18, 9)
T.wait_for_server()
local list = T.suggest()
vim.cmd('wall')
"""
UNDONE = """
local undone = {}
for _, name in ipairs({ 'orders.py', 'report.py', 'main.py' }) do
  vim.cmd('buffer shop/' .. name)
  vim.cmd('silent undo')
  undone[name] = T.text('shop/' .. name)
end
return { list = list, notices = T.notices, undone = undone }
"""


def test_the_second_name_changes_every_file_and_is_undone_in_one_step(neovim: Neovim) -> None:
    original = {one: (neovim.folder / "shop" / one).read_text("utf-8") for one in BEFORE}
    assert uses(neovim.folder, "do_it") == BEFORE
    done = neovim.run(SECOND_NAME + UNDONE)
    titles: list[str] = done["list"]["titles"]
    assert done["list"]["prompt"] == "Rename do_it to:"
    assert 2 <= len(titles) <= 5
    assert all(re.fullmatch(r"[a-z_]+ \(<?\d+%\)", title) for title in titles)
    new = name_in(titles[1])
    assert uses(neovim.folder, new) == {**BEFORE, "main.py": 2}
    assert set(uses(neovim.folder, "do_it").values()) == {0}
    assert done["notices"] == [
        f"Namewright: do_it is now {new}: 5 places in 3 files; :wall writes them"
    ]
    for name in ("orders.py", "report.py"):
        assert done["undone"][name] == original[name].splitlines()
    assert "do_it" in "\n".join(done["undone"]["main.py"])


def test_the_editor_s_own_list_and_a_typed_number(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        vim.api.nvim_feedkeys('2\\r', 't', false)
        vim.cmd('Namewright suggest')
        T.wait_for_notice('do_it is now')
        return { line = vim.fn.getline(16), notices = T.notices }
    """)
    new = re.search(r"do_it is now (\w+)", shown["notices"][0])
    assert new
    assert shown["line"].startswith(f"def {new[1]}(path: Path)")


def test_a_list_that_is_left_changes_nothing(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        T.suggest()
        return { line = vim.fn.getline(16), changed = vim.bo.modified, notices = T.notices }
    """)
    assert shown == {
        "line": "def do_it(path: Path) -> list[Order]:",
        "changed": False,
        "notices": [],
    }


def test_code_actions_rename_too(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        T.suggest() -- from now on the names are known, and the menu has them at once
        T.choose(2)
        vim.lsp.buf.code_action()
        T.wait('the menu and the rename', function()
          return vim.fn.getline(16):match('^def do_it') == nil
        end)
        vim.cmd('wall')
        return T.lists[2]
    """)
    assert all(re.fullmatch(r"Rename to `\w+` \(<?\d+%\)", title) for title in shown["titles"])
    assert uses(neovim.folder, name_in(shown["titles"][1])) == BEFORE


def test_lines_that_are_not_ascii(neovim: Neovim) -> None:
    (neovim.folder / "shop" / "main.py").write_text(
        'from shop.orders import do_it\n\nBEIDE = ("größe 🎉", do_it, "é🎉", do_it)  # 🎉 ä\n',
        encoding="utf-8",
    )
    orders = neovim.folder / "shop" / "orders.py"
    text = orders.read_text("utf-8")
    orders.write_text(f'{text}\n\nÜ = ["🎉🎉", do_it]\n', encoding="utf-8")
    shown = neovim.run("""
        T.choose(2)
        T.open('shop/orders.py', 17, 9)
        T.wait_for_server()
        local list = T.suggest()
        return {
          encoding = T.clients(0)[1].offset_encoding,
          list = list,
          main = T.text('shop/main.py')[3],
          orders = vim.fn.getline('$'),
        }
    """)
    new = name_in(shown["list"]["titles"][1])
    assert shown["main"] == f'BEIDE = ("größe 🎉", {new}, "é🎉", {new})  # 🎉 ä'
    assert shown["orders"] == f'Ü = ["🎉🎉", {new}]'
    assert shown["encoding"] == ("utf-8" if neovim.version >= (0, 11) else "utf-16")


DOUBTFUL = """\
import json


class Reader:
    def do_it(self, path):
        with open(path) as stream:
            return json.load(stream)


class Writer:
    def do_it(self, path, text):
        path.write_text(text)


def use(thing, other):
    thing.do_it(other)
"""
CHOOSE_AND_CHECK = """
T.open('shop/doubtful.py', 5, 9)
T.wait_for_server()
T.choose(0)
local name = T.suggest().titles[1]
local answers = { 1, %d }
T.choose(1)
local choose = vim.ui.select
vim.ui.select = function(...)
  T.chosen = table.remove(answers, 1)
  choose(...)
end
vim.cmd('Namewright suggest')
T.wait('the question', function() return #T.lists == 3 end)
if T.chosen > 0 then
  T.wait_for_notice('do_it is now')
end
return {
  name = name,
  question = T.lists[3],
  lines = { vim.fn.getline(5), vim.fn.getline(16) },
  notices = T.notices,
  left = vim.tbl_map(function(item) return { item.lnum, item.text } end, vim.fn.getqflist()),
}
"""


@pytest.mark.parametrize(("answer", "certain", "doubtful"), [(0, 0, 0), (1, 1, 0), (2, 1, 1)])
def test_doubtful_places_are_asked_about(
    neovim: Neovim, answer: int, certain: int, doubtful: int
) -> None:
    (neovim.folder / "shop" / "doubtful.py").write_text(DOUBTFUL, encoding="utf-8")
    shown = neovim.run(CHOOSE_AND_CHECK % answer)
    new = name_in(shown["name"])
    assert shown["question"]["titles"] == [
        "Rename what is certain: 1 place in 1 file",
        "Rename the doubtful places too",
    ]
    assert "the type of thing is not known" in shown["question"]["prompt"]
    first, last = shown["lines"]
    assert first == f"    def {new if certain else 'do_it'}(self, path):"
    assert last == f"    thing.{new if doubtful else 'do_it'}(other)"
    if answer:
        (left,) = shown["left"]
        assert left[0] == 16
        assert left[1].startswith("the type of thing is not known")
        assert shown["notices"][0].endswith("; 1 to check, see :copen")
    else:
        assert (shown["left"], shown["notices"]) == ([], [])


def test_another_question_takes_the_place_of_the_one_that_waits(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        vim.cmd('Namewright suggest')
        vim.fn.cursor(24, 5)
        vim.cmd('Namewright suggest')
        vim.fn.cursor(31, 5)
        vim.cmd('Namewright suggest')
        T.wait('the list', function() return #T.lists > 0 end)
        vim.fn.cursor(16, 5)
        T.suggest()
        return { lists = T.lists, notices = T.notices }
    """)
    assert [one["prompt"] for one in shown["lists"]] == ["Rename calc to:", "Rename do_it to:"]
    assert shown["notices"] == []


@pytest.mark.parametrize(
    "goes_on",
    ["vim.cmd('normal! ix')", "vim.cmd('edit shop/main.py')", "vim.cmd('Namewright cancel')"],
    ids=["types", "leaves", "cancels"],
)
def test_who_goes_on_while_waiting_is_not_disturbed(neovim: Neovim, goes_on: str) -> None:
    shown = neovim.run(
        f"""
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        local told = T.sent_to_server()
        vim.cmd('Namewright suggest')
        vim.wait(1000)
        {goes_on}
        vim.wait(3000)
        local lists = #T.lists
        vim.cmd('silent! undo')
        T.open('shop/orders.py', 31, 5)
        return {{ told = told, lists = lists, next = T.suggest(), notices = T.notices }}
        """,
        set_up=slow_server(2),
    )
    assert shown["told"].count("$/cancelRequest") == 1
    assert shown["lists"] == 0
    assert [name_in(title) for title in shown["next"]["titles"]] == ["total_price", "sum_prices"]
    assert shown["notices"] == (["Namewright: cancelled"] if "cancel" in goes_on else [])


def test_a_place_without_a_function_says_so(neovim: Neovim) -> None:
    said = neovim.run("""
        T.choose(1)
        T.open('shop/orders.py', 1)
        T.wait_for_server()
        vim.cmd('Namewright suggest')
        T.wait_for_notice('there is no function here')
        vim.cmd('new')
        vim.cmd('Namewright suggest')
        return { notices = T.notices }
    """)
    assert said["notices"] == [
        "Namewright: there is no function here; put the cursor into one",
        "Namewright: this is not a Python file",
    ]


def test_the_command_alone_starts_the_server(neovim: Neovim) -> None:
    """As a plugin manager does that loads the plugin with its command."""
    shown = neovim.run(
        """
        require('namewright.options').set({ python = T.python })
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        local before = #T.clients()
        return { before = before, list = T.suggest() }
        """,
        set_up="",
    )
    assert shown["before"] == 0
    assert shown["list"]["prompt"] == "Rename do_it to:"
