"""Finds the predictor that the settings name; its libraries are imported only then."""

from __future__ import annotations

from collections.abc import Sequence

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.base import Candidate, Identity, NamePredictor, StopFlag, Unavailable
from server.predictors.fallback import FallbackPredictor
from server.predictors.status import Observer, Status
from server.settings import Settings

_EMBEDDED = "embedded"


def load_predictor(name: str, settings: Settings) -> NamePredictor:
    """Load a predictor by name; raises NamewrightError when it is unknown or cannot be loaded."""
    if name == "transformers" or (name == "auto" and _fits(settings)):
        from server.predictors.transformers import load_transformers

        return load_transformers(settings)
    if name in ("auto", _EMBEDDED):
        from server.predictors.embedded import load_embedded

        return load_embedded(threads=settings.threads)
    if name == "openai":
        from server.predictors.openai import load_openai

        return load_openai(settings)
    raise NamewrightError(
        f"the predictor {name!r} is not part of this installation; set it to 'embedded'"
    )


def load_lasting(name: str, settings: Settings) -> NamePredictor:
    """The same for an editor: where it cannot be loaded or cannot answer, `embedded` does.

    Raises NamewrightError when even that one cannot be loaded.
    """
    try:
        first = load_predictor(name, settings)
    except NamewrightError as error:
        if name in ("auto", _EMBEDDED):
            raise
        first = _Absent(name, str(error))
    if first.identity.name == _EMBEDDED:
        return first
    return FallbackPredictor(first, _EMBEDDED, lambda: load_predictor(_EMBEDDED, settings))


def _fits(settings: Settings) -> bool:
    """Whether a model for this machine is set and can run here."""
    if not settings.model:
        return False
    from server.predictors.transformers import fits

    return not fits(settings)


class _Absent:
    """Stands for a predictor that cannot be loaded; says why and answers nothing."""

    def __init__(self, name: str, reason: str) -> None:
        self._reason = reason
        self._identity = Identity(name, "none", "none", understands_context=False)

    @property
    def identity(self) -> Identity:
        return self._identity

    def watch(self, observer: Observer) -> None:
        observer.status(Status(self._identity.name, "failed", self._reason))

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        raise Unavailable(self._reason)

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        raise Unavailable(self._reason)

    def close(self) -> None:
        pass
