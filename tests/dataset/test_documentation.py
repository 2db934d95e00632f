"""docs/dataset.md tells what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from dataset.commands.choose_source import SOURCES
from dataset.deduplicate import DUPLICATE, LEAK, MANY_NAMES, SURPLUS_TEST
from dataset.filters import FILTERS, OPTIONAL
from dataset.headers import COPYLEFT_HEADER
from dataset.near_duplicates import NEAR_DUPLICATE, NEAR_LEAK
from dataset.row import SCHEMA

PAGE = (Path(__file__).parents[2] / "docs/dataset.md").read_text(encoding="utf-8")


def test_every_filter_is_in_the_table_in_its_order() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    documented = [(name, text.partition(";")[0]) for name, text in rows]
    filters = [(each.name, each.reason) for each in (*FILTERS, *OPTIONAL)]
    start = documented.index(filters[0])
    assert documented[start : start + len(filters)] == filters


def test_other_reasons_columns_and_sources_are_named() -> None:
    reasons = (DUPLICATE, LEAK, MANY_NAMES, SURPLUS_TEST, NEAR_DUPLICATE, NEAR_LEAK)
    files = (COPYLEFT_HEADER, "generated", "minified", "not text", "vendored folder")
    words = set(re.findall(r"`([^`\n]+)`", PAGE)) | {"git"}
    assert words >= {*reasons, *files, *SCHEMA.names, *SOURCES}


def test_commands_of_the_page_are_known() -> None:
    from dataset.__main__ import COMMANDS

    assert set(re.findall(r"python -m dataset (\w+)", PAGE)) <= set(COMMANDS)
