"""The key of the team's engine: from the environment, or from the editor's secret store.

Kept apart from the settings, which are logged and compared; never written anywhere.
"""

from __future__ import annotations

import os
from threading import Lock

VARIABLE = "NAMEWRIGHT_API_KEY"
_FIRST_VISIBLE, _LAST_VISIBLE = "!", "~"


class ApiKey:
    """Holds the key that the editor gave; the environment's counts where it gave none."""

    __slots__ = ("_given", "_lock")

    def __init__(self) -> None:
        self._given = ""
        self._lock = Lock()

    def __repr__(self) -> str:
        return "ApiKey(…)"

    def give(self, key: str) -> bool:
        """Take the editor's key (empty: forget it); whether it differs from the one before."""
        key = key.strip()
        with self._lock:
            changed, self._given = key != self._given, key
        return changed

    def value(self) -> str:
        """The key, or nothing; a key that no header can carry counts as none."""
        with self._lock:
            key = self._given or os.environ.get(VARIABLE, "").strip()
        return key if all(_FIRST_VISIBLE <= letter <= _LAST_VISIBLE for letter in key) else ""


API_KEY = ApiKey()
