"""Rename a function, run its project's own tests: does the program still work, and were we warned?

    python benchmarks/rename.py --part fresh --sites 20 --seed 7

Downloads each package's source once into `benchmarks/.cache` (never committed), keeps the functions
that its tests execute, draws some of them with a seed, and lets every engine rename each one to a
fresh name. Tests run once for each distinct result. Every row is appended to a file at once; what
stands there is not done again, and our own rows count for one state of our source. The table comes
last; `--table-only` prints it from what is there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This folder comes last: its `dataset.py` must not stand in for the package of that name.
sys.path[:] = [str(HERE.parent), *(one for one in sys.path if one != str(HERE)), str(HERE)]

from rename_engines import ENGINES, Outcome, edited_offsets, fingerprint  # noqa: E402
from rename_oracle import Oracle, Touched  # noqa: E402
from rename_sites import (  # noqa: E402
    CACHE,
    PYTHON,
    Package,
    Site,
    listed,
    make_environment,
    measured,
    prepared,
    record_reads,
    sites_of,
)
from rename_sites import run_tests as run_package_tests  # noqa: E402
from rename_table import PROBE, Row, table  # noqa: E402


def main() -> None:
    """Run the benchmark and print the table."""
    options = _arguments()
    # Leave by an exception, so that a package is put back as it was.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    make_environment()
    fingerprint()  # now: the source may change while this runs
    names = options.packages.split(",") if options.packages else []
    packages = listed(options.part.split(","), names)
    kept = Path(options.rows)
    kept.parent.mkdir(parents=True, exist_ok=True)
    rows = _kept_rows(kept)
    if options.table_only and not options.rejudge:
        _print_tables([row for key, row in rows.items() if key == row.key])
        return
    wanted: list[Row] = []
    for package in packages:
        try:
            wanted += _package_rows(prepared(package, Path(options.store)), options, rows, kept)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"{package.name}: left out: {error}", file=sys.stderr)
    _print_tables(wanted)


def _print_tables(rows: list[Row]) -> None:
    """Print a table for each part of the list, and the one of all rows last."""
    parts = list(dict.fromkeys(row.part for row in rows))
    for part in parts if len(parts) > 1 else []:
        mine = [row for row in rows if row.part == part]
        print(f"\n{part}: {len({row.package for row in mine})} packages\n\n{table(mine)}")
    print(f"\nall: {len({row.package for row in rows})} packages\n\n{table(rows)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="develop,held_out,fresh", help="parts of the list")
    parser.add_argument("--packages", default="", help="only these, comma-separated")
    parser.add_argument("--sites", type=int, default=20, help="functions of each package")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", default=str(CACHE / "rename-rows.jsonl"))
    parser.add_argument("--store", default=str(CACHE / "packages"), help="unpacked packages")
    parser.add_argument("--slowest", type=float, default=10, help="seconds a suite may take")
    parser.add_argument("--table-only", action="store_true", help="of all rows kept, run nothing")
    parser.add_argument("--rejudge", action="store_true", help="strangers anew, no tests")
    parser.add_argument("--any-state", action="store_true", help="our rows of any source count")
    return parser.parse_args()


def _kept_rows(path: Path) -> dict[str, Row]:
    if not path.is_file():
        return {}
    lines = path.read_text("utf-8").splitlines()
    rows = [Row(**json.loads(line)) for line in lines if line.endswith("}")]
    return {key: row for row in rows for key in (row.key, row.any_key)}


def _package_rows(
    package: Package, options: argparse.Namespace, known: dict[str, Row], kept: Path
) -> list[Row]:
    lines, seconds = measured(package)
    if seconds > options.slowest:
        raise RuntimeError(f"its tests take {seconds:.0f} s")
    sites = sites_of(package, lines, options.sites, options.seed)
    oracle: Oracle | None = None
    verdicts: dict[str, bool] = {}
    rows: list[Row] = []
    for site in sites:
        for engine in options.engines.split(","):
            key = Row.key_of(site, package.folder, engine, _state(engine))
            any_key = Row.key_of(site, package.folder, engine, "")
            if key in known or (options.any_state and any_key in known):
                row = known.get(key) or known[any_key]
                if options.rejudge and row.judged_by != PROBE:
                    oracle = oracle or Oracle(package.folder, record_reads(package))
                    row = _rejudged(package, site, row, oracle)
                    _keep(row, kept)
                rows.append(row)
                continue
            if options.table_only:
                continue
            oracle = oracle or Oracle(package.folder, record_reads(package))
            row = _try(package, site, engine, seconds, verdicts, oracle)
            _keep(row, kept)
            rows.append(row)
            if engine == "namewright":
                _report(row)
    print(f"{package.name}: {len(sites)} functions, tests {seconds:.1f} s", file=sys.stderr)
    return rows


def _rejudged(package: Package, site: Site, row: Row, oracle: Oracle) -> Row:
    try:
        outcome = ENGINES[row.engine](package.folder, site)
    except Exception:
        outcome = Outcome({})
    inside = {
        path: data for path, data in outcome.contents.items()
        if path.is_relative_to(package.folder)
    }  # fmt: skip
    edits = edited_offsets(site, inside) if outcome.edits is None else outcome.edits
    certain = edits if outcome.certain_edits is None else outcome.certain_edits
    touched = oracle.judge(site, edits, certain) or Touched()
    return replace(
        row, seen=touched.seen, unrelated=touched.unrelated, missed=touched.missed,
        unasked=touched.unasked, judged_by=PROBE,
    )  # fmt: skip


def _keep(row: Row, kept: Path) -> None:
    with kept.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(row)) + "\n")


def _state(engine: str) -> str:
    return fingerprint() if engine == "namewright" else "released"


def _report(row: Row) -> None:
    state = "pass" if row.passed else "BROKEN"
    flags = ("refused " if row.refused else "") + ("doubtful " if row.doubtful else "")
    print(f"  {state:6} {flags}{row.path}:{row.line} {row.name} {row.seconds * 1000:.0f} ms"
          f" seen {row.seen} unrelated {row.unrelated} missed {row.missed} {row.error}",
          file=sys.stderr, flush=True)  # fmt: skip
    if row.doubtful or row.refused or not row.passed:
        for one in row.findings[:4]:
            print(f"           {one}", file=sys.stderr, flush=True)


def _try(
    package: Package, site: Site, engine: str, usual: float, seen: dict[str, bool], oracle: Oracle
) -> Row:
    root = package.folder
    started = time.perf_counter()
    error = ""
    try:
        outcome = ENGINES[engine](root, site)
    except Exception as raised:
        error, outcome = f"{type(raised).__name__}: {raised}", Outcome({})
    seconds = time.perf_counter() - started
    changed = {
        path: data for path, data in outcome.contents.items()
        # Some engines would also edit the libraries that they read.
        if path.is_relative_to(root) and path.read_bytes() != data
    }  # fmt: skip
    passed = False
    if changed:
        passed = _passes(package, changed, usual, seen)
    elif not outcome.refused and not error:
        error = "changed nothing"
    certain_passed = passed
    if engine == "namewright" and outcome.doubtful and outcome.certain != outcome.contents:
        certain_passed = _passes(package, outcome.certain, usual, seen)
    edits = outcome.edits
    edits = edited_offsets(site, changed) if edits is None else edits
    certain = edits if outcome.certain_edits is None else outcome.certain_edits
    touched = oracle.judge(site, edits, certain) or Touched()
    return Row(
        package.name, package.part, engine, _state(engine), str(site.path.relative_to(root)),
        site.line, site.offset, site.name, site.kind, passed, certain_passed, outcome.refused,
        outcome.doubtful, list(outcome.findings), seconds, error[:300],
        touched.seen, touched.unrelated, touched.missed, PROBE, touched.unasked,
    )  # fmt: skip


def _passes(
    package: Package, changed: Mapping[Path, bytes], usual: float, seen: dict[str, bool]
) -> bool:
    key = _key(changed)
    if key not in seen:
        with _replaced(changed):
            launcher = [str(PYTHON), "-m", "pytest"]
            for _ in range(2):  # a test that fails now and then must not judge
                result = run_package_tests(package, launcher, [], 15 + 6 * usual)
                seen[key] = result.returncode == 0
                if seen[key]:
                    break
    return seen[key]


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


if __name__ == "__main__":
    main()
