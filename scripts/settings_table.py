"""Writes the settings into docs/settings.md, from their one definition.

python scripts/settings_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from server.settings import markdown_table  # noqa: E402

PAGE = ROOT / "docs" / "settings.md"
HEAD = """\
# Settings

An editor hands them over as `initializationOptions` (without the prefix), or as the section
`namewright` of its configuration. A bad value is told once and its default holds.

"""


def page() -> str:
    """The whole page."""
    return HEAD + markdown_table()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
