"""Writes the settings into docs/settings.md, from their one definition.

python scripts/settings_table.py            # --check: only says whether the page is up to date
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
`namewright` of its configuration. They may be nested or dotted, and change while the server runs.
A bad value is told once and its default holds.

```json
{ "candidates": 3, "rename": { "doubtful": "skip" } }
```

"""


def page() -> str:
    """The whole page."""
    return HEAD + markdown_table()


def main() -> int:
    """Write the page, or compare it; the exit status is 1 when it is out of date."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.stderr.write(f"{PAGE.relative_to(ROOT)} is out of date: run {sys.argv[0]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
