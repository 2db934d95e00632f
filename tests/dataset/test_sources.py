"""Folders, packages, tables, the hub and addresses: all give the same documents and rows."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset.__main__ import main
from dataset.errors import DatasetError
from dataset.sources.addresses import read_addresses, resolve
from dataset.sources.folder import Folder, installed_package
from dataset.sources.hub import fetch_tables
from dataset.sources.tables import Columns, table_files
from tests.dataset.git_repository import commit, functions, make_repository

FUNCTION = "def parse_line(self, text):\n    '''Parse.'''\n    return self.split(text)\n"


def corpus_rows(out: Path) -> dict[str, list[dict[str, Any]]]:
    return {p.name.split("-")[0]: pq.read_table(p).to_pylist() for p in out.glob("*.parquet")}


def codesearchnet_row(name: str, split: str) -> dict[str, str]:
    """A row in the form of the published JSON Lines."""
    return {
        "repo": "ann/alpha",
        "path": "alpha/reader.py",
        "func_name": f"Reader.{name}",
        "original_string": FUNCTION.replace("parse_line", name),
        "language": "python",
        "code": "...",
        "docstring": "Parse.",
        "sha": "a" * 40,
        "url": "https://github.com/ann/alpha/blob/a/alpha/reader.py#L1-L3",
        "partition": split,
    }


def hub_table(path: Path, name: str, split: str) -> None:
    """A file in the form of the hub's Parquet conversion of CodeSearchNet."""
    row = {
        "repository_name": "ann/alpha",
        "func_path_in_repository": "alpha/reader.py",
        "func_name": f"Reader.{name}",
        "whole_func_string": FUNCTION.replace("parse_line", name),
        "language": "python",
        "func_code_string": "...",
        "func_documentation_string": "Parse.",
        "split_name": split,
        "func_code_url": "https://github.com/ann/alpha/blob/a/alpha/reader.py#L1-L3",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row]), path)


def test_folder_follows_no_links_and_survives_loops(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text(FUNCTION)
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "data.py").write_bytes(b"x" * 1_000_001)
    (tmp_path / "notes.txt").write_text("x")
    counts: Counter[str] = Counter()
    assert [d.path for d in Folder("local/x", tmp_path).documents(counts)] == ["a.py"]
    assert counts == {"file: link": 1, "file: too large": 1}


def test_folder_is_read_anew_after_an_edit(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FUNCTION)
    before = Folder("local/x", tmp_path).key
    assert Folder("local/x", tmp_path).key == before
    (tmp_path / "a.py").write_text(FUNCTION * 2)
    assert Folder("local/x", tmp_path).key != before


def test_installed_package_tells_version_and_licence() -> None:
    unit, package = installed_package("pytest")
    documents = list(unit.documents(Counter()))
    assert any(document.path == "_pytest/fixtures.py" for document in documents)
    assert unit.licence == "MIT"
    assert unit.version
    assert package.excluded_as({"pytest-dev/pytest", "ann/alpha"}) == "pytest-dev/pytest"


def test_codesearchnet_json_lines_keep_their_splits(tmp_path: Path) -> None:
    for split, name in (("train", "parse_line"), ("valid", "read_line"), ("test", "skip_line")):
        folder = tmp_path / "jsonl" / split
        folder.mkdir(parents=True)
        with gzip.open(folder / f"python_{split}_0.jsonl.gz", "wt") as stream:
            stream.write(json.dumps(codesearchnet_row(name, split)) + "\n")
    out = tmp_path / "out"
    arguments = ["build", "--source", "codesearchnet", "--path", str(tmp_path / "jsonl")]
    assert main([*arguments, "--workers", "1", "--out", str(out)]) == 0
    found = corpus_rows(out)
    assert {split: [row["name"] for row in rows] for split, rows in found.items()} == {
        "train": ["parse_line"],
        "validation": ["read_line"],
        "test": ["skip_line"],
    }
    row = found["train"][0]
    assert row["class_chain"] == ["Reader"]
    assert row["question_text"] == "def x(self, text):\n    return self.split(text)"
    assert (row["repository"], row["commit"]) == ("ann/alpha", "a" * 40)


def test_any_table_with_a_code_column(tmp_path: Path) -> None:
    rows = [
        {"content": functions("rows", 2), "max_stars_repo_name": "ann/alpha", "lic": ["MIT", "X"]},
        {"content": None, "max_stars_repo_name": "ann/alpha", "lic": ["MIT"]},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")
    columns = Columns(code="content", repository="max_stars_repo_name", licence="lic")
    (unit,) = table_files(tmp_path, columns)
    counts: Counter[str] = Counter()
    (document,) = unit.documents(counts)
    assert (document.repository, document.licence) == ("ann/alpha", "MIT, X")
    assert counts == {"row: not Python": 1}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.parquet", b"PAR1 is not enough", "not a readable Parquet file"),
        ("a.jsonl.gz", b"not gzip", "cannot be read"),
        ("a.jsonl", b'{"text": 1}\n', "a.jsonl:1: no field 'original_string'"),
    ],
)
def test_bad_tables(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    (unit,) = table_files(tmp_path, None)
    with pytest.raises(DatasetError, match=words):
        list(unit.documents(Counter()))


def test_a_line_that_is_no_json_is_counted(tmp_path: Path) -> None:
    good = json.dumps(codesearchnet_row("parse_line", "train"))
    (tmp_path / "a.jsonl").write_text(f"{good}\n{{broken\n{good}\n")
    (unit,) = table_files(tmp_path, None)
    counts: Counter[str] = Counter()
    assert len(list(unit.documents(counts))) == 2
    assert counts == {"row: not JSON": 1}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A hub on this machine with the listing and the files of the real one."""
    hub_table(tmp_path / "hub" / "train.parquet", "parse_line", "train")
    hub_table(tmp_path / "hub" / "test.parquet", "read_line", "test")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = f"http://127.0.0.1:{server.server_port}"
            if self.path == "/api/datasets/code-search-net/code_search_net/parquet/python":
                listing = {split: [f"{host}/{split}.parquet"] for split in ("train", "test")}
                body = json.dumps(listing).encode()
            elif (tmp_path / "hub" / self.path[1:]).is_file():
                body = (tmp_path / "hub" / self.path[1:]).read_bytes()
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("hub")
def test_codesearchnet_from_the_hub(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["build", "--source", "codesearchnet", "--workers", "1", "--out", str(out)]
    assert main(arguments) == 0
    found = corpus_rows(out)
    assert {split: [row["name"] for row in rows] for split, rows in found.items()} == {
        "train": ["parse_line"],
        "test": ["read_line"],
    }


@pytest.mark.usefixtures("hub")
def test_the_hub_does_not_know_the_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"ann/none/parquet/python: the hub answered 404"):
        fetch_tables("ann/none", "python", tmp_path / "downloads")


def test_the_hub_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DatasetError, match=r"^http://127\.0\.0\.1:9/.*no answer.*--source table"):
        fetch_tables("ann/none", "python", tmp_path)


def test_a_download_that_ends_early_leaves_no_file(tmp_path: Path, hub: Any) -> None:
    handler = hub.RequestHandlerClass
    whole = handler.send_header

    def promise_more(self: Any, key: str, value: str) -> None:
        more = key == "Content-Length" and self.path.endswith(".parquet")
        whole(self, key, str(int(value) + 1) if more else value)

    handler.send_header = promise_more
    with pytest.raises(DatasetError, match=r"train\.parquet"):
        fetch_tables("code-search-net/code_search_net", "python", tmp_path / "d", ("train",))
    assert not [path for path in (tmp_path / "d").rglob("*") if path.is_file()]


def test_addresses_become_evaluation_rows(tmp_path: Path) -> None:
    code = f"class Reader:\n    @cached\n    {FUNCTION.replace(chr(10), chr(10) + '    ')}\n"
    sha = commit(make_repository(tmp_path / "ann/alpha"), {"reader.py": code})
    root = f"https://github.com/ann/alpha/blob/{sha}"
    addresses = read_addresses(
        [
            f"{root}/reader.py#L2-L5",
            f"{root}/reader.py#L3-L5",
            f"{root}/reader.py#L1-L5",
            f"{root}/gone.py#L1-L5",
            f"https://github.com/ann/alpha/blob/{'0' * 40}/reader.py#L1-L5",
            f"https://github.com/bob/beta/blob/{sha}/reader.py#L1-L5",
        ]
    )
    reasons: Counter[str] = Counter()
    (row,) = {json.dumps(row): row for row in resolve(addresses, tmp_path, reasons)}.values()
    assert row["source"] == FUNCTION.rstrip()
    assert (row["name"], row["class_name"], row["decorators"]) == (
        "parse_line",
        "Reader",
        ["cached"],
    )
    assert reasons["file not there"] == 1
    assert reasons["commit not there"] == 1
    assert reasons["repository not there"] == 1


def test_addresses_are_a_source_of_rows(tmp_path: Path) -> None:
    sha = commit(make_repository(tmp_path / "ann/alpha"), {"a.py": functions("rows", 4)})
    urls = tmp_path / "urls.txt"
    urls.write_text(f"https://github.com/ann/alpha/blob/{sha}/a.py#L7-L11\n")
    out = tmp_path / "out"
    arguments = ["build", "--source", "addresses", "--path", str(urls)]
    assert main([*arguments, "--repositories", str(tmp_path), "--out", str(out)]) == 0
    assert [row["name"] for row in corpus_rows(out)["train"]] == ["load_rows_1"]


def test_a_malformed_address_is_named_by_its_line() -> None:
    with pytest.raises(DatasetError, match="line 2: expected"):
        read_addresses(["https://github.com/a/b/blob/abcdef1/c.py#L1-L2", "https://x"])
