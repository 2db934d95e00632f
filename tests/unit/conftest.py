"""A fixture for the tests of engines."""

from __future__ import annotations

import pytest

from server.predictors.engine import engine as asking


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are short."""
    monkeypatch.setattr(asking, "_FIRST_PAUSE_SECONDS", 0.02)
