"""Finds the most probable answers to a prompt that is read once and shared by all beams."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from server.predictors.base import Cancelled, StopFlag
from server.predictors.embedded_network import Booleans, Cache, Floats, Integers

Found = tuple[tuple[int, ...], float]


class Branching(Protocol):
    """What the search asks of a network (`embedded_network.Network`)."""

    def go_on(self, cache: Cache, tokens: Integers, seen: Booleans) -> tuple[Floats, Cache]: ...


def search(
    network: Branching,
    first: Floats,
    prompt: Cache,
    *,
    end: int,
    beams: int,
    count: int,
    longest: int,
    stop: StopFlag | None = None,
) -> list[Found]:
    """Up to `count` answers of at most `longest` tokens, with log-probabilities, best first.

    `first` are the log-probabilities of the first token; an answer is over at `end`, which does
    not belong to it. Probabilities only fall, so the search is over when no beam can still reach
    the answers it has: what it returns is the best of all that the beams came past. Raises
    Cancelled between two steps when stopped.
    """
    answers: list[Found] = []
    beam_tokens: list[tuple[int, ...]] = [()]
    scores = np.zeros(1, np.float32)
    steps, cache = first[None], prompt
    # Which tokens after the prompt are whose: (beams, tokens read so far).
    seen = np.zeros((1, 0), np.bool_)
    for length in range(1, longest + 1):
        totals = scores[:, None] + steps
        if length > 1:  # no answer is empty
            answers += [
                (tokens, float(total))
                for tokens, total in zip(beam_tokens, totals[:, end], strict=True)
            ]
            answers = sorted(answers, key=lambda answer: -answer[1])[:count]
        totals[:, end] = -np.inf
        flat = totals.ravel()
        best = np.argpartition(flat, -min(beams, len(flat)))[-beams:]
        best = best[np.argsort(-flat[best])]
        bar = answers[-1][1] if len(answers) == count else -np.inf
        best = best[flat[best] > bar]
        if not len(best) or length == longest:
            break
        if stop is not None and stop.is_set():
            raise Cancelled("the prediction was stopped")
        origins, tokens = np.divmod(best, first.shape[0])
        beam_tokens = [
            (*beam_tokens[origin], int(token))
            for origin, token in zip(origins, tokens, strict=True)
        ]
        scores = flat[best]
        seen = np.concatenate((seen[origins], np.eye(len(best), dtype=np.bool_)), axis=1)
        steps, cache = network.go_on(cache, tokens, seen)
    return answers
