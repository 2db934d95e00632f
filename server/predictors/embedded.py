"""The predictor that everybody has: a small int8 decoder on the processor, run by CTranslate2."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from tokenizers import Tokenizer

from dataset.question import Question
from server.predictors.base import Cancelled, Candidate, Identity, NamePredictor, StopFlag
from server.predictors.embedded_prompt import (
    END,
    MAX_NAME_TOKENS,
    Vocabulary,
    answer_name,
    answer_text,
    encode,
)
from server.predictors.memory import share_heaps
from server.predictors.weights import SHIPPED, Calibration, Weights, WeightsError, open_weights

_BATCH = 8
_SCORE_BATCH = 8
_BEAMS = 5
_UNDERSCORE = "_"


def load_embedded(weights_dir: Path | None = None, threads: int = 0) -> NamePredictor:
    """Load the shipped model, or another folder's; `threads` 0 takes what the machine has, up to 4.

    Raises WeightsError when the weights are missing, damaged or foreign.
    """
    weights = open_weights(weights_dir or SHIPPED)
    import ctranslate2

    share_heaps()
    try:
        tokenizer = Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
        generator = ctranslate2.Generator(
            str(weights.folder),
            device="cpu",
            compute_type="int8",
            inter_threads=1,
            intra_threads=threads or min(4, os.cpu_count() or 1),
        )
        vocabulary = Vocabulary.of(tokenizer)
    except (RuntimeError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise WeightsError(f"{weights.folder}: cannot be loaded ({reason}); reinstall") from error
    except KeyError as error:
        raise WeightsError(
            f"{weights.folder}: the tokenizer lacks {error}; it belongs to another model"
        ) from error
    return EmbeddedPredictor(generator, tokenizer, vocabulary, weights)


class EmbeddedPredictor:
    """Searches names with beams; grouped-query attention keeps the beams' caches small."""

    def __init__(
        self, generator: Any, tokenizer: Tokenizer, vocabulary: Vocabulary, weights: Weights
    ) -> None:
        self._generator = generator
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._calibration = weights.calibration
        self._identity = Identity("embedded", weights.version, weights.fingerprint, True)

    @property
    def identity(self) -> Identity:
        """Which weights these are."""
        return self._identity

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        """Up to `k` candidates for each question, best first; raises Cancelled when stopped."""
        answers: dict[int, list[Candidate]] = {}
        # Questions whose underscores are known are searched without that first token.
        for known in (True, False):
            chosen = [i for i, q in enumerate(questions) if (q.prefix is not None) == known]
            for start in range(0, len(chosen), _BATCH):
                if stop is not None and stop.is_set():
                    raise Cancelled("the prediction was stopped")
                part = chosen[start : start + _BATCH]
                found = self._search([questions[i] for i in part], k, known)
                answers.update(zip(part, found, strict=True))
        return [answers[index] for index in range(len(questions))]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        """The log-probability of each question's present name."""
        sequences: list[list[str]] = []
        prompts: list[int] = []
        for question, name in zip(questions, names, strict=True):
            prompt = self._prompt(question)
            answer = self._tokenizer.encode(answer_text(name), add_special_tokens=False).tokens
            known = len(question.prefix or "")
            sequences.append([*prompt, *answer, END])
            prompts.append(len(prompt) + known)
        results = self._generator.score_batch(sequences, max_batch_size=_SCORE_BATCH)
        scores: list[float] = []
        for result, prompt in zip(results, prompts, strict=True):
            log_probabilities = cast("list[float]", result.log_probs)
            scores.append(self._calibrated(sum(log_probabilities[prompt - 1 :])))
        return scores

    def close(self) -> None:
        """Drop the weights from memory."""
        self._generator.unload_model()

    def _prompt(self, question: Question) -> list[str]:
        ids = encode(question, self._tokenizer, self._vocabulary)
        return [cast("str", self._tokenizer.id_to_token(token)) for token in ids]

    def _search(self, questions: Sequence[Question], k: int, known: bool) -> list[list[Candidate]]:
        prompts = [
            [*self._prompt(question), *(_UNDERSCORE for _ in question.prefix or "")]
            for question in questions
        ]
        # One call for each question: a batch of unequal prompts would read the rest of the longer
        # ones a token at a time.
        pending = [
            self._generator.generate_batch(
                [prompt],
                asynchronous=True,
                max_length=MAX_NAME_TOKENS,
                beam_size=max(_BEAMS, k),
                num_hypotheses=k,
                length_penalty=0,
                return_scores=True,
                include_prompt_in_result=False,
                end_token=END,
                suppress_sequences=[[_UNDERSCORE]] if known else None,
            )[0]
            for prompt in prompts
        ]
        results = [answer.result() for answer in pending]
        return [
            self._candidates(result.sequences, result.scores, question.prefix or "", k)
            for result, question in zip(results, questions, strict=True)
        ]

    def _candidates(
        self, sequences: list[list[str]], scores: list[float], prefix: str, k: int
    ) -> list[Candidate]:
        found: dict[str, Candidate] = {}
        for tokens, score in zip(sequences, scores, strict=True):
            name = prefix + answer_name(tokens)
            if name.isidentifier() and name.strip("_"):
                candidate = Candidate(name, self._calibrated(score))
                if name not in found or found[name].log_probability < candidate.log_probability:
                    found[name] = candidate
        return sorted(found.values(), key=lambda c: -c.log_probability)[:k]

    def _calibrated(self, log_probability: float) -> float:
        if self._calibration is None:
            return log_probability
        return _log_sigmoid(log_probability, self._calibration)


def _log_sigmoid(log_probability: float, calibration: Calibration) -> float:
    value = calibration.slope * log_probability + calibration.intercept
    return -math.log1p(math.exp(-value)) if value > -30 else value
