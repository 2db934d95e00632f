"""The edge of `python -m dataset`: one line for a person, bugs as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dataset.__main__ import main
from tests.dataset.git_repository import commit, functions, make_repository

Captured = pytest.CaptureFixture[str]


def run_without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a Python that cannot import `module`."""
    program = f"import sys; sys.modules[{module!r}] = None\n" + (
        "from dataset.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(("module", "package"), [("pyarrow", "pyarrow"), ("yaml", "pyyaml")])
def test_a_missing_extra_is_one_line(tmp_path: Path, module: str, package: str) -> None:
    done = run_without(module, "build", "--path", ".", "--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"dataset: {package} is not installed; pip install 'namewright[data]'\n"


def test_help_needs_no_extra() -> None:
    done = run_without("pyarrow", "--help")
    assert done.returncode == 0
    assert "build" in done.stdout


def test_another_missing_module_is_a_bug() -> None:
    done = run_without("dataset.split", "build", "--path", ".", "--out", "x")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_what_the_server_imports_needs_no_extra() -> None:
    program = (
        "import sys, dataset.functions, dataset.question;"
        "print(sorted({'pyarrow', 'yaml', 'datatrove'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["build", "--source", "svn"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_a_problem_is_one_line_however_long(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / ("[bold]" + "clones" * 20)
    commit(make_repository(folder / "ann/alpha"), {"a.py": functions("rows", 2)})
    sha = commit(make_repository(folder / "ann/beta"), {"a.py": functions("names", 2)})
    manifest = tmp_path / "m.tsv"
    manifest.write_text(f"ann/alpha\t{'0' * 40}\tMIT\nann/beta\t{sha}\tMIT\n" * 2)
    out = tmp_path / "out"
    arguments = ["build", "--manifest", str(manifest), "--repositories", str(folder)]
    assert main([*arguments, "--out", str(out)]) == 0
    expected = f"dataset: ann/alpha: {folder}/ann/alpha: no commit {'0' * 40}; fetch it"
    assert capsys.readouterr().err.split("\n").count(expected) == 1
    counts = json.loads((out / "stats.json").read_text())["counts"]
    assert counts["functions"] == 2


def test_addresses_writes_rows(tmp_path: Path, capsys: Captured) -> None:
    sha = commit(make_repository(tmp_path / "ann/alpha"), {"a.py": functions("rows", 2)})
    urls = tmp_path / "urls.txt"
    urls.write_text(f"# two\n\nhttps://github.com/ann/alpha/blob/{sha}/a.py#L7-L11\n")
    out = tmp_path / "new/rows.jsonl"
    arguments = ["addresses", "--urls", str(urls), "--repositories", str(tmp_path)]
    assert main([*arguments, "--out", str(out)]) == 0
    (line,) = out.read_text().splitlines()
    assert json.loads(line)["name"] == "load_rows_1"
    assert json.loads(capsys.readouterr().out)["resolved"] == 1


@pytest.mark.parametrize(
    ("content", "out", "words"),
    [
        (None, "rows.jsonl", "urls.txt: cannot be read"),
        (b"\xe9\n", "rows.jsonl", "urls.txt: is not UTF-8 text"),
        (b"# one\nhttps://x\n", "rows.jsonl", "urls.txt:2: expected"),
        (b"", "urls.txt/rows.jsonl", "rows.jsonl: cannot be written"),
    ],
)
def test_bad_addresses_are_one_line(
    tmp_path: Path, capsys: Captured, content: bytes | None, out: str, words: str
) -> None:
    urls = tmp_path / "urls.txt"
    if content is not None:
        urls.write_bytes(content)
    arguments = ["addresses", "--urls", str(urls), "--repositories", str(tmp_path)]
    assert main([*arguments, "--out", str(tmp_path / out)]) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("dataset: ")
    assert words in line
