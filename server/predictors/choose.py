"""Finds the predictor that the settings name; its libraries are imported only then."""

from __future__ import annotations

from server.errors import NamewrightError
from server.predictors.base import NamePredictor
from server.settings import Settings


def load_predictor(name: str, settings: Settings) -> NamePredictor:
    """Load a predictor by name; raises NamewrightError when it is unknown or cannot be loaded."""
    if name in ("auto", "embedded"):
        from server.predictors.embedded import load_embedded

        return load_embedded(threads=settings.threads)
    raise NamewrightError(
        f"the predictor {name!r} is not part of this installation; set it to 'embedded'"
    )
