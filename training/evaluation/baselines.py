"""Predictors that know no code, for scale: the most frequent name, and the nearest neighbour."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset.question import Question
from server.predictors.base import Candidate, Identity, NamePredictor, StopFlag
from training.finetuning.rows import read_rows, sample

_KNOWN = 50_000
_NEIGHBOURS = 25
_WORD = re.compile(r"[A-Za-z]+")


class MostFrequent:
    """Answers every question with the most frequent names of a corpus."""

    def __init__(self, names: Sequence[str]) -> None:
        counts = Counter(names)
        self._names = [
            Candidate(name, math.log(count / len(names))) for name, count in counts.most_common(20)
        ]
        self._log = {name: math.log(count / len(names)) for name, count in counts.items()}
        self._unseen = -math.log(len(names) + 1)
        self.identity = Identity("most frequent name", "1", _fingerprint(names), False)

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """The same `k` names each time."""
        return [self._names[:k] for _ in questions]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log of each name's share."""
        return [self._log.get(name, self._unseen) for name in names]

    def close(self) -> None:
        """Nothing is held."""


class NearestNeighbour:
    """Answers with the names of the functions that share most rare words (TF-IDF, cosine)."""

    def __init__(self, texts: Sequence[str], names: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer: Any = TfidfVectorizer(
            tokenizer=_WORD.findall, token_pattern=None, sublinear_tf=True, min_df=2
        )
        self._known = self._vectorizer.fit_transform(texts)
        self._names = list(names)
        self.identity = Identity("nearest neighbour (TF-IDF)", "1", _fingerprint(names), False)

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Names by the similarity of their nearest function, as shares of all similarities."""
        return [
            [Candidate(name, math.log(weight)) for name, weight in list(found.items())[:k]]
            for found in self._found(questions)
        ]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log of the name's share among the neighbours; a small one for others."""
        return [
            math.log(found.get(name, 1e-6))
            for found, name in zip(self._found(questions), names, strict=True)
        ]

    def close(self) -> None:
        """Nothing is held."""

    def _found(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        similarities = self._vectorizer.transform([q.text for q in questions]) @ self._known.T
        answers: list[dict[str, float]] = []
        for row in range(len(questions)):
            line = similarities.getrow(row)
            order = line.data.argsort()[::-1][:_NEIGHBOURS]
            best: dict[str, float] = {}
            for place in order:
                best.setdefault(self._names[line.indices[place]], float(line.data[place]))
            total = sum(best.values())
            answers.append({name: weight / total for name, weight in best.items()} if total else {})
        return answers


def most_frequent(corpus: Path) -> NamePredictor:
    """The most frequent names of a corpus."""
    return MostFrequent([row["name"] for row in sample(read_rows(corpus, "train"), _KNOWN, 1)])


def nearest_neighbour(corpus: Path) -> NamePredictor:
    """The neighbours among a sample of 50,000 functions of a corpus."""
    rows = sample(read_rows(corpus, "train"), _KNOWN, 1)
    return NearestNeighbour([row["question_text"] for row in rows], [row["name"] for row in rows])


def _fingerprint(names: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()
