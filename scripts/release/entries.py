"""Fills the entries of packaging/ with the repository's address and the version, for submission.

python scripts/release/entries.py --repository https://github.com/OWNER/namewright
    [--out dist/packaging] [--wheel dist/namewright-0.1.0-py3-none-any.whl]

The Homebrew formula lists what pip would install from the index it is configured for, on each
system that Homebrew has; the exit status is 1 when that index is not a public one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from versions import CARRIERS, SOURCE, Carrier, read, write

ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = "https://github.com/OWNER/namewright"
PYTHON = "3.13"
# Homebrew's blocks for a system, and what pip calls that system.
SYSTEMS = {
    ("on_macos", "on_arm"): (
        "macosx_11_0_arm64",
        "macosx_12_0_arm64",
        "macosx_13_0_arm64",
        "macosx_13_0_universal2",
        "macosx_14_0_arm64",
    ),
    ("on_macos", "on_intel"): (
        "macosx_11_0_x86_64",
        "macosx_12_0_x86_64",
        "macosx_13_0_x86_64",
        "macosx_13_0_universal2",
    ),
    ("on_linux", "on_arm"): (
        "manylinux2014_aarch64",
        "manylinux_2_27_aarch64",
        "manylinux_2_28_aarch64",
    ),
    ("on_linux", "on_intel"): (
        "manylinux2014_x86_64",
        "manylinux_2_27_x86_64",
        "manylinux_2_28_x86_64",
    ),
}


@dataclass(frozen=True)
class Resource:
    """A wheel that the formula installs."""

    name: str
    url: str
    sha256: str


def main() -> int:
    """Write all entries into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "dist/packaging")
    parser.add_argument("--wheel", type=Path, help="the released wheel (default: the one in dist/)")
    options = parser.parse_args()
    address = urlsplit(options.repository)
    if address.scheme != "https" or not address.netloc or "OWNER" in address.path:
        parser.error("--repository is the https address of the real repository")
    version = read(ROOT, SOURCE)
    wheel = options.wheel or ROOT / f"dist/namewright-{version}-py3-none-any.whl"
    if not wheel.is_file():
        parser.error(f"{wheel} is not there; run scripts/release/build.py first")
    fill(options.out, options.repository.rstrip("/"), version)
    resources = {system: resolve(wheel, platforms) for system, platforms in SYSTEMS.items()}
    template = (ROOT / "packaging/homebrew/namewright.rb.in").read_text(encoding="utf-8")
    formula = render(template, options.repository.rstrip("/"), version, wheel, resources)
    path = options.out / "homebrew/Formula/namewright.rb"
    path.parent.mkdir(parents=True)
    path.write_text(formula, encoding="utf-8")
    print(f"wrote {options.out}")
    local = {each for found in resources.values() for each in found if "https:" not in each.url}
    for each in sorted(local, key=lambda each: each.name):
        sys.stderr.write(f"entries: {each.name} is not at an https address: {each.url}\n")
    return 1 if local else 0


def fill(out: Path, repository: str, version: str) -> None:
    """Copy the entries that need only the address and the version."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(ROOT / "packaging", out, ignore=shutil.ignore_patterns("*.in"))
    for path in (*out.rglob("*.lua"), *out.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8").replace(PLACEHOLDER, repository)
        path.write_text(text, encoding="utf-8")
    for carrier in CARRIERS:
        if carrier.path.startswith("packaging/"):
            inside = carrier.path.removeprefix("packaging/")
            write(out, Carrier(inside, carrier.pattern), version)


def resolve(wheel: Path, platforms: Sequence[str]) -> list[Resource]:
    """The wheels that pip would install with ours on one system, from the configured index."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-"]
    command += ["--ignore-installed", "--only-binary", ":all:", "--python-version", PYTHON]
    command += ["--target", "nowhere", "--implementation", "cp", *_each("--platform", platforms)]
    done = subprocess.run(
        [*command, str(wheel)], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise SystemExit(f"entries: {done.stderr.strip().splitlines()[-1]}")
    return resources_of(json.loads(done.stdout))


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def resources_of(report: Mapping[str, list[dict[str, dict[str, object]]]]) -> list[Resource]:
    """The wheels of pip's installation report, without our own, by name."""
    found: list[Resource] = []
    for entry in report["install"]:
        name = re.sub(r"[-_.]+", "-", str(entry["metadata"]["name"])).lower()
        info = entry["download_info"]
        if name != "namewright":
            archive = info["archive_info"]
            assert isinstance(archive, dict)
            found.append(Resource(name, str(info["url"]), str(archive["hashes"]["sha256"])))
    return sorted(found, key=lambda each: each.name)


def render(
    template: str,
    repository: str,
    version: str,
    wheel: Path,
    resources: Mapping[tuple[str, str], Sequence[Resource]],
) -> str:
    """The formula; a wheel that fits every system is listed once, others under their systems."""
    everywhere = set.intersection(*(set(each) for each in resources.values()))
    blocks = [_block(each, 2) for each in sorted(everywhere, key=lambda each: each.name)]
    for system in ("on_macos", "on_linux"):
        inner: list[str] = []
        for (name, kind), found in resources.items():
            if name == system:
                own = "".join(_block(each, 6) for each in found if each not in everywhere)
                inner.append(f"    {kind} do\n{own.rstrip()}\n    end\n")
        blocks.append(f"  {system} do\n" + "\n".join(inner) + "  end\n\n")
    values = {
        "repository": repository,
        "url": f"{repository}/releases/download/v{version}/{wheel.name}",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "resources": "".join(blocks),
    }
    return re.sub(r"@(\w+)@\n?", lambda match: _filled(match, values), template)


def _filled(match: re.Match[str], values: Mapping[str, str]) -> str:
    # `python@3.13` has an @ of its own, but not two around a word.
    return values[match[1]] if match[1] in values else match[0]


def _block(resource: Resource, indent: int) -> str:
    lines = (
        f'resource "{resource.name}" do',
        f'  url "{resource.url}", using: :nounzip',
        f'  sha256 "{resource.sha256}"',
        "end",
    )
    return "".join(f"{' ' * indent}{line}\n" for line in lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
