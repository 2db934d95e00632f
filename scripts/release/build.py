"""Builds what a release consists of, from the last commit: wheel, sdist, extension, Neovim plugin.

python scripts/release/build.py [--out dist]

Wheel and sdist are built twice, in two folders, and the wheel once more from the sdist: they must
be the same bytes each time.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VSCODE = "editor-clients/vscode"
NEOVIM = "editor-clients/neovim"


def main() -> int:
    """Build everything into a folder, with SHA256SUMS beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out: Path = parser.parse_args().out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if git("status", "--porcelain", "--untracked-files=no"):
        sys.stderr.write(f"build: uncommitted changes are left out, {commit()[:10]} is built\n")
    with tempfile.TemporaryDirectory() as folder:
        checkout = export(Path(folder, "a"))
        program = "import server; print(server.__version__)"
        version = run([sys.executable, "-c", program], checkout).strip()
        wheel, sdist = build_python(checkout, Path(folder), out)
        files = [wheel, sdist]
        for client, build in ((VSCODE, build_extension), (NEOVIM, build_plugin)):
            if (checkout / client).is_dir():
                files.append(build(checkout, out, version))
            else:
                sys.stderr.write(f"build: no {client} in this commit, it is left out\n")
    sums = "".join(f"{sha256(path)}  {path.name}\n" for path in files)
    (out / "SHA256SUMS").write_text(sums, encoding="utf-8")
    for path in files:
        print(f"{path.stat().st_size / 1e6:7.2f} MB  {path.name}")
    return 0


def export(folder: Path) -> Path:
    """The files of the last commit in a folder of their own."""
    folder.mkdir()
    archive = git("archive", "--format=tar", commit())
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def build_python(checkout: Path, folder: Path, out: Path) -> tuple[Path, Path]:
    """Wheel and sdist; exits when they are not the same bytes every time."""
    elsewhere = export(folder / "another place")
    sdist = build_one("--sdist", checkout, out)
    wheel = build_one("--wheel", checkout, out)
    again = build_one("--wheel", elsewhere, folder / "again")
    if sha256(build_one("--sdist", elsewhere, folder / "again")) != sha256(sdist):
        raise SystemExit(f"build: a second build gives another {sdist.name}")
    (folder / "unpacked").mkdir()
    run(["tar", "-xzf", str(sdist), "-C", str(folder / "unpacked"), "--strip-components=1"], folder)
    from_sdist = build_one("--wheel", folder / "unpacked", folder / "sdist")
    for other, what in ((again, "a second build"), (from_sdist, "a build from the sdist")):
        if sha256(other) != sha256(wheel):
            raise SystemExit(
                f"build: {what} gives another {wheel.name}: {difference(wheel, other)}"
            )
    return wheel, sdist


def build_one(kind: str, source: Path, out: Path) -> Path:
    """One wheel or sdist of a folder."""
    out.mkdir(exist_ok=True)
    before = set(out.iterdir())
    run([sys.executable, "-m", "build", kind, "--outdir", str(out), str(source)], source)
    (made,) = set(out.iterdir()) - before
    return made


def build_extension(checkout: Path, out: Path, version: str) -> Path:
    """The extension's .vsix, from its lock file; it carries the server's wheel."""
    folder = checkout / VSCODE
    run(["npm", "ci", "--no-audit", "--no-fund"], folder)
    run(["npm", "run", "package"], folder)
    (made,) = folder.glob("*.vsix")
    return Path(shutil.move(made, out / f"namewright-{version}.vsix"))


def build_plugin(checkout: Path, out: Path, version: str) -> Path:
    """The Neovim plugin as a plugin manager would clone it."""
    name = f"namewright.nvim-{version}"
    archive = git("archive", "--format=tar", f"--prefix={name}/", f"{commit()}:{NEOVIM}")
    plugin = checkout / f"{name}.tar.gz"
    plugin.write_bytes(gzip.compress(archive, mtime=0))
    return Path(shutil.move(plugin, out / plugin.name))


def run(command: list[str], folder: Path) -> str:
    """Run a command and return what it printed; exits with its end when it fails."""
    # Times in archives are the commit's, so that equal sources give equal bytes.
    moment = git("log", "-1", "--format=%ct", commit()).decode().strip()
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "SOURCE_DATE_EPOCH": moment,
            "PYTHON_FOR_WHEEL": sys.executable,  # for the wheel in the extension
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise SystemExit(f"build: {' '.join(command[:4])} failed in {folder.name}:\n{end}")
    return done.stdout


@cache
def commit() -> str:
    """What is built, also if somebody commits meanwhile."""
    return git("rev-parse", "HEAD").decode().strip()


def git(*arguments: str) -> bytes:
    """What git prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def difference(one: Path, other: Path) -> str:
    """Which members of two wheels differ."""
    import zipfile

    def members(path: Path) -> dict[str, int]:
        with zipfile.ZipFile(path) as wheel:
            return {each.filename: each.CRC for each in wheel.infolist()}

    left, right = members(one), members(other)
    names = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
    return ", ".join(names[:5]) or "only the archive itself differs"


if __name__ == "__main__":
    sys.exit(main())
