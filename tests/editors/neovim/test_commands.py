""":Namewright audit, check and restart, completion, and :checkhealth namewright."""

from __future__ import annotations

import re

from tests.editors.neovim.neovim import Neovim, slow_server


def test_completion_and_a_word_that_is_none(neovim: Neovim) -> None:
    shown = neovim.run("""
        local function completed(line)
          return vim.fn.getcompletion(line, 'cmdline')
        end
        local answer = {
          all = completed('Namewright '),
          some = completed('Namewright s'),
          paths = completed('Namewright audit sho'),
          nothing = completed('Namewright suggest '),
        }
        vim.cmd('Namewright frobnicate')
        vim.cmd('Namewright check twice')
        answer.notices = T.notices
        return answer
    """)
    usage = "Namewright: :Namewright audit|cancel|check|restart|suggest; see :help :Namewright"
    assert shown == {
        "all": ["audit", "cancel", "check", "restart", "suggest"],
        "some": ["suggest"],
        "paths": ["shop/"],
        "nothing": [],
        "notices": [usage, usage],
    }


def test_an_audit_fills_the_quickfix_list(neovim: Neovim) -> None:
    umlauts = neovim.folder / "shop" / "umlauts.py"
    umlauts.write_text(
        'class Ä:\n    "🎉"; ö = 1\n\n\ndef frob(path):\n    with open(path) as stream:\n'
        "        return json.load(stream)\n",
        encoding="utf-8",
    )
    shown = neovim.run("""
        T.open('shop/main.py')
        T.wait_for_server()
        vim.cmd('Namewright audit')
        T.wait_for_notice('could have a better name')
        local answer = {
          title = vim.fn.getqflist({ title = 1 }).title,
          opened = vim.bo.buftype,
          notices = T.notices,
          texts = vim.tbl_map(function(item) return item.text end, vim.fn.getqflist()),
        }
        vim.cmd('cfirst')
        answer.line = vim.fn.getline('.'):sub(vim.fn.col('.'))
        answer.file = vim.fn.expand('%:t')
        return answer
    """)
    assert shown["title"] == "Namewright: names that fit least"
    assert shown["opened"] == "quickfix"
    first = re.match(r"(\w+) → (\w+) \(\d+%\)", shown["texts"][0])
    assert first
    assert shown["line"].startswith(f"{first[1]}(")
    counts = re.fullmatch(
        r"Namewright: (\d+) of (\d+) functions could have a better name", shown["notices"][-1]
    )
    assert counts
    assert int(counts[1]) == len(shown["texts"])
    assert int(counts[2]) == 6


def test_an_audit_of_one_file_and_of_none(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.open('shop/main.py')
        T.wait_for_server()
        vim.cmd('Namewright audit shop/orders.py')
        T.wait_for_notice('could have a better name')
        vim.cmd('Namewright audit nowhere')
        local files = {}
        for _, item in ipairs(vim.fn.getqflist()) do
          files[vim.fn.fnamemodify(vim.fn.bufname(item.bufnr), ':t')] = true
        end
        return { notices = T.notices, files = vim.tbl_keys(files) }
    """)
    assert set(shown["files"]) <= {"orders.py"}
    assert " of 3 functions" in shown["notices"][1]
    assert shown["notices"][-1] == "Namewright: nowhere does not exist"


def test_check_tells_in_one_line(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        T.suggest()
        T.wait('the status line', function()
          return require('namewright').status() == 'embedded'
        end)
        vim.cmd('Namewright check')
        T.wait_for_notice('embedded is')
        return { notices = T.notices }
    """)
    (line,) = shown["notices"]
    assert re.fullmatch(r"Namewright: embedded is ready, last answer in \d+ ms", line)


def test_an_audit_can_be_cancelled(neovim: Neovim) -> None:
    shown = neovim.run(
        """
        T.open('shop/main.py')
        T.wait_for_server()
        local told = T.sent_to_server()
        vim.cmd('Namewright audit')
        vim.wait(500)
        vim.cmd('Namewright cancel')
        vim.cmd('Namewright cancel')
        -- It answers the next question: the audit does not go on.
        vim.cmd('Namewright check')
        T.wait_for_notice('table is')
        return { told = told, notices = T.notices, list = vim.fn.getqflist() }
        """,
        set_up=slow_server(5),
    )
    assert shown["told"].count("$/cancelRequest") == 1
    assert shown["notices"][:3] == [
        "Namewright: auditing names…",
        "Namewright: cancelled",
        "Namewright: nothing waits for an answer",
    ]
    assert shown["list"] in ([], {})


def test_a_server_that_was_killed_is_started_again(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        local first = T.suggest()
        T.kill_servers()
        vim.cmd('normal! othe editor is usable')
        local typed = vim.fn.getline('.')
        vim.cmd('undo')
        vim.cmd('Namewright restart')
        T.wait_for_notice('the server runs')
        local again = T.suggest()
        T.kill_servers()
        local once_more = T.suggest() -- starts it by itself
        return { first = first, typed = typed, again = again, once_more = once_more }
    """)
    assert shown["typed"] == "the editor is usable"
    for later in ("again", "once_more"):
        assert shown[later]["titles"] == shown["first"]["titles"]


def test_restart_ends_the_server_that_runs(neovim: Neovim) -> None:
    shown = neovim.run("""
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        local before = T.clients()[1].id
        vim.cmd('Namewright restart')
        T.wait_for_notice('the server runs')
        local after = T.clients()
        return { before = before, after = after[1].id, count = #after, list = T.suggest() }
    """)
    assert shown["count"] == 1
    assert shown["after"] > shown["before"]
    assert shown["list"]["titles"]


HEALTH = """
vim.cmd('checkhealth namewright')
return { lines = vim.api.nvim_buf_get_lines(0, 0, -1, false) }
"""


def test_checkhealth(neovim: Neovim) -> None:
    running = """
        T.choose(0)
        T.open('shop/orders.py', 16, 5)
        T.wait_for_server()
        T.suggest()
    """
    text = "\n".join(neovim.run(running + HEALTH)["lines"])
    assert "ERROR" not in text
    assert "WARN" not in text
    for part in ("namewright.nvim 0.1.0", "predictor embedded", "named ", "embedded is ready"):
        assert part in text
    assert re.search(r"OK:? .*-m server: namewright \d", text)
    assert str(neovim.folder) in text


def test_checkhealth_names_what_is_wrong(neovim: Neovim) -> None:
    set_up = "require('namewright').setup({ python = '/no/python', colour = 'red' })\n"
    text = "\n".join(neovim.run(HEALTH, set_up)["lines"])
    assert re.search(r"ERROR:? the option python names /no/python, which does not run", text)
    assert re.search(r"WARN(ING)?:? unknown option colour", text)
    broken = neovim.home / "broken"
    broken.write_text("#!/bin/sh\necho no such module >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    set_up = f"require('namewright').setup({{ cmd = {{ '{broken}' }} }})\n"
    text = "\n".join(neovim.run(HEALTH, set_up)["lines"])
    assert f"{broken} does not run: no such module" in text
