"""The edge of `python -m dataset`: one line for a person, bugs as they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_build_ends_in_one_line_and_goes_on(tmp_path: Path, workers: str) -> None:
    lines: list[str] = []
    for number in range(8):
        # One small repository, then large ones: the signal comes while most is still to do.
        size = 500 if number else 10
        files = {f"m{i}.py": functions(f"rows_{number}_{i}", size) for i in range(5)}
        sha = commit(make_repository(tmp_path / f"clones/ann/r{number}"), files)
        lines.append(f"ann/r{number}\t{sha}\tMIT\n")
    (tmp_path / "m.tsv").write_text("".join(lines))
    out = tmp_path / "out"
    arguments = [
        *("build", "--manifest", str(tmp_path / "m.tsv"), "--out", str(out)),
        *("--repositories", str(tmp_path / "clones"), "--workers", workers),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "dataset", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell has what it runs in the background ignore this signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("parts/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.002)
    # What a terminal does at Ctrl-C: the signal goes to git and to the workers as well.
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.strip().split("\n")[-1] == (
        "dataset: interrupted; the same command goes on from here"
    )
    assert not (out / "stats.json").exists()
    assert main(arguments) == 0
    counts = json.loads((out / "stats.json").read_text())["counts"]
    assert counts["functions"] == 17_550


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
