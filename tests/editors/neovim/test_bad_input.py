"""No server, one that ends at once, options of the wrong type: a clear line, a usable editor."""

from __future__ import annotations

from tests.editors.neovim.neovim import Neovim

TWO_FILES = """
T.open('shop/orders.py', 16, 5)
T.open('shop/main.py')
vim.wait(300)
vim.cmd('normal! ggOthe editor is usable')
local typed = vim.fn.getline('.')
vim.cmd('undo')
"""
ANSWER = "return { notices = T.notices, typed = typed, clients = #T.clients() }"


def test_a_missing_server_is_told_once(neovim: Neovim) -> None:
    shown = neovim.run(
        TWO_FILES + "vim.cmd('Namewright suggest')\nvim.cmd('Namewright restart')\n" + ANSWER,
        set_up="require('namewright').setup()\n",
        environment={"PATH": "/usr/bin:/bin"},
    )
    missing = (
        "Namewright: the program namewright is not on the PATH; install it with"
        " `uv tool install namewright` or set the option python; :help namewright-install"
    )
    # Once by itself, then once for each command.
    assert shown["notices"] == [missing] * 3
    assert shown["typed"] == "the editor is usable"
    assert shown["clients"] == 0


def test_a_python_that_is_not_there_is_told_once(neovim: Neovim) -> None:
    shown = neovim.run(
        TWO_FILES + ANSWER, set_up="require('namewright').setup({ python = '/no/python' })\n"
    )
    (line,) = shown["notices"]
    assert "the option python names /no/python, which does not run" in line
    assert shown["typed"] == "the editor is usable"


def test_a_server_that_ends_at_its_start(neovim: Neovim) -> None:
    shown = neovim.run(
        """
        T.open('shop/orders.py', 16, 5)
        vim.cmd('Namewright suggest')
        T.wait_for_notice('the server ended at its start; :checkhealth namewright says why')
        vim.cmd('normal! othe editor is usable')
        return { typed = vim.fn.getline('.') }
        """,
        set_up="require('namewright').setup({ cmd = { 'false' } })\n",
    )
    assert shown["typed"] == "the editor is usable"


def test_options_of_the_wrong_type_keep_their_defaults(neovim: Neovim) -> None:
    shown = neovim.run(
        """
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        local list = T.suggest()
        return {
          list = list,
          notices = T.notices,
          settings = T.said('namewright.candidates must be of type integer, not string'),
        }
        """,
        set_up="require('namewright').setup({ python = T.python, root_markers = 'x', colour = 1,"
        " settings = { candidates = 'many' } })\n",
    )
    assert shown["notices"][0] == (
        'Namewright: the option root_markers must be a list of words, not "x"; its default holds;'
        " unknown option colour; it is ignored"
    )
    assert shown["settings"] == 1
    assert len(shown["list"]["titles"]) > 1


def test_settings_that_are_a_list(neovim: Neovim) -> None:
    shown = neovim.run(
        """
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        return { list = T.suggest(), notices = T.notices }
        """,
        set_up="require('namewright').setup({ python = T.python, settings = { 'candidates' } })\n",
    )
    (line,) = shown["notices"]
    assert line.startswith("Namewright: the option settings must be a table")
    assert shown["list"]["titles"]


def test_settings_reach_the_server(neovim: Neovim) -> None:
    shown = neovim.run(
        """
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        return T.suggest()
        """,
        set_up="require('namewright').setup({ python = T.python,"
        " settings = { candidates = 1 } })\n",
    )
    assert len(shown["titles"]) == 1
