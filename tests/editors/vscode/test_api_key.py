"""The key of a remote engine: in the secret storage, told to the server, in no file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.editors.vscode.browser import until
from tests.editors.vscode.programs import recording_python
from tests.editors.vscode.workbench import Workbench

KEY = "a-key-of-the-tests-1234"


def test_the_key_is_told_to_each_server_and_kept_in_no_file(
    workbench: Workbench, tmp_path: Path
) -> None:
    workbench.open_file("orders.py", 16, 5)
    environment = workbench.server.environments()[-1]
    python, heard = recording_python(tmp_path, environment / "bin" / "python")
    workbench.change_workspace_settings(**{"namewright.interpreter": python})

    def told() -> list[str]:
        """The keys that servers were given."""
        text = heard.read_bytes().decode() if heard.exists() else ""
        messages = [
            json.loads(part[: part.rindex("}") + 1])
            for part in text.split("\r\n\r\n")[1:]
            if "namewright/setApiKey" in part
        ]
        return [message["params"]["key"] for message in messages]

    until(heard.exists, "the server to run")
    assert told() == []
    workbench.run("Namewright: Set API Key")
    workbench.browser.wait('.quick-input-widget input[type="password"]')
    workbench.browser.type(KEY)
    workbench.browser.press("Enter")
    until(lambda: told() == [KEY], "the key to be told")
    workbench.run("Namewright: Restart")
    until(lambda: told() == [KEY, KEY], "the next server to be told")
    for folder in (workbench.folder, workbench.server.home):
        for path in folder.rglob("*"):
            if path.is_file() and workbench.server.extensions not in path.parents:
                assert KEY.encode() not in path.read_bytes(), path
    workbench.run("Namewright: Forget API Key")
    until(lambda: told() == [KEY, KEY, ""], "that there is none")
    workbench.run("Namewright: Restart")
    workbench.go_to(16, 5)
    assert workbench.menu()
    assert told() == [KEY, KEY, ""]
