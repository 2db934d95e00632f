"""Installs what build.py made, each in a clean place, and asks it whether it works.

python scripts/release/check.py [--out dist] [--only wheel sdist extension plugin entries]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGIN_CHECK = """\
vim.cmd('packadd {name}')
if vim.fn.exists(':Namewright') ~= 2 then error('no :Namewright after packadd') end
vim.cmd('filetype on')
require('namewright').setup({{ cmd = {{ '{program}', '--stdio' }} }})
vim.cmd('edit sample.py')
local compat = require('namewright.compat')
local function ready() return compat.clients('namewright', 0)[1] ~= nil end
if not vim.wait(60000, ready, 50) then error('the server did not start') end
vim.cmd('checkhealth namewright')
local report = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')
if report:match('ERROR') or not report:match('named %S+') then error(report) end
local version = dofile('{folder}/lua/namewright/version.lua')
local editor = vim.fn.execute('version'):match('NVIM (v[%d.]+)')
print('Neovim ' .. editor .. ' with namewright.nvim ' .. version .. ' '
  .. report:match('named %S+'))
"""
CODE_SERVER = ROOT / ".editors/code-server/node_modules/.bin/code-server"
TRY_WHEEL = ROOT / "scripts/try-wheel.sh"


def main() -> int:
    """Run the chosen checks and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    options = parser.parse_args()
    for name in options.only:
        if name in ("extension", "plugin") and name not in built(options.out):
            print(f"{name:10}    –    not in this release")
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            said = CHECKS[name](options.out.resolve(), Path(place))
        print(f"{name:10} {time.monotonic() - started:4.0f} s  {said}", flush=True)
    return 0


def built(out: Path) -> set[str]:
    """Which of the clients the release has: all that build.py found in its commit."""
    kinds = {"extension": "namewright-*.vsix", "plugin": "namewright.nvim-*.tar.gz"}
    return {name for name, pattern in kinds.items() if list(out.glob(pattern))}


def check_wheel(out: Path, place: Path) -> str:
    """A fresh environment with no network once it is installed."""
    said = run([str(TRY_WHEEL), str(one(out, "namewright-*.whl"))], place)
    return said.splitlines()[-1]


def check_sdist(out: Path, place: Path) -> str:
    """A fresh environment, built from source."""
    return run_check(install(one(out, "namewright-*.tar.gz"), place), place)


def check_extension(out: Path, place: Path) -> str:
    """The manifest, what the archive holds, and a real editor that takes it in."""
    vsix, released = one(out, "namewright-*.vsix"), one(out, "namewright-*.whl")
    with zipfile.ZipFile(vsix) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("extension/package.json"))
        wheels = [name for name in names if name.endswith(".whl")]
        for wheel in wheels:
            archive.extract(wheel, place)
    main_file = f"extension/{manifest['main'].removeprefix('./')}"
    for name in (main_file, f"extension/{manifest['icon']}", "extension/readme.md"):
        if name not in {*names, *(each.lower() for each in names)}:
            raise SystemExit(f"check: {vsix.name} lacks {name}")
    strays = [name for name in names if "node_modules/" in name or name.endswith(".ts")]
    if strays:
        raise SystemExit(f"check: {vsix.name} holds {strays[0]} and {len(strays) - 1} more")
    if len(wheels) != 1 or (place / wheels[0]).read_bytes() != released.read_bytes():
        raise SystemExit(f"check: {vsix.name} carries {wheels or 'no server'}, not {released.name}")
    said = f"its server: {run_check(install(place / wheels[0], place), place)}"
    identity = f"{manifest['publisher']}.{manifest['name']}@{manifest['version']}"
    if not CODE_SERVER.exists():
        raise SystemExit("check: no editor to install it in; run scripts/editors.sh")
    folders = [
        "--user-data-dir",
        str(place / "user"),
        "--extensions-dir",
        str(place / "extensions"),
    ]
    run([str(CODE_SERVER), *folders, "--install-extension", str(vsix)], place)
    listed = run([str(CODE_SERVER), *folders, "--list-extensions", "--show-versions"], place)
    if identity not in listed.split():
        raise SystemExit(f"check: {identity} is not among the installed: {listed}")
    return f"{identity} installed in VS Code; {said}"


def check_plugin(out: Path, place: Path) -> str:
    """Each Neovim at hand loads the plugin by `packadd`, starts the server, finds all healthy."""
    archive = one(out, "namewright.nvim-*.tar.gz")
    packages = place / "pack" / "release" / "opt"
    packages.mkdir(parents=True)
    with tarfile.open(archive) as plugin:
        plugin.extractall(packages, filter="data")
    (name,) = (each.name for each in packages.iterdir())
    program = install(one(out, "namewright-*.whl"), place)
    (place / "sample.py").write_text("def f(path):\n    return path.read_text()\n", "utf-8")
    script = place / "check.lua"
    script.write_text(
        PLUGIN_CHECK.format(name=name, program=program, folder=packages / name), encoding="utf-8"
    )
    editors = neovims()
    if not editors:
        raise SystemExit("check: no nvim on the PATH to load the plugin with")
    clean = {**os.environ, "XDG_CONFIG_HOME": str(place), "XDG_DATA_HOME": str(place)}
    quiet, then = ("--headless", "-u", "NONE"), ("-c", f"luafile {script}", "-c", "qall!")
    said: list[str] = []
    for editor in editors:
        lines = run(
            [editor, *quiet, "--cmd", f"set packpath^={place}", *then],
            place,
            clean,
        )
        if "with namewright.nvim" not in lines:
            raise SystemExit(f"check: {editor}: {lines.strip()}")
        said.append(lines.strip().splitlines()[-1].removeprefix("Running healthchecks..."))
    return "; ".join(said)


def check_entries(out: Path, place: Path) -> str:
    """The entries for other package managers: Neovim runs the Lua, Ruby parses the formula."""
    filled = place / "packaging"
    script = str(Path(__file__).with_name("entries.py"))
    wheel = str(one(out, "namewright-*.whl"))
    address = "https://code.example/ann/namewright"
    command = [sys.executable, script, "--repository", address, "--wheel", wheel]
    # Not `run`: an index on this machine is told by the exit status, and is no matter here.
    said = subprocess.run(
        [*command, "--out", str(filled)], capture_output=True, encoding="utf-8", check=False
    )
    formula = filled / "homebrew/Formula/namewright.rb"
    if not formula.exists():
        raise SystemExit(f"check: {said.stderr.strip()}")
    parsed = "not parsed (no ruby here)"
    if shutil.which("ruby"):
        parsed = run(["ruby", "-c", str(formula)], place).strip()
    lua = filled / "nvim-lspconfig/lsp/namewright.lua"
    for editor in neovims():
        # An error alone would not change the exit status.
        program = (
            f"lua local read, entry = pcall(dofile, '{lua}');"
            " if not (read and entry.cmd[1] == 'namewright') then vim.cmd('cquit 1') end"
        )
        run([editor, "--headless", "-u", "NONE", "-c", program, "-c", "qall!"], place)
    resources = formula.read_text("utf-8").count("resource ")
    return f"formula with {resources} resources: {parsed}; Lua read by {len(neovims())} Neovim"


def neovims() -> list[str]:
    """The system's Neovim, and those that the editor tests installed."""
    system = shutil.which("nvim")
    own = sorted(str(path) for path in ROOT.glob(".editors/**/bin/nvim"))
    return [*([system] if system else []), *own]


def install(package: Path, place: Path) -> Path:
    """A new environment with the package in it; its `namewright`."""
    folder = place / "venv"
    venv.create(folder, with_pip=True)
    run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", str(package)], place)
    return folder / "bin" / "namewright"


def run_check(program: Path, place: Path) -> str:
    """What `namewright check` says, in short."""
    lines = [line.split() for line in run([str(program), "check"], place).splitlines()]
    (named,) = (words[1] for words in lines if words[0] == "named")
    return f"{' '.join(lines[0])} names the sample {named}"


def one(out: Path, pattern: str) -> Path:
    """The one file of its kind."""
    found = sorted(out.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"check: {len(found)} files {pattern} in {out}; run build.py first")
    return found[0]


def run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a command and return all it printed; exits with its end when it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-30:])
        raise SystemExit(f"check: {Path(command[0]).name} failed ({done.returncode}):\n{end}")
    return done.stdout


CHECKS: dict[str, Callable[[Path, Path], str]] = {
    "wheel": check_wheel,
    "sdist": check_sdist,
    "extension": check_extension,
    "plugin": check_plugin,
    "entries": check_entries,
}

if __name__ == "__main__":
    sys.exit(main())
