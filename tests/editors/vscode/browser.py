"""A headless browser, driven through a small program in node (driver.mjs), one call at a time."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGES = ROOT / ".editors" / "code-server" / "node_modules"
PATIENCE = 90.0


class BrowserError(AssertionError):
    """What was waited for did not come, or a call could not be made."""


class Browser:
    """One page. Waits are for conditions, and long: a busy machine is slow, not wrong."""

    def __init__(self) -> None:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        assert chromium, "chromium is missing; run scripts/system-packages.sh"
        self._process = subprocess.Popen(
            ["node", str(HERE / "driver.mjs"), str(PACKAGES), chromium],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def call(self, call: str, *args: object) -> Any:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"call": call, "args": args}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise BrowserError("the browser is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise BrowserError(answer["error"])
        return answer["value"]

    def goto(self, address: str) -> None:
        self.call("goto", address)

    def press(self, *keys: str) -> None:
        for each in keys:
            self.call("press", each)

    def type(self, text: str) -> None:
        self.call("type", text)

    def wait(self, selector: str, *, seconds: float = PATIENCE, gone: bool = False) -> None:
        self.call("wait", selector, 1000 * seconds, "hidden" if gone else "visible")

    def click(self, selector: str, **options: object) -> None:
        self.call("click", selector, options)

    def texts(self, selector: str) -> list[str]:
        """The visible texts, without the hard spaces that editors draw."""
        return [text.replace("\xa0", " ") for text in self.call("texts", selector)]

    def count(self, selector: str) -> int:
        return self.call("count", selector)

    def evaluate(self, expression: str) -> Any:
        return self.call("evaluate", expression)

    def time(self, keys: str, selector: str, seconds: float = PATIENCE) -> float:
        """Milliseconds from the press of a key to what it brings."""
        return self.call("time", keys, selector, 1000 * seconds)

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.call("screenshot", str(path))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> Any:
    """Wait for a condition; its truthy value. `what` is told when it does not come."""
    end = monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if monotonic() > end:
            raise BrowserError(f"waited {seconds:.0f} s in vain: {what}")
        sleep(0.05)
