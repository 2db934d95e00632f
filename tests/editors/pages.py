"""The configuration that the pages of the editors show, as the tests use it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

EDITORS = Path(__file__).parents[2] / "docs" / "editors"
_FENCE = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language, in their order."""
    text = (EDITORS / f"{page}.md").read_text("utf-8")
    return [textwrap.dedent(body) for _, found, body in _FENCE.findall(text) if found == language]
