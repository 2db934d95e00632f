"""The command line as its users run it: a process, its two streams and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from server import __version__
from server.cli import main
from server.predictors.base import NamePredictor
from server.predictors.embedded import load_embedded
from server.settings import Settings
from tests.fake_engine import fake_engine, one_at_a_time, status

ROOT = Path(__file__).parents[2]
SOURCE = """\
import json


def f1(path):
    with open(path) as stream:
        return json.load(stream)


class Box:
    def f2(self):
        return self.size

    @property
    def f1(self):
        return self.size + 1


def load_settings(path):
    return json.load(path)
"""


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The real command line with the table for a model."""
    return subprocess.run(
        [sys.executable, "-m", "tests.table_predictor", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "100"},
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "store.py").write_text(SOURCE)
    return tmp_path


def test_suggest_tells_a_program_exactly_what_the_design_says(project: Path) -> None:
    done = run("suggest", project / "store.py", "--line", 5, "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "file": str(project / "store.py"),
        "line": 4,
        "function": "f1",
        "predictor": "table",
        "suggestions": [
            {"name": "load_json", "probability": 0.62},
            {"name": "read_json", "probability": 0.2},
            {"name": "get_json", "probability": 0.05},
        ],
        "current_probability": 0.001,
    }


def test_suggest_shows_a_person_names_and_how_to_take_one(project: Path) -> None:
    done = run("suggest", project / "store.py", "--line", 4, "-k", 1)
    assert "load_json" in done.stdout
    assert "62%" in done.stdout
    assert "read_json" not in done.stdout
    assert f"namewright suggest {project}/store.py --line 4 --apply load_json" in done.stdout


def test_suggest_says_when_the_present_name_is_already_the_best(project: Path) -> None:
    done = run("suggest", project / "store.py", "--function", "load_settings")
    assert "load_settings is already the best name (70%)" in done.stdout
    assert "--apply" not in done.stdout


def test_suggest_without_names_that_fit_says_so(tmp_path: Path) -> None:
    path = tmp_path / "only.py"
    path.write_text("def f1():\n    return 'gibberish'\n")
    done = run("suggest", path)
    assert done.returncode == 0
    assert "no name fits better" in done.stdout
    assert json.loads(run("suggest", path, "--json").stdout)["suggestions"] == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--line", "11"], 10),
        (["--line", "13"], 14),
        (["--function", "f2"], 10),
        (["--function", "Box.f1"], 14),
        (["--line", "6"], 4),
    ],
)
def test_a_function_is_named_by_any_of_its_lines_or_by_name(
    project: Path, arguments: list[str], line: int
) -> None:
    done = run("suggest", project / "store.py", *arguments, "--json")
    assert json.loads(done.stdout)["line"] == line


def test_suggest_apply_renames_in_the_file(project: Path) -> None:
    (project / "user.py").write_text("from store import f1\n\nprint(f1('a'))\n")
    done = run("suggest", project / "store.py", "--line", 4, "--apply", "load_json")
    assert done.returncode == 0, done.stderr
    assert "def load_json(path):" in (project / "store.py").read_text()
    assert "    def f1(self):" in (project / "store.py").read_text()
    assert (
        project / "user.py"
    ).read_text() == "from store import load_json\n\nprint(load_json('a'))\n"


def test_rename_previews_unless_told_to_write(project: Path) -> None:
    done = run("rename", project / "store.py", "--line", 4, "load_json")
    assert done.returncode == 0, done.stderr
    assert "-def f1(path):" in done.stdout
    assert "+def load_json(path):" in done.stdout
    assert (project / "store.py").read_text() == SOURCE


def test_rename_tells_a_program_its_edits_and_findings(project: Path) -> None:
    done = run("rename", project / "store.py", "--line", 4, "load_json", "--json", "--preview")
    plan = json.loads(done.stdout)
    start = SOURCE.index("f1")
    assert {"start": start, "end": start + 2, "new_text": "load_json", "certain": True} in plan[
        "edits"
    ][str(project / "store.py")]
    assert set(plan) == {"edits", "findings"}
    assert (project / "store.py").read_text() == SOURCE


def test_a_refused_rename_exits_1_and_writes_nothing(project: Path) -> None:
    done = run("rename", project / "store.py", "--line", 4, "load_settings", "--apply", "--json")
    assert done.returncode == 1
    severities = {finding["severity"] for finding in json.loads(done.stdout)["findings"]}
    assert "refuse" in severities
    assert (project / "store.py").read_text() == SOURCE


def test_the_coding_cookie_is_honoured(tmp_path: Path) -> None:
    path = tmp_path / "old.py"
    text = "# -*- coding: latin-1 -*-\ndef f1(größe):\n    return json.load(größe)\n"
    path.write_bytes(text.encode("latin-1"))
    assert json.loads(run("suggest", path, "--json").stdout)["line"] == 2
    assert run("suggest", path, "--apply", "load_json").returncode == 0
    assert path.read_bytes() == text.replace("f1", "load_json").encode("latin-1")


def test_check_says_what_runs_here(tmp_path: Path) -> None:
    done = run("check")
    assert done.returncode == 0
    for expected in (__version__, "table", "0123456789abcdef", "cpu", "load_json", " ms"):
        assert expected in done.stdout


def test_an_endpoint_on_the_command_line_is_asked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake_engine() as engine:
        place = [str(project / "store.py"), "--line", "4", "--json"]
        assert main(["suggest", *place, "--endpoint", engine.url, "--model", "base"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["predictor"] == "openai"
        assert answer["suggestions"][0] == {"name": "parse_headers", "probability": 0.6}
        assert {call.body["model"] for call in engine.asked} == {"base"}


def test_check_says_which_engine_answers_and_what_it_gets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with fake_engine(one_at_a_time(["load_json", "read_json"])) as engine:
        assert main(["check", "--endpoint", engine.url, "--set", "openai.api=completions"]) == 0
        told = capsys.readouterr().out
        for expected in (
            "openai",
            "ready",
            engine.url,
            "names",
            "completions",
            "round trip",
            "nothing leaves this machine",
            "load_json",
        ):
            assert expected in told


def test_check_says_what_an_engine_that_fails_is_asked_and_why_it_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with fake_engine(status(401, {"error": "no"})) as engine:
        assert main(["check", "--endpoint", engine.url]) == 2
        told = capsys.readouterr()
        assert "failed" in told.out
        assert engine.url in told.out
        assert told.err.count("\n") == 1
        assert "wants a key (401)" in told.err


def test_version_and_help() -> None:
    assert run("--version").stdout == f"namewright {__version__}\n"
    done = run("--help")
    for command in ("suggest", "rename", "audit", "check", "--stdio", "--tcp"):
        assert command in done.stdout


def _link_to_itself(folder: Path) -> Path:
    path = folder / "loop.py"
    path.symlink_to(path)
    return path


def _written(folder: Path, data: bytes) -> Path:
    path = folder / "input.py"
    path.write_bytes(data)
    return path


BAD_FILES = [
    ("missing", lambda folder: folder / "none.py", "does not exist"),
    ("directory", lambda folder: folder, "is a directory"),
    ("unreadable", _link_to_itself, "cannot be read"),
    ("no file", lambda folder: Path("/dev/null"), "is not a file"),
    ("binary", lambda folder: _written(folder, b"def f():\0\x01"), "binary"),
    ("not UTF-8", lambda folder: _written(folder, b"def f(): '\xff'\n"), "not valid utf-8"),
    ("empty", lambda folder: _written(folder, b""), "has no functions"),
    ("no function", lambda folder: _written(folder, b"print(1)\n"), "has no functions"),
]


@pytest.mark.parametrize(
    ("make", "expected"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES]
)
@pytest.mark.parametrize("command", ["suggest", "rename"])
def test_a_bad_file_is_one_clear_line_and_status_2(
    tmp_path: Path, command: str, make: object, expected: str
) -> None:
    assert callable(make)
    rest = ["--line", "1"] + (["new_name"] if command == "rename" else [])
    assert_one_line(run(command, make(tmp_path), *rest), expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["suggest", "{store}"], "has 4 functions to choose from; name one with --line N"),
        (["suggest", "{store}", "--line", "99"], "line 99 is outside"),
        (["suggest", "{store}", "--line", "0"], "line 0 is outside"),
        (["suggest", "{store}", "--line", "x"], "invalid int value: 'x'"),
        (["suggest", "{store}", "--line", "1"], "no function at line 1"),
        (["suggest", "{store}", "--line", "8"], "no function at line 8"),
        (["suggest", "{store}", "--function", "nobody"], "has no function nobody"),
        (["suggest", "{store}", "--function", "f1"], "has 2 functions to choose from"),
        (["suggest", "{store}", "--line", "4", "--function", "f1"], "not allowed with"),
        (["suggest", "{store}", "--line", "4", "-k", "0"], "'0' is not a whole number"),
        (["suggest", "{store}", "--line", "4", "--predictor", "damaged"], "weights are damaged"),
        (["suggest", "{store}", "--line", "4", "--apply", "not a name"], "not a Python identifier"),
        (["suggest", "{store}", "--line", "4", "--apply", "class"], "keyword"),
        (["rename", "{store}", "--line", "4", "f1"], "already called"),
        (["rename", "{store}", "new_name"], "--line"),
        (["rename", "{store}", "--line", "4", "a", "--apply", "--preview"], "not allowed with"),
        (["audit", "{store}/none"], "does not exist"),
        (["audit", "{store}", "--min-confidence", "7"], "not a number from 0 to 1"),
        (["audit", "{store}", "--format", "xml"], "invalid choice: 'xml'"),
        (["audit", "{store}", "--fail-on", "-1"], "--fail-on"),
        (["check", "--predictor", "damaged"], "weights are damaged; reinstall"),
        (["check", "--set", "threads"], "write KEY=VALUE"),
        (["check", "--set", "threads=many"], "namewright.threads must be of type integer"),
        (["check", "--set", "thread=1"], "unknown setting namewright.thread"),
        (
            ["check", "--predictor", "embedded", "--endpoint", "http://localhost"],
            "of the predictor",
        ),
        (["dance"], "invalid choice: 'dance'"),
        (["--frobnicate"], "unrecognized arguments"),
        (["--tcp", "--port", "99999"], "not a port"),
        (["--stdio", "--log-file", "{store}/x.log"], "log file"),
        ([], "nothing to do"),
    ],
)
def test_bad_usage_is_one_clear_line_and_status_2(
    project: Path, arguments: list[str], expected: str
) -> None:
    store = str(project / "store.py")
    assert_one_line(run(*(each.replace("{store}", store) for each in arguments)), expected)


@pytest.mark.parametrize("command", ["check", "suggest", "audit"])
def test_an_unknown_predictor_is_one_clear_line_and_status_2(project: Path, command: str) -> None:
    place = {"check": [], "suggest": ["store.py", "--line", "4"], "audit": ["store.py"]}[command]
    done = subprocess.run(
        [sys.executable, "-m", "server", command, *place, "--predictor", "oracle"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert_one_line(done, "oracle")


def test_a_reader_that_leaves_early_is_no_error(project: Path) -> None:
    command = f"{sys.executable} -m tests.table_predictor --help | head -n 1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert done.stderr == ""


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = "jedi lsprotocol numpy onnxruntime pygls rich tokenizers tree_sitter".split()
    code = f"import sys, server.cli; print(sorted({{*{heavy}}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "[]\n"


def assert_one_line(done: subprocess.CompletedProcess[str], expected: str) -> None:
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("namewright: ")
    assert expected in done.stderr


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "no weights there"),
        ({"manifest.json": "{"}, "not a manifest"),
        ({"manifest.json": "[]"}, "not a manifest"),
        ({"manifest.json": '{"format": 99, "version": "9", "sha256": {}}'}, "upgrade namewright"),
        (
            {"manifest.json": '{"format": 3, "version": "7", "sha256": {}}'},
            "export the model again",
        ),
        (
            {
                "manifest.json": '{"format": 4, "version": "1", "sha256": {"model.npz": "00"}}',
                "model.npz": "truncated",
            },
            "damaged",
        ),
        (
            {"manifest.json": '{"format": 4, "version": "1", "sha256": {"model.npz": "00"}}'},
            "cannot be read",
        ),
    ],
)
def test_damaged_or_foreign_weights_are_one_clear_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], expected: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    def open_those(settings: Settings) -> NamePredictor:
        return load_embedded(tmp_path)

    assert main(["check"], open_those) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert expected in told.err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def f1(path):\n    return json.load(path)\n\n\n" * 120_000, 240_001),
        ("def f1(path):\n" + "    path = json.load(path)\n" * 3_000, 1_500),
    ],
    ids=["5 MB", "3,000 lines"],
)
def test_files_and_functions_of_any_size_are_answered(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "long.py"
    path.write_text(text)
    done = run("suggest", path, "--line", line, "--json")
    assert json.loads(done.stdout)["suggestions"][0]["name"] == "load_json"
