"""One version for all: server/__init__.py says it, whatever else carries it must agree.

python scripts/release/versions.py              # compare; --released also wants it in CHANGELOG.md
python scripts/release/versions.py --set 0.2.0  # write it everywhere
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from notes import notes_of

ROOT = Path(__file__).resolve().parents[2]
_SHAPE = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Carrier:
    """A file that carries the version, and where in it."""

    path: str
    pattern: str


SOURCE = Carrier("server/__init__.py", r'^__version__ = "([^"]+)"')
CARRIERS = (
    SOURCE,
    Carrier("editor-clients/vscode/package.json", r'^\s*"version": "([^"]+)"'),
    Carrier("editor-clients/neovim/lua/namewright/version.lua", r"^return ['\"]([^'\"]+)['\"]"),
    Carrier("packaging/mason/namewright/package.yaml", r"id: pkg:pypi/namewright@(\S+)"),
)


def read(root: Path, carrier: Carrier) -> str:
    """The version that a file carries; raises SystemExit when there is none."""
    try:
        text = (root / carrier.path).read_text(encoding="utf-8")
    except OSError as error:
        raise SystemExit(f"versions: {carrier.path}: {error.strerror}") from error
    match = re.search(carrier.pattern, text, re.MULTILINE)
    if match is None:
        raise SystemExit(f"versions: {carrier.path}: no version where {carrier.pattern} looks")
    return match[1]


def write(root: Path, carrier: Carrier, version: str) -> None:
    """Put the version into a file."""
    path = root / carrier.path
    text = path.read_text(encoding="utf-8")
    match = re.search(carrier.pattern, text, re.MULTILINE)
    if match is None:
        raise SystemExit(f"versions: {carrier.path}: no version where {carrier.pattern} looks")
    path.write_text(text[: match.start(1)] + version + text[match.end(1) :], encoding="utf-8")


def carriers(root: Path) -> list[Carrier]:
    """What carries the version here: a client whose folder is not in this checkout does not."""
    parts = [(each, Path(each.path).parts) for each in CARRIERS]
    return [
        each
        for each, (top, inside, *_) in parts
        if top != "editor-clients" or (root / top / inside).is_dir()
    ]


def problems(root: Path, *, released: bool) -> Iterator[str]:
    """One line for each disagreement; for a release everything that carries it must be there."""
    version = read(root, SOURCE)
    if not _SHAPE.fullmatch(version):
        yield f"{SOURCE.path}: {version} is not of the form 1.2.3"
    for carrier in CARRIERS if released else carriers(root):
        found = read(root, carrier)
        if found != version:
            yield f"{carrier.path}: {found}, but {SOURCE.path} says {version}"
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if released and not notes_of(changes, version):
        yield f"CHANGELOG.md: nothing under ## [{version}]; move what is under [Unreleased] there"


def main() -> int:
    """Compare or set; the exit status is 1 for a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", metavar="VERSION", dest="version")
    parser.add_argument("--released", action="store_true")
    options = parser.parse_args()
    if options.version:
        if not _SHAPE.fullmatch(options.version):
            raise SystemExit(f"versions: {options.version} is not of the form 1.2.3")
        for carrier in carriers(ROOT):
            write(ROOT, carrier, options.version)
    found = list(problems(ROOT, released=options.released))
    for line in found:
        sys.stderr.write(f"versions: {line}\n")
    if not found:
        print(read(ROOT, SOURCE))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
