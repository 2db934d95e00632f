"""The search for names, on a small network whose every answer can be counted out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.predictors.base import Cancelled, StopFlag
from server.predictors.beam_search import Found, search
from server.predictors.embedded_network import Booleans, Cache, Floats, Integers

VOCABULARY, END, LONGEST = 5, 0, 4


def log_softmax(values: Floats) -> Floats:
    values = values - values.max(-1, keepdims=True)
    return values - np.log(np.exp(values).sum(-1, keepdims=True))


class Table:
    """A network that knows of each token the ones it sees: the branch that it goes on."""

    def __init__(self, seed: int, sharpness: float) -> None:
        self.seed, self.sharpness = seed, sharpness
        self.prompt = Cache((), prompt=3, own=0)
        self.read: dict[int, list[int]] = {id(self.prompt): []}
        self.caches = [self.prompt]
        self.widths: list[int] = []

    def after(self, tokens: tuple[int, ...]) -> Floats:
        random = np.random.default_rng([self.seed, *tokens])
        return log_softmax((random.standard_normal(VOCABULARY) * self.sharpness).astype(np.float32))

    def go_on(self, cache: Cache, tokens: Integers, seen: Booleans) -> tuple[Floats, Cache]:
        self.widths.append(len(tokens))
        read = [*self.read[id(cache)], *map(int, tokens)]
        assert seen.shape == (len(tokens), len(read))
        assert cache.prompt == 3
        after = Cache((), cache.prompt, len(read))
        self.read[id(after)] = read
        self.caches.append(after)  # keeps its id from being given again
        branches = [tuple(read[place] for place in np.flatnonzero(row)) for row in seen]
        assert all(branch[-1] == token for branch, token in zip(branches, tokens, strict=True))
        return np.stack([self.after(branch) for branch in branches]), after


def find(table: Table, beams: int, count: int, stop: StopFlag | None = None) -> list[Found]:
    return search(
        table, table.after(()), table.prompt,
        end=END, beams=beams, count=count, longest=LONGEST, stop=stop,
    )  # fmt: skip


def all_answers(table: Table) -> list[Found]:
    answers: list[Found] = []
    for length in range(1, LONGEST):
        for tokens in product(range(1, VOCABULARY), repeat=length):
            ended = (*tokens, END)
            total = sum(float(table.after(ended[:i])[token]) for i, token in enumerate(ended))
            answers.append((tokens, total))
    return sorted(answers, key=lambda answer: -answer[1])


@given(st.integers(0, 10_000), st.floats(0.1, 4), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_wide_search_finds_the_best_answers(seed: int, sharpness: float, count: int) -> None:
    table = Table(seed, sharpness)
    found = find(table, beams=4**LONGEST, count=count)
    expected = all_answers(table)[:count]
    assert [tokens for tokens, _ in found] == [tokens for tokens, _ in expected]
    np.testing.assert_allclose(
        [total for _, total in found], [total for _, total in expected], atol=1e-4
    )


@given(st.integers(0, 10_000), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_narrow_search_scores_what_it_finds_truly(seed: int, beams: int) -> None:
    table = Table(seed, 1.5)
    known = dict(all_answers(table))
    found = find(table, beams, beams)
    assert found == sorted(found, key=lambda answer: -answer[1])
    assert len({tokens for tokens, _ in found}) == len(found) <= beams
    for tokens, total in found:
        assert total == pytest.approx(known[tokens], abs=1e-4)


def test_beams_that_cannot_win_any_more_are_not_read() -> None:
    table = Table(3, 8.0)
    find(table, beams=4, count=1)
    assert table.widths
    assert min(table.widths) < 4 or len(table.widths) < LONGEST - 1


def test_a_stopped_search_ends_between_two_steps() -> None:
    table, stop = Table(1, 1.0), StopFlag()
    stop.set()
    with pytest.raises(Cancelled):
        find(table, 3, 3, stop)
    assert not table.widths
