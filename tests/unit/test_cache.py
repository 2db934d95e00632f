"""The cache of answers: bounded, and every part of its key counts."""

import pytest

from server.predictors.base import Candidate
from server.predictors.cache import Answer, AnswerCache, CacheKey

KEY = CacheKey("digest", "name", "model", 5)
ANSWER = Answer((Candidate("parse", -0.1),), -3.0)


def test_an_answer_keeps_the_score_of_the_present_name() -> None:
    cache = AnswerCache()
    cache.put(KEY, ANSWER)
    assert cache.get(KEY) == ANSWER


@pytest.mark.parametrize(
    "other",
    [
        KEY._replace(digest="other"),
        KEY._replace(name="other"),
        KEY._replace(fingerprint="other"),
        KEY._replace(k=6),
    ],
)
def test_every_part_of_the_key_counts(other: CacheKey) -> None:
    cache = AnswerCache()
    cache.put(KEY, ANSWER)
    assert cache.get(other) is None


def test_the_least_recently_used_answer_goes_first() -> None:
    cache = AnswerCache(capacity=2)
    first, second, third = (KEY._replace(digest=str(n)) for n in range(3))
    cache.put(first, ANSWER)
    cache.put(second, ANSWER)
    assert cache.get(first) is not None
    cache.put(third, ANSWER)
    assert len(cache) == 2
    assert cache.get(second) is None
    assert cache.get(first) is not None
