"""Another predictor answers while the configured one cannot, and everybody can tell which."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.base import Candidate, Identity, NamePredictor, StopFlag, Unavailable
from server.predictors.cache import AnswerCache
from server.predictors.choose import load_lasting, load_predictor
from server.predictors.fallback import FallbackPredictor
from server.predictors.queue import Job, PredictionQueue
from server.predictors.status import Described, Observer, Reporting, Status
from server.predictors.together import batch_of, judge
from server.settings import Settings

QUESTION = Question("def x(text):\n    return text.splitlines()")


class One:
    """A predictor of one name that can be put out of order."""

    def __init__(self, name: str) -> None:
        self.identity = Identity(name, "1", f"print-of-{name}", understands_context=False)
        self.trouble: NamewrightError | None = None
        self.closed = False

    def predict(
        self, questions: Sequence[Question], k: int, stop: StopFlag | None = None
    ) -> list[list[Candidate]]:
        if self.trouble is not None:
            raise self.trouble
        return [[Candidate(f"{self.identity.name}_name", -0.1)] for _ in questions]

    def score(self, questions: Sequence[Question], names: Sequence[str]) -> list[float]:
        if self.trouble is not None:
            raise self.trouble
        return [-1.0 if self.identity.name == "first" else -2.0 for _ in questions]

    def close(self) -> None:
        self.closed = True


class Talking(One):
    """One that reports how it is."""

    observer: Observer | None = None

    def watch(self, observer: Observer) -> None:
        self.observer = observer

    def says(self, state: str, message: str = "") -> None:
        assert self.observer is not None
        self.observer.status(Status("first", state, message))  # type: ignore[arg-type]


class Heard:
    def __init__(self) -> None:
        self.states: list[tuple[str, str | None]] = []
        self.told: list[str] = []

    def status(self, status: Status) -> None:
        self.states.append((status.state, status.fallback))

    def tell(self, message: str) -> None:
        self.told.append(message)


def pair(first: One | None = None) -> tuple[One, One, FallbackPredictor, Heard]:
    first, second, heard = first or One("first"), One("second"), Heard()
    both = FallbackPredictor(first, "second", lambda: second)
    both.watch(heard)
    return first, second, both, heard


def name(predictor: NamePredictor) -> str:
    return predictor.predict([QUESTION], 5)[0][0].name


def test_the_configured_one_answers_while_it_can() -> None:
    _, _, both, heard = pair()
    assert name(both) == "first_name"
    assert both.identity.name == "first"
    assert heard.told == []


def test_the_other_answers_in_its_place_and_it_is_told_once() -> None:
    first, _, both, heard = pair()
    first.trouble = Unavailable("the engine is down")
    assert [name(both) for _ in range(3)] == ["second_name"] * 3
    assert both.identity.name == "second"
    assert both.score([QUESTION], ["x"]) == [-2.0]
    assert heard.told == ["the engine is down – meanwhile `second` answers"]


def test_it_recovers_and_tells_the_next_time_again() -> None:
    first, _, both, heard = pair()
    for reason in ("the engine is down", "the engine is silent"):
        first.trouble = Unavailable(reason)
        assert name(both) == "second_name"
        first.trouble = None
        assert name(both) == "first_name"
        assert both.identity.name == "first"
    assert [line.partition(" –")[0] for line in heard.told] == [
        "the engine is down",
        "the engine is silent",
    ]


def test_another_error_is_not_hidden() -> None:
    first, _, both, _ = pair()
    first.trouble = NamewrightError("this question cannot be asked")
    with pytest.raises(NamewrightError, match="cannot be asked"):
        name(both)


def test_a_score_that_cannot_be_had_falls_back_too() -> None:
    first, _, both, _ = pair()
    first.trouble = Unavailable("gone")
    assert both.score([QUESTION], ["x"]) == [-2.0]
    assert both.identity.name == "second"


def test_the_status_names_who_answers() -> None:
    first = Talking("first")
    _, _, both, heard = pair(first)
    first.says("ready")
    first.says("failed", "down")
    assert heard.states[-1] == ("failed", "second")
    assert heard.told == ["down – meanwhile `second` answers"]
    first.trouble = Unavailable("down")
    name(both)
    first.says("ready")
    first.trouble = None
    name(both)
    assert heard.states[-1] == ("ready", None)
    assert len(heard.told) == 1


def test_while_the_first_is_loading_nothing_is_wrong() -> None:
    first = Talking("first")
    _, _, both, heard = pair(first)
    first.says("loading")
    first.trouble = Unavailable("still loading")
    assert name(both) == "second_name"
    assert heard.told == []
    assert heard.states[-1] == ("loading", "second")


def test_both_are_closed() -> None:
    first, second, both, _ = pair()
    first.trouble = Unavailable("gone")
    name(both)
    both.close()
    assert first.closed
    assert second.closed


def test_the_cache_keeps_their_answers_apart() -> None:
    first, _, both, _ = pair()
    queue = PredictionQueue(lambda: both, AnswerCache(), 5)
    job = Job(QUESTION, "f", "file:///a.py", urgent=True)

    def asked() -> str:
        return queue.submit(job).result(20).candidates[0].name

    first.trouble = Unavailable("down")
    assert asked() == "second_name"
    first.trouble = None
    assert asked() == "first_name"
    known = queue.cached(QUESTION, "f")
    assert known is not None
    assert known.candidates[0].name == "first_name"
    first.trouble = Unavailable("down again")
    other = queue.submit(Job(Question("def x(): return 2"), "g", "file:///a.py", urgent=True))
    other.result(20)
    known = queue.cached(QUESTION, "f")
    assert known is not None
    assert known.candidates[0].name == "second_name"
    queue.close()


def test_a_set_up_that_makes_no_sense_is_refused_where_a_person_asked_for_it() -> None:
    for endpoint in ("", "http://192.0.2.1:8000", "gopher://x"):
        with pytest.raises(NamewrightError, match=r"endpoint|allowInsecure"):
            load_predictor("openai", Settings(endpoint=endpoint))


def test_an_editor_gets_names_in_spite_of_it() -> None:
    heard = Heard()
    both = load_lasting("openai", Settings(endpoint="http://192.0.2.1:8000"))
    assert isinstance(both, Reporting)
    both.watch(heard)
    assert heard.states == [("failed", "embedded")]
    assert "plain http" in heard.told[0]
    assert both.predict([QUESTION], 5)[0][0].name.isidentifier()
    assert both.identity.name == "embedded"
    assert len(heard.told) == 1
    both.close()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(endpoint="http://localhost:8000"), "only where `predictor` is `openai`"),
        (Settings(model="no/such-folder"), "no/such-folder"),
    ],
)
def test_auto_says_why_it_took_the_embedded_model(settings: Settings, told: str) -> None:
    messages: list[str] = []
    heard = Heard()
    heard.status = lambda status: messages.append(status.message)  # type: ignore[method-assign]
    predictor = load_lasting("auto", settings)
    assert predictor.identity.name == "embedded"
    assert isinstance(predictor, Reporting)
    predictor.watch(heard)
    assert told in messages[0]
    assert isinstance(predictor, Described)
    assert told in dict(predictor.facts())["chosen"]
    assert heard.told == []
    predictor.close()


class Batched(One):
    """One that answers many questions together."""

    batch = 256

    def judge(
        self, questions: Sequence[Question], names: Sequence[str], k: int
    ) -> tuple[list[list[Candidate]], list[float]]:
        return self.predict(questions, k), [-3.0 for _ in names]


def test_whoever_answers_says_how_many_questions_it_likes_at_once() -> None:
    first = Batched("first")
    _, second, both, _ = pair(first)
    assert batch_of(both) == 256
    found, scores = judge(both, [QUESTION], ["x"], 5)
    assert (found[0][0].name, scores) == ("first_name", [-3.0])
    first.trouble = Unavailable("gone")
    found, scores = judge(both, [QUESTION], ["x"], 5)
    assert (found[0][0].name, scores) == ("second_name", [-2.0])
    assert batch_of(both) == batch_of(second) < 256
    first.trouble = None
    assert judge(both, [QUESTION], ["x"], 5)[1] == [-3.0]
    assert batch_of(both) == 256
