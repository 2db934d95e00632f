"""Finds the predictor that the settings name; its libraries are imported only then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.base import Candidate, Identity, NamePredictor, StopFlag, Unavailable
from server.predictors.fallback import FallbackPredictor
from server.predictors.status import Observer, Status
from server.settings import Settings

_EMBEDDED = "embedded"


def load_predictor(name: str, settings: Settings) -> NamePredictor:
    """Load a predictor by name; raises NamewrightError when it is unknown or cannot be loaded."""
    chosen, reason = _chosen(name, settings)
    if chosen == "transformers":
        from server.predictors.transformers import load_transformers

        return load_transformers(settings)
    if chosen == "openai":
        from server.predictors.openai import load_openai

        return load_openai(settings)
    if chosen == _EMBEDDED:
        from server.predictors.embedded import load_embedded

        folder = settings.embedded_weights
        weights = Path(folder).expanduser() if folder else None
        embedded = load_embedded(weights, settings.threads)
        return _Instead(embedded, reason) if reason else embedded
    raise NamewrightError(
        f"the predictor {name!r} is not part of this installation; set it to 'embedded'"
    )


def load_lasting(name: str, settings: Settings) -> NamePredictor:
    """The same for an editor: where it cannot be loaded or cannot answer, `embedded` does.

    Raises NamewrightError when even that one cannot be loaded.
    """
    chosen, _ = _chosen(name, settings)
    if chosen == _EMBEDDED:
        return load_predictor(name, settings)
    try:
        first = load_predictor(chosen, settings)
    except NamewrightError as error:
        first = _Absent(chosen, str(error))
    return FallbackPredictor(first, _EMBEDDED, lambda: load_predictor(_EMBEDDED, settings))


def _chosen(name: str, settings: Settings) -> tuple[str, str]:
    """The predictor that is meant, and why `auto` did not take the one that settings hint at."""
    if name != "auto":
        return name, ""
    if settings.endpoint:
        return _EMBEDDED, "an engine is asked only where `predictor` is `openai`"
    if not settings.model:
        return _EMBEDDED, ""
    from server.predictors.transformers_model import fits

    reason = fits(settings)
    return (_EMBEDDED, reason) if reason else ("transformers", "")


class _Instead:
    """The embedded model where `auto` might have taken another; tells why it did not."""

    def __init__(self, embedded: NamePredictor, reason: str) -> None:
        self._embedded = embedded
        self._reason = reason

    @property
    def identity(self) -> Identity:
        return self._embedded.identity

    def watch(self, observer: Observer) -> None:
        observer.status(Status(_EMBEDDED, "ready", self._reason))

    def facts(self) -> list[tuple[str, str]]:
        return [("chosen", f"{_EMBEDDED} by auto: {self._reason}")]

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        return self._embedded.predict(questions, k, stop)

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        return self._embedded.score(questions, names)

    def close(self) -> None:
        self._embedded.close()


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
