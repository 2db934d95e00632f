"""Releases from an index of this machine's own: what comes, what does not, and what is told."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataset.__main__ import main

WHEEL, OTHER, SOURCE = b"a pure wheel", b"a wheel for one platform", b"a source archive"


def entry(name: str, data: bytes, address: str = "") -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    return {"filename": name, "url": address or f"../../files/{name}", "hashes": {"sha256": digest}}


ASKED: list[str] = []
LISTS = {
    "alpha": [
        entry("alpha-1.0-cp311-cp311-linux_x86_64.whl", OTHER),
        entry("alpha-1.0-py3-none-any.whl", WHEEL),
        entry("alpha-0.9.tar.gz", SOURCE),
    ],
    "spelt": [
        entry("spelt-not_a_version-py3-none-any.whl", OTHER),
        entry("spelt-0.1.0b3-py3-none-any.whl", WHEEL),
    ],
    "torn": [entry("torn-1.0-py3-none-any.whl", b"what was published")],
    "sly": [entry("../sly-1.0-py3-none-any.whl", WHEEL, "../../files/sly")],
}


class FakeIndex(BaseHTTPRequestHandler):
    """Packages alpha (three files of two versions) and torn (other bytes than it says)."""

    def do_GET(self) -> None:
        ASKED.append(self.path)
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "files":
            data = SOURCE if name.endswith(".gz") else OTHER if "linux" in name else WHEEL
            self.answer(200, data)
        elif name in LISTS and "json" in self.headers["Accept"]:
            self.answer(200, json.dumps({"files": LISTS[name]}).encode())
        elif name == "page":
            self.answer(200, b"<!DOCTYPE html><a href=...>")
        else:
            self.answer(404, b"")

    def answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    ASKED.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeIndex)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple/"
    server.shutdown()
    server.server_close()


def fetch(tmp_path: Path, index: str, lines: str) -> int:
    (tmp_path / "list.tsv").write_text(lines)
    arguments = ["--releases", str(tmp_path / "list.tsv"), "--index", index]
    return main(["fetch", *arguments, "--out", str(tmp_path / "out"), "--workers", "3"])


def found(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_pure_wheels_and_files_by_name_come_and_are_kept(
    tmp_path: Path, index: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "package\tversion\tlicence\tfile\nAlpha\t1.0\tMIT\nalpha\t0.9\tMIT\talpha-0.9.tar.gz\n"
    assert fetch(tmp_path, index, lines) == 0
    assert found(tmp_path) == {"alpha-1.0-py3-none-any.whl": WHEEL, "alpha-0.9.tar.gz": SOURCE}
    assert json.loads(capsys.readouterr().out) == {"fetched": 2}
    before = len(ASKED)
    assert fetch(tmp_path, index, lines) == 0
    assert json.loads(capsys.readouterr().out) == {"there already": 2}
    assert ASKED[before:] == ["/simple/alpha/"]


def test_a_version_may_be_spelt_in_another_way(tmp_path: Path, index: str) -> None:
    assert fetch(tmp_path, index, "package\tversion\nspelt\t0.1.0-beta.3\n") == 0
    assert found(tmp_path) == {"spelt-0.1.0b3-py3-none-any.whl": WHEEL}


def test_an_address_that_is_no_index_ends_the_command_in_one_line(
    tmp_path: Path, index: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(tmp_path, index, "package\tversion\n" + "page\t1.0\n" * 50) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dataset:")]
    assert len(told) == 1
    assert "no list of files in JSON; give an index with PEP 691's interface" in told[0]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("absent\t1.0", "the index answers 404"),
        ("alpha\t2.0", "alpha: the index has no pure wheel of version 2.0"),
        ("torn\t1.0", "its bytes are not those that the index names"),
        ("alpha\tnewest", "alpha: the index has no pure wheel of version newest"),
        ("sly\t1.0", "sly: the index has no pure wheel of version 1.0"),
    ],
)
def test_what_does_not_come_is_told_and_the_rest_goes_on(
    tmp_path: Path, index: str, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    assert fetch(tmp_path, index, f"package\tversion\n{line}\nalpha\t1.0\n") == 0
    captured = capsys.readouterr()
    assert told in captured.err
    assert json.loads(captured.out) == {"absent": 1, "fetched": 1}
    assert found(tmp_path) == {"alpha-1.0-py3-none-any.whl": WHEEL}
    assert fetch(tmp_path, index, f"package\tversion\n{line}\n") == 2
    assert "nothing could be fetched; first: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("alpha\t1.0\n", "list.tsv:1: expected headings with `package` and `version`"),
        ("package\tversion\nalpha\n", "list.tsv:2: expected a package and its version"),
        ("package\tversion\tfile\na\t1\t../a\n", "list.tsv:2: expected a package and its version"),
        ("package\tversion\n", "list.tsv: names no release"),
    ],
)
def test_a_malformed_list_is_refused(
    tmp_path: Path, index: str, capsys: pytest.CaptureFixture[str], lines: str, told: str
) -> None:
    assert fetch(tmp_path, index, lines) == 2
    assert told in capsys.readouterr().err


def test_an_index_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch(tmp_path, "not an address", "package\tversion\nalpha\t1.0\n") == 2
    assert "cannot be reached" in capsys.readouterr().err
