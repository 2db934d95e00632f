"""Bad input that is real: a hub that misbehaves, no room on the disk, a file of 200 MB."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataset.__main__ import main
from tests.dataset.git_repository import commit, functions, make_repository

Captured = pytest.CaptureFixture[str]
HTML = b"<!doctype html><title>Sign in</title>"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub whose data sets are named after what is wrong with them."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "silent" in self.path:
                time.sleep(2)
                return
            body, promised = HTML, len(HTML)
            if "/api/" in self.path and "page" not in self.path:
                kind = self.path.split("/")[4]
                body = json.dumps({"train": [f"{address}/{kind}.file"]}).encode()
                promised = len(body)
            elif "stalls" in self.path:
                body, promised = b"PAR1", 1_000
            self.send_response(200)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if promised > len(body):
                time.sleep(2)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setattr("dataset.sources.hub._TIMEOUT", 0.3)
    yield address
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("page", "/api/datasets/ann/page/parquet/default", "answer is not JSON; try again"),
        ("silent", "/api/datasets/ann/silent/parquet/default", "check the network"),
        ("html", "/html.file", "answer is not a Parquet file; try again"),
        ("stalls", "/stalls.file", "check the network"),
    ],
)
def test_a_hub_that_misbehaves_is_one_line_with_its_address(
    hub: str, tmp_path: Path, capsys: Captured, name: str, place: str, words: str
) -> None:
    out = tmp_path / "out"
    given = ["build", "--source", "hub", "--dataset", f"ann/{name}", "--out", str(out)]
    assert main(given) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith(f"dataset: {hub}{place}: ")
    assert words in line
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_no_room_is_one_line_and_leaves_no_half_file(tmp_path: Path) -> None:
    """The system itself refuses to let a file grow."""
    repository = make_repository(tmp_path / "work")
    commit(repository, {f"a{i}.py": functions(f"rows{i}", 300) for i in range(8)})
    out = tmp_path / "out"
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from dataset.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    given = ["build", "--path", str(repository), "--out", str(out), "--workers", "1"]
    done = subprocess.run([sys.executable, "-c", program, *given], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().split("\n")[-1].endswith("run the same command again")
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in out.rglob("*") if path.is_file()]
    assert main(given) == 0


@pytest.mark.parametrize("source", ["git", "folder"])
def test_a_file_of_200_megabytes_is_counted_and_left_out(tmp_path: Path, source: str) -> None:
    folder = make_repository(tmp_path / "work")
    with (folder / "huge.py").open("wb") as stream:
        stream.truncate(200_000_000)
    commit(folder, {"a.py": functions("rows", 2)})
    out = tmp_path / "out"
    assert main(["build", "--source", source, "--path", str(folder), "--out", str(out)]) == 0
    counts = json.loads((out / "stats.json").read_text())["counts"]
    assert counts["file: too large"] == 1
    assert counts["rows: train"] == 2
