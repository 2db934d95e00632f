"""The documentation: pages are reachable, links hold, quoted messages are the program's own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TEXTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "packaging").rglob("*.md")])
MESSAGES = re.findall(r"^> (.+)$", (DOCS / "troubleshooting.md").read_text("utf-8"), re.MULTILINE)


def nav_pages(entries: object) -> Iterator[str]:
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, dict):
        for below in cast(dict[str, object], entries).values():
            yield from nav_pages(below)
    elif isinstance(entries, list):
        for entry in cast(list[object], entries):
            yield from nav_pages(entry)


def test_every_page_is_in_the_navigation_and_the_other_way_round() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert set(nav_pages(config["nav"])) == pages


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_texts_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]+`", "code", text)
    addresses = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    for address in addresses:
        if re.match(r"[a-z]+:", address):
            continue
        name, _, fragment = address.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{address} leads nowhere"
        if fragment and target.suffix == ".md":
            assert fragment in headings(target), f"{address} has no such heading"


def test_the_worked_example_changes_lines_that_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    removed = re.findall(r"^ +-( +.+)$", text, re.MULTILINE)
    source = (ROOT / "server/auditing/python_files.py").read_text("utf-8")
    source += (ROOT / "tests/unit/test_audit.py").read_text("utf-8")
    assert len(removed) == 2
    assert [line for line in removed if f"{line}\n" not in source] == []


def headings(path: Path) -> set[str]:
    """The anchors that a page's headings get."""
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", title).strip().lower() for title in titles)
    return {re.sub(r"[\s]+", "-", title) for title in plain}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_quoted_message_is_one_of_the_program(message: str) -> None:
    # What the program fills in stands as … on both sides; a quote may be a part of a message.
    quoted = comparable(message).removeprefix("… ")
    assert any(quoted in text for text in messages())


def test_messages_are_quoted_at_all() -> None:
    assert len(MESSAGES) > 30


@cache
def messages() -> frozenset[str]:
    """What the server and the extension of VS Code can say."""
    found: set[str] = set()
    for path in (ROOT / "editor-clients" / "vscode" / "src").rglob("*.ts"):
        for text in re.findall(r"`([^`]*)`|\"([^\"\n]*)\"", path.read_text("utf-8")):
            found.add(comparable(re.sub(r"\$\{[^}]*\}+", "…", "".join(text))))
    for path in (ROOT / "server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (
                    part.value if isinstance(part, ast.Constant) else "…" for part in node.values
                )
                found.add(comparable("".join(map(str, parts))))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(comparable(node.value))
    return frozenset(found)


def comparable(message: str) -> str:
    return re.sub(r"…[….:]*…", "…", " ".join(message.split()))


def test_the_recorded_session_is_small_whole_and_fetches_nothing() -> None:
    svg = (DOCS / "figures" / "session.svg").read_text("utf-8")
    assert len(svg.encode()) < 200_000
    assert re.findall(r"(?:url\(|href=|src=|@import)[^)#]*", svg) == []
    shown = re.sub(r"<[^>]+>", "", svg)
    for command in ("suggest", "--apply", "rename", "audit"):
        assert re.search(rf"namewright .*{command}", shown)


def test_pages_of_a_site_that_lead_astray_are_found(tmp_path: Path) -> None:
    (tmp_path / "style.css").write_text("a { background: url(https://example.org/x.png) }")
    (tmp_path / "index.html").write_text(
        '<script src="https://example.org/x.js"></script><a href="gone.html">x</a>'
        '<a href="#here">x</a><a href="#there">x</a><p id="here"></p><img src="style.css">'
        '<a href="https://example.org">a link may leave</a>'
    )
    command = [sys.executable, str(ROOT / "scripts" / "check_site.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "check_site: index.html: loads https://example.org/x.js",
        "check_site: index.html: gone.html leads nowhere",
        "check_site: index.html: #there has no such place",
        "check_site: style.css: loads from elsewhere",
    ]
