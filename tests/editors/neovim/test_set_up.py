"""How the plugin is set up beside the rest: Neovim's own way, roots, another rename."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.editors.neovim.neovim import PLUGIN, ROOT, SET_UP, Neovim, name_in, on_the_path, uses

RENAMER = Path(__file__).with_name("renamer.py")
BY_CLIENT = (
    "require('namewright').setup({ python = T.python,"
    " settings = { rename = { engine = 'client' } } })\n"
)
START_RENAMER = f"""
T.choose(2)
T.open('shop/orders.py', 16, 5)
T.wait_for_server()
local id = vim.lsp.start_client({{
  name = 'renamer',
  cmd = {{ T.python, '{RENAMER}' }},
  root_dir = vim.fn.getcwd(),
}})
vim.lsp.buf_attach_client(0, id)
T.wait('the other server', function()
  return require('namewright.compat').clients('renamer', 0)[1] ~= nil
end)
local function renamed()
  return vim.fn.getline(16):match('^def do_it') == nil
end
"""


def test_the_new_neovim_finds_the_server_s_configuration(new_neovim: Neovim) -> None:
    shown = new_neovim.run(
        """
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        return {
          list = T.suggest(),
          root = T.clients(0)[1].root_dir,
          clients = #vim.lsp.get_clients(),
        }
        """,
        # What a person writes who uses no setup(); the program is found on the PATH.
        set_up="vim.lsp.enable('namewright')\n"
        "vim.lsp.config('namewright', { settings = { namewright = { candidates = 2 } } })\n",
        environment=on_the_path(),
    )
    assert len(shown["list"]["titles"]) == 2
    assert Path(shown["root"]) == new_neovim.folder
    assert shown["clients"] == 1


def test_one_server_for_a_project_another_for_another(neovim: Neovim, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    (other / "deep").mkdir()
    (other / "deep" / "alone.py").write_text("def f():\n    pass\n", encoding="utf-8")
    shown = neovim.run(f"""
        T.open('shop/orders.py')
        T.wait_for_server()
        T.open('shop/main.py')
        T.wait_for_server()
        local same = #T.clients()
        T.open('{other}/deep/alone.py')
        T.wait_for_server()
        return {{ same = same, both = #T.clients(), root = T.clients(0)[1].config.root_dir }}
    """)
    assert shown == {"same": 1, "both": 2, "root": str(other)}


def test_another_client_renames_where_it_is_asked_to(neovim: Neovim) -> None:
    shown = neovim.run(
        START_RENAMER
        + """
        vim.cmd('Namewright suggest')
        T.wait('the rename', renamed)
        vim.cmd('wall')
        return { list = T.lists[1], line = vim.fn.getline(16) }
        """,
        set_up=BY_CLIENT,
    )
    new = name_in(shown["list"]["titles"][1])
    assert shown["line"] == f"def {new}(path: Path) -> list[Order]:  # by the other"
    # It renames here alone, so it was not ours.
    assert uses(neovim.folder, "do_it") == {"orders.py": 0, "report.py": 2, "main.py": 1}


def test_code_actions_hand_the_name_over_too(neovim: Neovim) -> None:
    shown = neovim.run(
        START_RENAMER
        + """
        T.choose(0)
        T.suggest()
        T.choose(1)
        vim.lsp.buf.code_action()
        T.wait('the rename', renamed)
        return { line = vim.fn.getline(16) }
        """,
        set_up=BY_CLIENT,
    )
    assert shown["line"].endswith("  # by the other")


def test_no_other_client_is_told(neovim: Neovim) -> None:
    shown = neovim.run(
        """
        T.choose(1)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        T.suggest()
        return { notices = T.notices, line = vim.fn.getline(16) }
        """,
        set_up=BY_CLIENT,
    )
    assert shown["notices"] == [
        "Namewright: no other client renames here; start one, or set rename.engine to namewright"
    ]
    assert shown["line"].startswith("def do_it(")


def test_positions_of_every_encoding(neovim: Neovim) -> None:
    shown = neovim.run("""
        local compat, rows = require('namewright.compat'), {}
        for _, encoding in ipairs({ 'utf-8', 'utf-16', 'utf-32' }) do
          local character = compat.character_of('a🎉ßb', 7, encoding)
          table.insert(rows, { character, compat.byte_of('a🎉ßb', character, encoding) })
        end
        return rows
    """)
    assert shown == [[7, 7], [4, 7], [3, 7]]


def test_the_entry_of_nvim_lspconfig_works_alone(new_neovim: Neovim) -> None:
    entry = ROOT / "packaging" / "nvim-lspconfig" / "lsp" / "namewright.lua"
    shown = new_neovim.run(
        f"""
        vim.lsp.config('entry', dofile('{entry}'))
        vim.lsp.enable('entry')
        T.open('shop/orders.py', 16, 5)
        T.wait('the server', function() return vim.lsp.get_clients()[1] ~= nil end)
        T.choose(2)
        T.wait('the names', function()
          if #T.lists == 0 then
            vim.lsp.buf.code_action()
          end
          return #T.lists > 0 or vim.wait(500, function() return #T.lists > 0 end)
        end)
        local list = T.lists[1]
        return {{ list = list, notices = T.notices, messages = vim.fn.execute('messages') }}
        """,
        set_up="",
        environment=on_the_path(),
    )
    assert all(title.startswith(("Rename to", "Suggest")) for title in shown["list"]["titles"])
    # No complaint about settings: an empty table would have arrived as a list.
    assert shown["notices"] == []
    assert "Namewright:" not in shown["messages"]


def test_set_up_after_the_file_was_opened(neovim: Neovim) -> None:
    shown = neovim.run(
        f"""
        T.open('shop/orders.py', 16, 5)
        local before = #T.clients()
        {SET_UP}
        T.wait_for_server()
        return {{ before = before, name = T.clients(0)[1].name }}
        """,
        set_up="",
    )
    assert shown == {"before": 0, "name": "namewright"}


@pytest.mark.parametrize("page", [ROOT / "docs/editors/neovim.md", PLUGIN / "README.md"])
def test_the_configurations_of_the_pages_are_taken(new_neovim: Neovim, page: Path) -> None:
    blocks = re.findall(r"^```lua\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for block in blocks:
        code = f"return {block}" if block.startswith("{") else block
        new_neovim.run(f"local taken = (function() {code} end)()\nreturn {{ taken = taken }}", "")
    assert len(blocks) >= 3


def test_the_help_has_every_option_and_subcommand(neovim: Neovim) -> None:
    # The folder may be read-only to the editor elsewhere: a copy gets the tags.
    shutil.copytree(PLUGIN / "doc", neovim.home / "help" / "doc")
    found = neovim.run(
        f"""
        vim.cmd('set rtp+={neovim.home}/help')
        vim.cmd('helptags {neovim.home}/help/doc')
        local missing = {{}}
        for _, tag in ipairs({{ 'namewright', ':Namewright', 'namewright-options' }}) do
          local ran = pcall(vim.cmd, 'help ' .. tag)
          if not ran then table.insert(missing, tag) end
        end
        local text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')
        return {{ missing = missing, text = text, options = require('namewright.options').get() }}
        """
    )
    assert found["missing"] in ([], {})
    for option in found["options"]:
        assert re.search(rf"^{option}  +", found["text"], re.MULTILINE), option
