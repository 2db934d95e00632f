"""VS Code as code-server runs it: packages the extension, installs it, serves it, ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
import zipfile
from contextlib import suppress
from pathlib import Path

from tests.editors.vscode.browser import PACKAGES, ROOT, until

EXTENSION = ROOT / "editor-clients" / "vscode"
_SOURCES = ("editor-clients/vscode/src", "server", "dataset", "training")
_ENTRY = PACKAGES / "code-server" / "out" / "node" / "entry.js"

SETTINGS: dict[str, object] = {
    "workbench.startupEditor": "none",
    "window.autoDetectColorScheme": True,
    "workbench.preferredLightColorTheme": "Default Light Modern",
    "workbench.preferredDarkColorTheme": "Default Dark Modern",
    "workbench.tips.enabled": False,
    "workbench.activityBar.location": "hidden",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.commandCenter.enabled": False,
    "window.commandCenter": False,
    "editor.minimap.enabled": False,
    "editor.fontSize": 14,
    "editor.cursorBlinking": "solid",
    # A file that is opened stays open, and what is typed is what is there.
    "workbench.editor.enablePreview": False,
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.autoSurround": "never",
    "files.autoSave": "off",
    "git.enabled": False,
    "extensions.ignoreRecommendations": True,
    "telemetry.telemetryLevel": "off",
    "namewright.logLevel": "info",
}


class CodeServer:
    """One running code-server with the extension in it; `home` holds all it writes."""

    def __init__(
        self, home: Path, *, beside: CodeServer | None = None, restricts: bool = False
    ) -> None:
        """
        `beside` lends its extensions and the environment that they made; `restricts` asks for
        trust in folders, as VS Code does.
        """
        self.home = home
        self._data = home / "data"
        self.extensions = beside.extensions if beside else home / "extensions"
        self._restricts = restricts
        if beside:
            self.storage.parent.mkdir(parents=True)
            self.storage.symlink_to(beside.storage)
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.write_settings()

    @property
    def storage(self) -> Path:
        """Where the extension keeps its own environment."""
        return self._data / "User" / "globalStorage" / "namewright.namewright"

    def write_settings(self, **settings: object) -> None:
        """The user's settings: the usual ones and these."""
        path = self._data / "User" / "settings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**SETTINGS, **settings}, indent=2))

    def install(self, package: Path) -> None:
        """Install a .vsix, also over a newer version."""
        subprocess.run(
            [*self._command, "--install-extension", str(package), "--force"],
            check=True,
            capture_output=True,
            env=self._environment,
        )

    def start(self) -> None:
        """Serve on a free port, in a process group of its own."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        flags = "--auth none --disable-telemetry --disable-update-check"
        flags += " --disable-getting-started-override"
        flags += "" if self._restricts else " --disable-workspace-trust"
        with (self.home / "code-server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, *flags.split(), "--bind-addr", f"127.0.0.1:{port}"],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        until(self._answers, "code-server to answer")

    def stop(self) -> None:
        """End the whole group."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(30)

    def server_pids(self) -> list[int]:
        """The language servers that run from the extension's environment."""
        found: list[int] = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    line = (folder / "cmdline").read_bytes()
                    if str(self.storage).encode() in line and b"--stdio" in line:
                        found.append(int(folder.name))
        return found

    def environments(self) -> list[Path]:
        """The Python environments that the extension made, the last used one last."""
        marks = self.storage.glob("environments/*/ready.json")
        return [path.parent for path in sorted(marks, key=lambda path: path.stat().st_mtime)]

    def packages(self) -> list[Path]:
        """The folders of the extension's installed versions."""
        return sorted(self.extensions.glob("namewright.namewright-*"))

    @property
    def _command(self) -> list[str]:
        places = ["--user-data-dir", str(self._data), "--extensions-dir", str(self.extensions)]
        return ["node", str(_ENTRY), *places]

    @property
    def _environment(self) -> dict[str, str]:
        # The Python that runs the tests is new enough; a virtual environment's is not a base.
        here = str(Path(sys.executable).resolve().parent)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("VSCODE")}
        return {**kept, "PATH": f"{here}:{kept['PATH']}", "HOME": str(self.home)}

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


def packaged_extension() -> Path:
    """The .vsix, built anew where a source is newer."""
    package = EXTENSION / "namewright.vsix"
    sources = [EXTENSION / "package.json", EXTENSION / "README.md", ROOT / "pyproject.toml"]
    for folder in _SOURCES:
        sources += (path for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts)
    newest = max(path.stat().st_mtime for path in sources if path.is_file())
    if not package.exists() or package.stat().st_mtime < newest:
        done = subprocess.run(
            ["npm", "run", "package"],
            cwd=EXTENSION,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHON_FOR_WHEEL": sys.executable},
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return package


def newer_extension(package: Path, version: str, folder: Path) -> Path:
    """The same extension as another version, as a .vsix."""
    newer = folder / f"namewright-{version}.vsix"
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(newer, "w") as new:
        before = json.loads(old.read("extension/package.json"))["version"]
        for name in old.namelist():
            content = old.read(name)
            if name == "extension/package.json":
                content = json.dumps({**json.loads(content), "version": version}).encode()
            elif name == "extension.vsixmanifest":
                content = content.replace(
                    f'Version="{before}"'.encode(), f'Version="{version}"'.encode(), 1
                )
            new.writestr(name, content)
    return newer


def packaged_renamer(folder: Path) -> Path:
    """The other Python extension of the tests, as a .vsix."""
    package = folder / "renamer.vsix"
    vsce = EXTENSION / "node_modules" / ".bin" / "vsce"
    options = "--no-dependencies --allow-missing-repository --skip-license".split()
    done = subprocess.run(
        [vsce, "package", *options, "--out", str(package)],
        cwd=Path(__file__).with_name("renamer"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return package
