"""`python -m dataset stats`: the card, the page, and what is not taken for a whole corpus."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from dataset.__main__ import main
from dataset.names import sub_tokens
from dataset.statistics import quantiles
from tests.dataset.git_repository import functions


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_text(functions("rows", 12) + "\n\ndef wrapper(a, b):\n    return a(b)\n")
    (code / "b.py").write_text((code / "a.py").read_text())
    (code / "c_pb2.py").write_text("x = 1\n")
    (code / "d.py").symlink_to(code / "a.py")
    (code / "e.py").write_bytes(b"x = 1\0")
    out = tmp_path / "out"
    assert main(["build", "--source", "folder", "--path", str(code), "--out", str(out)]) == 0
    return out


def test_card_has_front_matter_and_counts(corpus: Path) -> None:
    assert main(["stats", str(corpus), "--title", "Our names"]) == 0
    _, front, text = (corpus / "README.md").read_text().split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["configs"][0]["data_files"] == [{"split": "train", "path": "train-*.parquet"}]
    assert about["pretty_name"] == "Our names"
    assert "| train | 12 |" in text
    assert "| says nothing | a name like foo, wrapper or x | 2 |" in text
    table = text.partition("## What was left out")[2].partition("##")[0]
    rows = [line.split(" | ") for line in table.split("\n") if line.startswith("| ")]
    assert {row[0] for row in rows} >= {
        f"| {each}"
        for each in ("exact duplicate", "file: generated", "file: link", "file: not text")
    }
    assert all(what.strip() for _, what, _ in rows)
    assert "| local/code | 12 | 100.0% |" in text


def test_page_stands_alone(corpus: Path) -> None:
    main(["stats", str(corpus), "--title", "A <b> & c"])
    text = (corpus / "report.html").read_text()
    assert "<h1>A &lt;b&gt; &amp; c</h1>" in text
    tags: Counter[str] = Counter()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags[tag] += 1
            assert not {name for name, _ in attrs} & {"src", "href"}

    Reader().feed(text)
    assert tags["svg"] >= 8
    assert tags["script"] == tags["link"] == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [("stats.json", "no stats.json"), ("train-00000.parquet", "this shard is missing")],
)
def test_half_a_corpus_is_not_taken_for_whole(
    corpus: Path, capsys: pytest.CaptureFixture[str], damage: str, words: str
) -> None:
    (corpus / damage).unlink()
    assert main(["stats", str(corpus)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("parse_http_url", ["parse", "http", "url"]),
        ("parseHTTPUrl", ["parse", "http", "url"]),
        ("to_utf8", ["to", "utf", "8"]),
        ("__private", ["private"]),
        ("größeLesen", ["größe", "lesen"]),
        ("_", []),
    ],
)
def test_sub_tokens(name: str, pieces: list[str]) -> None:
    assert sub_tokens(name) == pieces


def test_quantiles() -> None:
    assert quantiles(Counter({1: 5, 10: 4, 100: 1}), (0.5, 0.9, 0.99)) == [1, 10, 100]
    assert quantiles(Counter(), (0.5,)) == [0]
