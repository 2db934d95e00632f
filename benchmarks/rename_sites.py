"""The packages whose tests judge renames, and the functions of theirs that tests execute."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.functions import Function, find_functions

HERE = Path(__file__).resolve().parent
CACHE = (HERE / ".cache").resolve()
PYTHON = CACHE / "venv" / "bin" / "python"
REQUIREMENTS = HERE / "rename_requirements.txt"
_FIRST_RUN_SECONDS = 180
_PROBE_SECONDS = 240
_MARKS = ("[pytest]", "[tool:pytest]", "[tool.pytest.ini_options")


@dataclass(frozen=True, slots=True)
class Site:
    """One function to rename; offsets count UTF-8 bytes, `line` from 1."""

    package: str
    path: Path
    offset: int
    line: int
    name: str
    kind: str
    new_name: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package of `rename_packages.toml`: its tests are `pytest` plus `arguments`.

    `part` is develop, held_out or fresh; `folder` holds the unpacked source once `prepared`.
    """

    name: str
    version: str
    part: str
    source: str
    arguments: tuple[str, ...]
    folder: Path = Path()

    def note(self, what: str) -> Path:
        """Where the benchmark keeps what it found out, outside of the package."""
        return self.folder.parent / f"{self.folder.name}.{what}"


def listed(parts: Sequence[str], names: Sequence[str]) -> list[Package]:
    """Return the packages of the list, by part, or those named."""
    entries = tomllib.loads((HERE / "rename_packages.toml").read_text("utf-8"))
    return [
        Package(name, entry["version"], entry["part"], entry["source"], tuple(entry["arguments"]))
        for name, entry in entries.items()
        if (name in names if names else entry["part"] in parts)
    ]


def make_environment() -> None:
    """Create the environment that runs the tests, once."""
    if not PYTHON.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "venv")], check=True)
        install = [str(PYTHON), "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS)]
        subprocess.run(install, check=True)


def prepared(package: Package, store: Path) -> Package:
    """Return the package with its source unpacked below `store`; raises RuntimeError."""
    folder = store / f"{package.name}-{package.version}"
    done = Package(package.name, package.version, package.part, package.source,
                   package.arguments, folder)  # fmt: skip
    if not folder.is_dir():
        _unpack(package, folder)
    return done


def run_tests(
    package: Package, launcher: Sequence[str], extra: Sequence[str], timeout: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run the package's tests; status 1 when they take longer than `timeout` seconds."""
    root = package.folder
    variables = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
    variables["PYTHONPATH"] = os.pathsep.join([str(root / "src"), str(root)])
    variables |= environment or {}
    options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    deselected = package.note("deselected")
    if deselected.is_file():
        listed_out = [one for one in deselected.read_text().split("\n") if one]
        options += [f"--{'deselect' if '::' in one else 'ignore'}={one}" for one in listed_out]
    try:
        return subprocess.run(
            [*launcher, *options, *package.arguments, *extra], cwd=root, env=variables,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess([], 1, "", "timed out")


def measured(package: Package) -> tuple[dict[Path, set[int]], float]:
    """Return the lines that the tests execute and the seconds of a run; raises RuntimeError.

    Tests that fail before any rename are left out from then on: they can judge none.
    """
    kept = package.note("executed.json")
    seconds = package.note("seconds")
    if not kept.is_file():
        _find_failing(package)
        _measure_lines(package, kept)
    if not seconds.is_file():
        started = time.perf_counter()
        result = run_tests(package, [str(PYTHON), "-m", "pytest"], [], _FIRST_RUN_SECONDS)
        if result.returncode != 0:
            raise RuntimeError(f"its tests fail before any rename: {result.stdout[-300:]}")
        seconds.write_text(f"{time.perf_counter() - started:.2f}", "utf-8")
    lines = {path: set(one) for path, one in json.loads(kept.read_text("utf-8")).items()}
    found = {package.folder / path: one for path, one in lines.items()}
    return found, float(seconds.read_text("utf-8"))


def sites_of(package: Package, executed: Mapping[Path, set[int]], count: int, seed: int
             ) -> list[Site]:  # fmt: skip
    """Draw `count` functions with the seed; every second one is a method or property."""
    found: list[Site] = []
    for path, lines in sorted(executed.items()):
        data = path.read_bytes()
        for function in find_functions(data):
            if _is_wanted(package, path, function) and _is_executed(data, function, lines):
                found.append(_site(package.name, path, function))
    chosen = random.Random(f"{seed}:{package.name}").sample(found, len(found))
    # Methods and properties break more often than functions.
    members = [one for one in chosen if one.kind in {"method", "property"}]
    others = [one for one in chosen if one.kind not in {"method", "property"}]
    half = max(count // 2, count - len(others))
    return members[:half] + others[: count - len(members[:half])]


def record_reads(package: Package) -> Path:
    """Run the tests under the probe once; return the record of what attribute reads found."""
    record = package.note("reads.json")
    if record.is_file():
        return record
    names = package.note("names.json")
    found = {
        function.name
        for path in sorted(package.folder.rglob("*.py"))
        for function in find_functions(path.read_bytes())
    }
    names.write_text(json.dumps(sorted(found)), "utf-8")
    root = package.folder
    search = [root / "src", root, HERE / "probe"]
    run_tests(
        package, [str(PYTHON), "-m", "pytest", "-p", "rename_probe"], ["--maxfail=1000"],
        _PROBE_SECONDS,
        {
            "PYTHONPATH": os.pathsep.join(map(str, search)),
            "PYTHONPYCACHEPREFIX": str(CACHE / "no-bytecode"),
            "RENAME_PROBE_ROOT": str(root),
            "RENAME_PROBE_OUT": str(record),
            "RENAME_PROBE_NAMES": str(names),
        },
    )  # fmt: skip
    if not record.is_file():
        raise RuntimeError("the probe left no record")
    return record


def _unpack(package: Package, folder: Path) -> None:
    sdists = CACHE / "sdists"
    stem = package.name.replace("-", "[-_]")
    archives = [*sdists.glob(f"{stem}-{package.version}.tar.gz")]
    if not archives:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(sdists),
             "--no-binary", package.name, f"{package.name}=={package.version}"],
            check=True, capture_output=True,
        )  # fmt: skip
        archives = [*sdists.glob(f"{stem}-{package.version}.tar.gz")]
    if not archives:
        raise RuntimeError("its source cannot be downloaded")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archives[0]) as opened:
        top = opened.getnames()[0].split("/")[0]
        opened.extractall(folder.parent / "tmp", filter="data")
    shutil.move(folder.parent / "tmp" / top, folder)
    (folder / ".gitignore").unlink(missing_ok=True)
    configurations = [folder / one for one in ("pytest.ini", "tox.ini", "setup.cfg")]
    configurations.append(folder / "pyproject.toml")
    texts = [one.read_text("utf-8") for one in configurations if one.is_file()]
    if not any(mark in text for text in texts for mark in _MARKS):
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")  # ours above must not count


def _find_failing(package: Package) -> None:
    result = run_tests(
        package, [str(PYTHON), "-m", "pytest"],
        ["--maxfail=60", "-rfE", "--continue-on-collection-errors"], _FIRST_RUN_SECONDS,
    )  # fmt: skip
    failing = [
        line.split(" ")[1] for line in result.stdout.splitlines()
        if line.startswith(("FAILED ", "ERROR "))
    ]  # fmt: skip
    package.note("deselected").write_text("\n".join(failing), "utf-8")


def _measure_lines(package: Package, kept: Path) -> None:
    root, data = package.folder, package.note("coverage")
    report = package.note("coverage.json")
    coverage = [str(PYTHON), "-m", "coverage", "run", f"--data-file={data}", "--rcfile=/dev/null",
                f"--source={root / package.source}", "-m", "pytest"]  # fmt: skip
    result = run_tests(package, coverage, [], _FIRST_RUN_SECONDS)
    if result.returncode != 0:
        raise RuntimeError(f"its tests fail before any rename: {result.stdout[-300:]}")
    subprocess.run(
        [str(PYTHON), "-m", "coverage", "json", f"--data-file={data}", "-q", "-i",
         "--rcfile=/dev/null", "-o", str(report)], cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    files = json.loads(report.read_text("utf-8"))["files"]
    lines = {path: entry["executed_lines"] for path, entry in files.items()}
    kept.write_text(json.dumps(lines), "utf-8")


def _is_wanted(package: Package, path: Path, function: Function) -> bool:
    inside = path.relative_to(package.folder)
    is_test = bool({"tests", "test"} & set(inside.parts))
    is_test = is_test or inside.name.startswith(("test_", "conftest"))
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
