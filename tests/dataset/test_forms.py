"""The forms of training rows, and the command that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataset.__main__ import main
from dataset.forms import SYSTEM, chat, prompt_completion
from tests.dataset.git_repository import functions

QUESTION = "def x(text):\n    return text.split()"


def test_chat_has_three_turns_and_the_name_alone() -> None:
    system, user, assistant = chat(QUESTION, "Reader.split_words")["messages"]
    assert system == {"role": "system", "content": SYSTEM}
    assert user == {"role": "user", "content": f"```python\n{QUESTION}\n```"}
    assert assistant == {"role": "assistant", "content": "split_words"}


def test_prompt_is_llama_2_chat() -> None:
    assert prompt_completion(QUESTION, "split_words", system="Name it.") == {
        "prompt": f"[INST] <<SYS>>\nName it.\n<</SYS>>\n\n```python\n{QUESTION}\n``` [/INST]",
        "completion": " split_words ",
    }


@pytest.mark.parametrize(("form", "field"), [("chat", "messages"), ("prompt-completion", "prompt")])
def test_export(tmp_path: Path, form: str, field: str) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_text(functions("rows", 3))
    corpus, out = str(tmp_path / "corpus"), tmp_path / "train.jsonl"
    assert main(["build", "--source", "folder", "--path", str(code), "--out", corpus]) == 0
    assert main(["export", corpus, "--form", form, "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 3
    assert all(field in row for row in rows)


def test_export_wants_a_whole_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "o.jsonl")
    assert main(["export", str(tmp_path), "--out", out]) == 2
    assert "no whole corpus" in capsys.readouterr().err
