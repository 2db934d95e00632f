"""The predictor that everybody has: a small int8 decoder on the processor, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from tokenizers import Tokenizer

from dataset.question import Question
from server.predictors.base import Cancelled, Candidate, Identity, NamePredictor, StopFlag
from server.predictors.beam_search import Found, search
from server.predictors.embedded_network import Cache, Floats, Network
from server.predictors.embedded_prompt import (
    MAX_NAME_TOKENS,
    Vocabulary,
    answer_name,
    answer_text,
    encode,
)
from server.predictors.weights import SHIPPED, Weights, WeightsError, open_weights

_BEAMS = 5
_UNDERSCORE = "_"


def load_embedded(weights_dir: Path | None = None, threads: int = 0) -> NamePredictor:
    """Load the shipped model, or another folder's; `threads` 0 takes what the machine has, up to 4.

    Raises WeightsError when the weights are missing, damaged or foreign.
    """
    weights = open_weights(weights_dir or SHIPPED)
    try:
        tokenizer = Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
        network = Network(weights.folder, threads)
        vocabulary = Vocabulary.of(tokenizer)
    except KeyError as error:
        raise WeightsError(
            f"{weights.folder}: the tokenizer lacks {error}; it belongs to another model"
        ) from error
    except Exception as error:  # the libraries raise kinds of their own, derived from nothing else
        reason = str(error).strip().split("\n")[0]
        raise WeightsError(f"{weights.folder}: cannot be loaded ({reason}); reinstall") from error
    return EmbeddedPredictor(network, tokenizer, vocabulary, weights)


class EmbeddedPredictor:
    """Searches names with beams that share what was read of the function."""

    def __init__(
        self, network: Network, tokenizer: Tokenizer, vocabulary: Vocabulary, weights: Weights
    ) -> None:
        self._network: Network | None = network
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._underscore = cast("int", tokenizer.token_to_id(_UNDERSCORE))
        self._calibration = weights.calibration
        self._identity = Identity("embedded", weights.version, weights.fingerprint, True)
        # A function's names and its present name are asked for one after the other.
        self._last: tuple[list[int], Floats, Cache] | None = None

    @property
    def identity(self) -> Identity:
        """Which weights these are."""
        return self._identity

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Up to `k` candidates for each question, best first; raises Cancelled when stopped."""
        answers: list[list[Candidate]] = []
        for question in questions:
            if stop is not None and stop.is_set():
                raise Cancelled("the prediction was stopped")
            answers.append(self._search(question, k, stop))
        return answers

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log-probability of each question's present name."""
        return [self._score(one, name) for one, name in zip(questions, names, strict=True)]

    def close(self) -> None:
        """Drop the weights from memory."""
        self._network = self._last = None

    def _read(self, question: Question) -> tuple[Network, Floats, Cache]:
        """What follows the question's prompt and its known underscores, and their cache."""
        network = self._network
        if network is None:
            raise Cancelled("the predictor was closed")
        prompt = encode(question, self._tokenizer, self._vocabulary)
        # Underscores that are known belong to the prompt; the answer begins after them.
        prompt += [self._underscore] * len(question.prefix or "")
        if self._last is None or self._last[0] != prompt:
            self._last = (prompt, *network.read(prompt))
        return network, self._last[1], self._last[2]

    def _search(self, question: Question, k: int, stop: StopFlag | None) -> list[Candidate]:
        network, first, prompt = self._read(question)
        if question.prefix is not None:
            first = _without(first, self._underscore)
        found = search(
            network,
            first,
            prompt,
            end=self._vocabulary.end,
            beams=max(_BEAMS, k),
            count=k,
            longest=MAX_NAME_TOKENS,
            stop=stop,
        )
        return self._candidates(found, question.prefix or "", k)

    def _score(self, question: Question, name: str) -> float:
        network, first, prompt = self._read(question)
        answer = self._tokenizer.encode(answer_text(name), add_special_tokens=False).ids
        tokens = [*answer[len(question.prefix or "") :], self._vocabulary.end]
        # A rare word may begin with an underscore of its own; it is not one of the name's.
        if question.prefix is not None and tokens[0] != self._underscore:
            first = _without(first, self._underscore)
        read = np.array(tokens[:-1], np.int64)
        steps, _ = network.go_on(prompt, read, np.tri(len(read), dtype=np.bool_))
        rest = steps[np.arange(len(tokens) - 1), tokens[1:]]
        return self._calibrated(float(first[tokens[0]] + rest.sum()))

    def _candidates(self, answers: Sequence[Found], prefix: str, k: int) -> list[Candidate]:
        found: dict[str, Candidate] = {}
        for tokens, score in answers:
            spelt = [cast("str", self._tokenizer.id_to_token(token)) for token in tokens]
            name = prefix + answer_name(spelt)
            if name.isidentifier() and name.strip("_"):
                candidate = Candidate(name, self._calibrated(score))
                if name not in found or found[name].log_probability < candidate.log_probability:
                    found[name] = candidate
        return sorted(found.values(), key=lambda c: -c.log_probability)[:k]

    def _calibrated(self, log_probability: float) -> float:
        if self._calibration is None:
            return log_probability
        return self._calibration.chance(log_probability)


def _without(log_probabilities: Floats, token: int) -> Floats:
    """The distribution given that it is not `token`: all the underscores are known."""
    rest = log_probabilities - np.log1p(-np.exp(log_probabilities[token]))
    rest[token] = -np.inf
    return rest
