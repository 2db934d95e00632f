"""Rename a function, run its project's own tests: does the program still work, and were we warned?

    python benchmarks/rename.py --set develop --sites 10 --engines namewright,jedi,rope,words

Downloads each package's source once into `benchmarks/.cache` (never committed), keeps the functions
that its tests execute, draws some of them with a seed, and lets every engine rename each one to a
fresh name. Tests run once for each distinct result. Rows go to `--json`, the table to the terminal.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This folder comes last: its `dataset.py` must not stand in for the package of that name.
sys.path[:] = [str(HERE.parent), *(one for one in sys.path if one != str(HERE)), str(HERE)]

from rename_engines import ENGINES, Outcome, Site  # noqa: E402

from dataset.functions import Function, find_functions  # noqa: E402

CACHE = HERE / ".cache"
PYTHON = CACHE / "venv" / "bin" / "python"
TEST_TIMEOUT = 180


@dataclass(frozen=True, slots=True)
class Row:
    """One rename by one engine and what the tests said."""

    package: str
    engine: str
    path: str
    line: int
    name: str
    kind: str
    passed: bool
    refused: bool
    doubtful: bool
    findings: tuple[str, ...]
    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package of `rename_packages.toml`; `part` is develop or held_out."""

    version: str
    part: str
    source: str
    arguments: list[str]


def main() -> None:
    """Run the benchmark and print the table."""
    arguments = _arguments()
    listed = tomllib.loads((HERE / "rename_packages.toml").read_text("utf-8"))
    packages = {name: Package(**entry) for name, entry in listed.items()}
    wanted = arguments.packages.split(",") if arguments.packages else None
    rows: list[Row] = []
    for name, package in packages.items():
        if wanted is not None and name not in wanted:
            continue
        if wanted is None and arguments.set not in {"all", package.part}:
            continue
        try:
            rows += _package_rows(name, package, arguments)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
        if arguments.json:
            Path(arguments.json).write_text(
                json.dumps([asdict(row) for row in rows], indent=1), "utf-8"
            )
    print(table(rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=["develop", "held_out", "all"], default="develop")
    parser.add_argument("--packages", default="", help="only these, comma-separated")
    parser.add_argument("--sites", type=int, default=10, help="functions of each package")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", default="", help="write the rows there")
    return parser.parse_args()


def _package_rows(name: str, package: Package, options: argparse.Namespace) -> list[Row]:
    root = _extracted(name, package.version)
    command = package.arguments
    sites = _sites(name, root, root / package.source, command, options)
    rows: list[Row] = []
    verdicts: dict[str, bool] = {}
    for site in sites:
        for engine in options.engines.split(","):
            row = _try(root, site, engine, command, verdicts)
            rows.append(row)
            if engine == "namewright":
                _report(row)
    print(f"{name}: {len(sites)} functions", file=sys.stderr)
    return rows


def _report(row: Row) -> None:
    state = "pass" if row.passed else "BROKEN"
    flags = ("refused " if row.refused else "") + ("doubtful " if row.doubtful else "")
    print(f"  {state:6} {flags}{row.path}:{row.line} {row.name} {row.seconds * 1000:.0f} ms"
          f" {row.error}", file=sys.stderr)  # fmt: skip
    if row.doubtful or row.refused or not row.passed:
        for one in row.findings[:4]:
            print(f"           {one}", file=sys.stderr)


def _try(root: Path, site: Site, engine: str, command: list[str], seen: dict[str, bool]) -> Row:
    started = time.perf_counter()
    error = ""
    try:
        outcome = ENGINES[engine](root, site)
    except Exception as raised:
        error, outcome = f"{type(raised).__name__}: {raised}", Outcome({})
    seconds = time.perf_counter() - started
    changed = {path: data for path, data in outcome.contents.items() if path.read_bytes() != data}
    passed = False
    if changed:
        key = _key(changed)
        if key not in seen:
            with _replaced(changed):
                seen[key] = _tests_pass(root, command)
        passed = seen[key]
    elif not outcome.refused and not error:
        error = "changed nothing"
    return Row(site.package, engine, str(site.path.relative_to(root)), site.line, site.name,
               site.kind, passed, outcome.refused, outcome.doubtful, outcome.findings, seconds,
               error)  # fmt: skip


def _key(changed: Mapping[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for path in sorted(changed):
        digest.update(str(path).encode() + b"\0" + changed[path] + b"\0")
    return digest.hexdigest()


@contextmanager
def _replaced(changed: Mapping[Path, bytes]) -> Iterator[None]:
    before = {path: path.read_bytes() for path in changed}
    try:
        for path, data in changed.items():
            path.write_bytes(data)
        yield
    finally:
        for path, data in before.items():
            path.write_bytes(data)


def _tests_pass(root: Path, command: list[str], *extra: str) -> bool:
    return _run_tests(root, [str(PYTHON), *extra, "-m", "pytest"], command).returncode == 0


def _run_tests(
    root: Path, launcher: list[str], command: list[str]
) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
    environment["PYTHONPATH"] = os.pathsep.join([str(root / "src"), str(root)])
    options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    deselected = _state(root, "deselected")
    if deselected.is_file():
        options += [f"--deselect={one}" for one in deselected.read_text().split("\n") if one]
    try:
        return subprocess.run(
            ["nice", *launcher, *options, *command], cwd=root, env=environment,
            capture_output=True, text=True, timeout=TEST_TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess([], 1, "", "timed out")


def _extracted(name: str, version: str) -> Path:
    folder = CACHE / "packages" / f"{name}-{version}"
    if folder.is_dir():
        return folder
    stem = f"{name.replace('-', '_')}-{version}.tar.gz"
    archive = CACHE / "sdists" / stem
    if not archive.is_file():
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps",
             "-d", str(archive.parent), f"{name}=={version}"],
            check=True, capture_output=True,
        )  # fmt: skip
    with tarfile.open(archive) as opened:
        top = opened.getnames()[0].split("/")[0]
        opened.extractall(CACHE / "packages" / "tmp", filter="data")
    shutil.move(CACHE / "packages" / "tmp" / top, folder)
    (folder / ".gitignore").unlink(missing_ok=True)
    configurations = [folder / one for one in ("pytest.ini", "tox.ini", "setup.cfg")]
    configurations.append(folder / "pyproject.toml")
    texts = [one.read_text("utf-8") for one in configurations if one.is_file()]
    marks = ("[pytest]", "[tool:pytest]", "[tool.pytest")
    if not any(mark in text for text in texts for mark in marks):
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")  # ours above must not count
    return folder


def _sites(
    name: str, root: Path, source: Path, command: list[str], options: argparse.Namespace
) -> list[Site]:
    lines = _executed_lines(root, source, command)
    found: list[Site] = []
    for path, executed in sorted(lines.items()):
        data = path.read_bytes()
        for function in find_functions(data):
            if _is_wanted(path, function) and _is_executed(data, function, executed):
                found.append(_site(name, path, function))
    chosen = random.Random(f"{options.seed}:{name}").sample(found, len(found))
    # Methods and properties break more often than functions: every second one is a member.
    members = [one for one in chosen if one.kind in {"method", "property"}]
    others = [one for one in chosen if one.kind not in {"method", "property"}]
    half = max(options.sites // 2, options.sites - len(others))
    return members[:half] + others[: options.sites - len(members[:half])]


def _is_wanted(path: Path, function: Function) -> bool:
    is_test = "tests" in path.parts or path.name.startswith(("test_", "conftest"))
    is_dunder = function.name.startswith("__") and function.name.endswith("__")
    return not is_test and not is_dunder


def _is_executed(data: bytes, function: Function, executed: set[int]) -> bool:
    first = data[: function.body_span.start].count(b"\n") + 1
    last = data[: function.body_span.end].count(b"\n") + 1
    return any(line in executed for line in range(first, last + 1))


def _site(package: str, path: Path, function: Function) -> Site:
    kind = "property" if function.is_property else "method" if function.is_method else "function"
    if function.is_nested and kind == "function":
        kind = "nested"
    body = function.name.lstrip("_")
    new = "_" * (len(function.name) - len(body)) + f"renamed_{body}"
    return Site(package, path, function.name_span.start, function.line, function.name, kind, new)


def _executed_lines(root: Path, source: Path, command: list[str]) -> dict[Path, set[int]]:
    kept = _state(root, "executed.json")
    if not kept.is_file():
        _find_failing(root, command)
        report = _state(root, "coverage.json")
        coverage = [str(PYTHON), "-m", "coverage", "run", f"--data-file={_state(root, 'coverage')}",
                    f"--source={source}", "-m", "pytest"]  # fmt: skip
        result = _run_tests(root, coverage, command)
        if result.returncode != 0:
            raise RuntimeError(f"its tests fail before any rename: {result.stdout[-300:]}")
        subprocess.run(
            [str(PYTHON), "-m", "coverage", "json", f"--data-file={_state(root, 'coverage')}",
             "-q", "-i", "-o", str(report)], cwd=root, check=True, capture_output=True,
        )  # fmt: skip
        files = json.loads(report.read_text("utf-8"))["files"]
        lines = {path: entry["executed_lines"] for path, entry in files.items()}
        kept.write_text(json.dumps(lines), "utf-8")
    return {root / path: set(lines) for path, lines in json.loads(kept.read_text("utf-8")).items()}


def _state(root: Path, what: str) -> Path:
    """Where the benchmark keeps what it found out about a package, outside of the package."""
    return root.parent / f"{root.name}.{what}"


def _find_failing(root: Path, command: list[str]) -> None:
    """Deselect what fails before any rename; such tests cannot judge one."""
    launcher = [str(PYTHON), "-m", "pytest"]
    result = _run_tests(root, launcher, [*command, "--maxfail=60", "-rfE"])
    failing = [
        line.split(" ")[1] for line in result.stdout.splitlines()
        if line.startswith(("FAILED ", "ERROR "))
    ]  # fmt: skip
    _state(root, "deselected").write_text("\n".join(failing), "utf-8")


def table(rows: list[Row]) -> str:
    """Return the table of the rows, one line for each engine."""
    lines = [
        "| engine | n | tests pass | pass or refused | broken, no finding | broken, not asked "
        "| good refused | good with a doubt | median / p95 ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for engine in dict.fromkeys(row.engine for row in rows):
        mine = [row for row in rows if row.engine == engine]
        good = [row for row in mine if row.passed]
        silent = [r for r in mine if not r.passed and not _warned(r)]
        times = sorted(row.seconds * 1000 for row in mine)
        p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
        cells = [
            engine,
            str(len(mine)),
            _share(sum(r.passed and not r.refused for r in mine), sum(not r.refused for r in mine)),
            _share(sum(r.passed or r.refused for r in mine), len(mine)),
            _share(len(silent), len(mine)),
            _share(sum(not (r.passed or r.refused or r.doubtful) for r in mine), len(mine)),
            _share(sum(row.refused for row in good), len(good)),
            _share(sum(row.doubtful and not row.refused for row in good), len(good)),
            f"{statistics.median(times):.0f} / {p95:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _warned(row: Row) -> bool:
    """Whether a finding beyond the general note on public names told of the danger."""
    return any("is public:" not in one for one in row.findings)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}% ({part}/{whole})" if whole else "–"


if __name__ == "__main__":
    main()
