"""From samples to candidates: which names the answers hold, and how probable each is.

Where the engine tells log-probabilities they count; else how often a name was answered does, and
within one answer that lists several names, their order.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Sequence

from dataset.forms import bare_name
from server.predictors.base import Candidate
from server.predictors.engine.answers import Sample

_LONGEST_NAME = 60
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"^\s*```.*$", re.MULTILINE)
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")
_QUOTES = "`'\"*"
_LISTED = 10


def names_of(sample: Sample) -> list[str]:
    """The names of one answer, first choice first; none where it is not one name a line.

    Markup around a name is taken off; what has spaces or code in it is no name.
    """
    text = _FENCE.sub("", _THOUGHT.sub("", sample.text))
    lines = text.strip().split("\n")
    if not sample.is_complete:
        # The last line was cut, so its name may be.
        lines = lines[:-1] if not text.endswith("\n") else lines
    names = [_name(line) for line in lines if line.strip()][:_LISTED]
    if not names or not names[0]:
        return []
    # A name and then an explanation: only the name is one.
    return list(dict.fromkeys(names)) if all(names) else names[:1]


def rank(samples: Sequence[Sample], prefix: str | None, k: int) -> tuple[list[Candidate], float]:
    """At most `k` candidates, best first, and the log-probability that is left for other names.

    `prefix` is the leading underscores where they are known: every name then gets them.
    """
    answers = [[_with_prefix(name, prefix) for name in names_of(one)] for one in samples]
    answered = [one for one, names in zip(samples, answers, strict=True) if names]
    if answered and all(one.log_probability is not None for one in answered):
        found = _by_log_probability(samples, answers)
        unseen = min(found.values()) - math.log(2)
    else:
        found = _by_frequency(answers, len(samples))
        unseen = -math.log(2 * (len(samples) + 1))
    candidates = [Candidate(name, min(0.0, score)) for name, score in found.items()]
    candidates.sort(key=lambda one: -one.log_probability)
    return candidates[:k], unseen


def _by_log_probability(
    samples: Sequence[Sample], answers: Sequence[Sequence[str]]
) -> dict[str, float]:
    spelled: dict[tuple[str, str], float] = {}
    for sample, names in zip(samples, answers, strict=True):
        for name in names[:1]:
            # The same text is the same event, not another one.
            spelled[name, sample.text] = sample.log_probability or 0.0
    found: dict[str, float] = {}
    for (name, _), score in spelled.items():
        before = found.get(name, -math.inf)
        high, low = max(before, score), min(before, score)
        found[name] = high + math.log1p(math.exp(low - high))
    return found


def _by_frequency(answers: Sequence[Sequence[str]], asked: int) -> dict[str, float]:
    weights: dict[str, float] = {}
    for names in answers:
        whole = sum(0.5**place for place in range(len(names)))
        for place, name in enumerate(names):
            weights[name] = weights.get(name, 0.0) + 0.5**place / whole
    # One answer more than were given: a few samples make nothing certain.
    return {name: math.log(weight / (asked + 1)) for name, weight in weights.items()}


def _name(line: str) -> str:
    """The name a line is, or nothing."""
    text = _BULLET.sub("", line.strip()).strip().strip(_QUOTES)
    parts = text.split(".")
    if not all(part.isidentifier() for part in parts):
        return ""
    name = bare_name(text)
    fits = name.strip("_") and len(name) <= _LONGEST_NAME and not keyword.iskeyword(name)
    return name if fits else ""


def _with_prefix(name: str, prefix: str | None) -> str:
    return name if prefix is None else prefix + name.lstrip("_")


def is_settled(samples: Iterable[Sample], count: int) -> bool:
    """Whether the last `count` answers are one and the same, so that more would tell nothing."""
    texts = [one.text for one in samples][-count:]
    return len(texts) == count and len(set(texts)) == 1
