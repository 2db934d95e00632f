"""Runs calls on a few daemon threads; whoever waits for them can give up at any moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import TypeVar

from server.errors import NamewrightError
from server.predictors.base import Cancelled, StopFlag
from server.predictors.engine.transport import Break, Broken, Deadline

_T = TypeVar("_T")
_LOOK_SECONDS = 0.02
# The calls keep to the deadline themselves; this is for one that hangs where none holds (DNS).
_GRACE_SECONDS = 0.5


def in_parallel(
    calls: Sequence[Callable[[], _T]],
    limit: int,
    deadline: Deadline,
    breaking: Break,
    stop: StopFlag | None,
) -> list[_T | NamewrightError]:
    """What each call returned or raised, at most `limit` of them at once.

    Raises Cancelled, after breaking the calls off, when `stop` is set meanwhile.
    """
    results: dict[int, _T | NamewrightError] = {}
    pending = list(range(len(calls)))[::-1]
    changed = Condition()

    def work() -> None:
        while True:
            with changed:
                if not pending or breaking.is_set:
                    return
                index = pending.pop()
            result = _result(calls[index])
            with changed:
                results[index] = result
                changed.notify()

    for number in range(min(limit, len(calls))):
        Thread(target=work, name=f"namewright-engine-{number}", daemon=True).start()
    grace = Deadline(deadline.left() + _GRACE_SECONDS)
    with changed:
        while len(results) < len(calls) and grace.left():
            if stop is not None and stop.is_set():
                breaking.now()
                raise Cancelled("the prediction was stopped")
            changed.wait(_LOOK_SECONDS)
        found = dict(results)
    if len(found) < len(calls):
        breaking.now()
    late = Broken(f"the engine gave no answer within {deadline.seconds:.0f} s")
    return [found.get(index, late) for index in range(len(calls))]


def _result(call: Callable[[], _T]) -> _T | NamewrightError:
    try:
        return call()
    except NamewrightError as error:
        return error
    except Exception as error:
        return Broken(f"the engine could not be asked ({type(error).__name__})")
