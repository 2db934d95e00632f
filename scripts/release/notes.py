"""The release notes of a version: its section of CHANGELOG.md.

python scripts/release/notes.py 0.1.0           # or: Unreleased
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def notes_of(changelog: str, version: str) -> str:
    """What stands below `## [version]`, up to the next such heading; empty when nothing does."""
    head = rf"^## \[{re.escape(version)}\][^\n]*\n"
    match = re.search(rf"{head}(.*?)(?=^## \[|^\[[^\]]+\]: |\Z)", changelog, re.M | re.S)
    return match[1].strip() if match else ""


def main() -> int:
    """Print the notes of one version; the exit status is 1 when there are none."""
    version = sys.argv[1].removeprefix("v")
    notes = notes_of((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if not notes:
        sys.stderr.write(f"notes: nothing under ## [{version}] in CHANGELOG.md\n")
        return 1
    print(notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
