"""Writes the server's settings into the manifest of the VS Code extension, from their definition.

python scripts/vscode_settings.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from server.settings import json_schema  # noqa: E402

MANIFEST = ROOT / "editor-clients" / "vscode" / "package.json"
# Settings of the extension itself; they come first and are written by hand.
OWN = ("namewright.interpreter", "namewright.trace.server")
# A workspace nobody vouches for must not choose what runs or where functions are sent.
_RESTRICTED = (
    "interpreter",
    "predictor",
    "endpoint",
    "model",
    "embedded",
    "openai",
    "transformers",
)


def updated(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the settings as the server defines them."""
    contributes = manifest["contributes"]
    before = contributes["configuration"]["properties"]
    properties = {key: before[key] for key in OWN}
    for order, (key, schema) in enumerate(json_schema().items(), len(OWN)):
        properties[key] = {**schema, "scope": _scope(key), "order": order}
    contributes["configuration"]["properties"] = properties
    trust = manifest["capabilities"]["untrustedWorkspaces"]
    trust["restrictedConfigurations"] = [key for key in properties if _is_restricted(key)]
    return manifest


def _is_restricted(key: str) -> bool:
    return key.split(".")[1] in _RESTRICTED


def _scope(key: str) -> str:
    return "machine-overridable" if _is_restricted(key) else "window"


def main() -> None:
    """Rewrite the file in place."""
    manifest = updated(json.loads(MANIFEST.read_text(encoding="utf-8")))
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    MANIFEST.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
