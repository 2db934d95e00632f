"""Audits of whole trees: what is judged, in which order it is told, and the forms of a report."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from server.auditing.misfits import Misfit, find_misfits, subjects
from server.auditing.page import as_page
from server.auditing.python_files import python_files
from server.auditing.report import Report, as_json, as_text
from server.auditing.sarif import as_sarif
from server.errors import NamewrightError
from server.predictors.base import Candidate, Identity
from tests.table_predictor import TablePredictor
from tests.unit.test_cli import run

SCHEMA = Path(__file__).parents[1] / "data" / "sarif-2.1.0-as-written.schema.json"
SOURCE = """\
import json

ф = "𝛼"; tag = 0
def read(path):
    return json.load(path)
class Cart:
    def total(self):
        amount = 0
        for line in self.lines:
            amount += line.price
        return amount
    def get_size(self):
        return self.size + self.padding
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text(SOURCE, "utf-8")
    (tmp_path / "shop" / "broken name.py").write_bytes(b"\xff\xfe")
    for unread in (".git", "node_modules", "build", "own_env"):
        (tmp_path / unread).mkdir()
        (tmp_path / unread / "other.py").write_text(SOURCE, "utf-8")
    (tmp_path / "own_env" / "pyvenv.cfg").touch()
    return tmp_path


def judged_names(source: str) -> list[str]:
    return [subject.function.name for subject in subjects(Path("a.py"), source.encode())]


def test_every_function_whose_name_is_free_is_judged() -> None:
    source = """
def plain(a): return a + 1
async def later(a): return await a
class C:
    def method(self): return self.a
    @property
    def value(self): return self.b
def outer():
    def inner(): return 1
    return inner
"""
    assert judged_names(source) == ["plain", "later", "method", "value", "outer", "inner"]


@pytest.mark.parametrize(
    "source",
    [
        "class C:\n    def __init__(self): self.a = 1\n",
        "def test_parsing(): assert 1\n",
        "class T:\n    def setUp(self): self.a = 1\n",
        "class V:\n    def visit_Name(self, node): return node\n",
        "@overload\ndef f1(a: int) -> int: return a\n",
        "class C:\n    @value.setter\n    def value(self, a): self._a = a\n",
        "@singledispatch.register\ndef _(a): return a\n",
        "def stub(a): ...\n",
        "def stub(a):\n    pass\n",
        'def stub(a):\n    """Says nothing."""\n',
        "def stub(a):\n    raise NotImplementedError('later')\n",
        "",
    ],
)
def test_names_that_others_give_and_bodies_that_say_nothing_are_not_judged(source: str) -> None:
    assert judged_names(source) == []


def test_misfits_come_most_certain_first_with_their_place() -> None:
    judged = list(subjects(Path("cart.py"), SOURCE.encode()))
    done: list[int] = []
    misfits = find_misfits(judged, TablePredictor(), 0.2, done.append)
    assert [each.qualified_name for each in misfits] == ["Cart.total", "read"]
    assert sum(done) == len(judged) == 3
    assert misfits[0].confidence == pytest.approx(0.79)
    assert misfits[1] == Misfit(
        path=Path("cart.py"),
        line=4,
        column=5,
        end_column=9,
        name="read",
        qualified_name="read",
        is_method=False,
        probability=pytest.approx(0.001),
        suggestions=misfits[1].suggestions,
        confidence=pytest.approx(0.619),
    )
    assert [each.name for each in misfits[1].suggestions] == ["load_json", "read_json", "get_json"]


def test_columns_count_utf16_units_and_a_byte_order_mark_not_at_all() -> None:
    line = "\ufeffif '𝛼': \n  def f1(path): return json.load(path)\n"
    (misfit,) = find_misfits(
        list(subjects(Path("a.py"), line.encode())), TablePredictor(), 0.1, lambda _: None
    )
    assert (misfit.line, misfit.column, misfit.end_column) == (2, 7, 9)


def test_folders_that_nobody_wrote_are_left_out(tree: Path) -> None:
    found = [path.relative_to(tree).as_posix() for path in python_files([tree, tree / "shop"])]
    assert found == ["shop/broken name.py", "shop/cart.py"]
    assert python_files([tree / "build" / "other.py"]) == [tree / "build" / "other.py"]
    with pytest.raises(NamewrightError, match="does not exist"):
        python_files([tree / "none"])


def test_the_text_of_a_log_names_file_line_and_better_names(tree: Path) -> None:
    done = run("audit", tree)
    assert done.returncode == 0
    first, second, last = done.stdout.splitlines()
    assert first == f"{tree}/shop/cart.py:7:9: Cart.total → sum_totals, add (79%)"
    assert second.startswith(f"{tree}/shop/cart.py:4:5: read → load_json")
    assert last == "2 of 3 functions in 1 file have names that mislead (confidence ≥ 0.2)"
    assert done.stderr.count("\n") == 1
    assert "left out" in done.stderr
    assert "broken name.py" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 0),
        (["--fail-on", "1"], 1),
        (["--fail-on", "2"], 1),
        (["--fail-on", "3"], 0),
        (["--fail-on", "1", "--min-confidence", "0.9"], 0),
    ],
)
def test_the_exit_status_tells_ci(tree: Path, arguments: list[str], status: int) -> None:
    assert run("audit", tree, *arguments).returncode == status


def test_a_named_file_that_cannot_be_read_is_an_error(tree: Path) -> None:
    done = run("audit", tree / "shop" / "broken name.py")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_json_holds_every_figure(tree: Path) -> None:
    report = json.loads(run("audit", tree, "--format", "json").stdout)
    assert report["predictor"] == "table"
    assert report["files"] == 1
    assert report["functions"] == 3
    assert [each["function"] for each in report["misfits"]] == ["total", "read"]
    assert report["misfits"][0]["suggestions"][0] == {"name": "sum_totals", "probability": 0.8}
    assert report["misfits"][0]["confidence"] == pytest.approx(0.79)
    assert len(report["skipped"]) == 1


def test_sarif_is_valid_and_its_paths_are_relative_uris(tree: Path) -> None:
    done = run("audit", ".", "--format", "sarif", cwd=tree)
    log = json.loads(done.stdout)
    jsonschema.validate(log, json.loads(SCHEMA.read_text()), jsonschema.Draft7Validator)
    (only,) = log["runs"]
    first = only["results"][0]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "shop/cart.py"}
    assert place["region"] == {"startLine": 7, "startColumn": 9, "endColumn": 14}
    assert only["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == first["ruleId"]
    (notification,) = only["invocations"][0]["toolExecutionNotifications"]
    uri = notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "shop/broken%20name.py"


def test_sarif_fingerprints_stay_when_lines_move(tree: Path) -> None:
    before = json.loads(run("audit", tree, "--format", "sarif").stdout)
    path = tree / "shop" / "cart.py"
    path.write_text("# moved\n\n" + SOURCE, "utf-8")
    after = json.loads(run("audit", tree, "--format", "sarif").stdout)
    for one, other in zip(before["runs"][0]["results"], after["runs"][0]["results"], strict=True):
        assert one["partialFingerprints"] == other["partialFingerprints"]
        assert one["locations"] != other["locations"]


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    page = as_page(_report(Path("<b>&.py")))
    parsed = _Page(page)
    assert parsed.open == []
    assert parsed.links == []
    assert "url(" not in page
    assert "<script" not in page
    assert "&lt;b&gt;&amp;.py:3" in page
    assert "prefers-color-scheme: dark" in page
    assert "sum_totals" in page
    assert not re.search(r"\$\w", page)


def test_an_empty_report_is_good_news_in_every_form() -> None:
    report = Report((), 3, 9, (), Identity("table", "1", "ab", False), 0.2)
    assert "Every name fits" in as_page(report)
    assert as_text(report).startswith("0 of 9 functions in 3 files have names that mislead")
    assert json.loads(as_json(report))["misfits"] == []
    schema = json.loads(SCHEMA.read_text())
    jsonschema.validate(json.loads(as_sarif(report)), schema, jsonschema.Draft7Validator)


def _report(path: Path) -> Report:
    misfit = Misfit(
        path=path,
        line=3,
        column=5,
        end_column=7,
        name="f1",
        qualified_name="Cart.f1",
        is_method=True,
        probability=0.01,
        suggestions=(Candidate("sum_totals", -0.2),),
        confidence=0.8,
    )
    skipped = ((Path("x.py"), "is a binary file"),)
    return Report((misfit,), 1, 1, skipped, Identity("table", "1", "ab", False), 0.2)
