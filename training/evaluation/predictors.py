"""Opens the predictors that an evaluation names, through the server's own code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from server.predictors.base import Identity, NamePredictor
from server.settings import Settings
from training.errors import TrainingError

HELP = (
    "embedded, embedded=WEIGHTS, transformers=MODEL, transformers=MODEL,ADAPTER,"
    " openai=ENDPOINT,MODEL, generate=MODEL, generate=MODEL,ADAPTER, most-frequent=CORPUS or"
    " nearest=CORPUS; [LABEL:] before it names it"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A predictor and what a report calls it."""

    label: str
    predictor: NamePredictor

    @property
    def identity(self) -> Identity:
        """Which model answered."""
        return self.predictor.identity


def open_predictor(
    text: str, weights: Path | None = None, settings: Settings | None = None
) -> Opened:
    """Open `[LABEL:]KIND[=WHAT[,MORE]]`, in all else by the server's settings.

    Raises TrainingError for what it cannot read, NamewrightError for what cannot be loaded.
    """
    label, colon, rest = text.partition(":")
    # An endpoint has a colon of its own.
    if not colon or "=" in label:
        label, rest = "", text
    kind, _, what = rest.partition("=")
    first, _, second = what.partition(",")
    if kind == "embedded":
        from server.predictors.embedded import load_embedded

        folder = Path(first) if first else weights
        return Opened(label or (f"embedded {first}".strip()), load_embedded(folder))
    if kind in ("most-frequent", "nearest"):
        from training.evaluation import baselines

        if not first:
            raise TrainingError(f"--predictor {text}: expected {kind}=CORPUS")
        if not Path(first).exists():
            raise TrainingError(f"--predictor {text}: {first} is not there; give a corpus")
        opened = baselines.most_frequent if kind == "most-frequent" else baselines.nearest_neighbour
        predictor = opened(Path(first))
        return Opened(label or predictor.identity.name, predictor)
    if kind == "generate":
        from training.evaluation.generation import load_generator

        if not first:
            raise TrainingError(f"--predictor {text}: expected generate=MODEL or MODEL,ADAPTER")
        return Opened(label or rest, load_generator(first, second))
    from server.predictors.choose import load_predictor

    settings = settings or Settings()
    if kind == "transformers":
        settings = replace(settings, model=first, transformers_adapter=second)
    elif kind == "openai":
        settings = replace(settings, endpoint=first, model=second)
    return Opened(label or rest, load_predictor(kind, settings))
