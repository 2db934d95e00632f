"""Many editors ask one engine: how long does a person wait, and how many answers fail?

python -m benchmarks.load                                   # a tiny model under transformers serve
python -m benchmarks.load --endpoint URL --model NAME --editors 10 50 200 --per-minute 6

Each editor is a predictor of its own, as in the server, and asks a new question at random moments,
`--per-minute` on average. The table comes last. The tiny model's figures are those of the engine's
and the client's own work, not of a model that anybody would use.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from dataset.question import Question
from server.errors import NamewrightError
from server.predictors.openai import load_openai
from server.settings import Settings

_CANDIDATES = 6
_BODY = "def x(self, text):\n    headers = text.splitlines()[{n}:]\n    return headers + [{n}]\n"


@dataclass(frozen=True)
class Load:
    """What one number of editors saw; milliseconds."""

    editors: int
    asked: int
    failed: int
    p50: float
    p95: float
    per_minute: float


def main() -> None:
    """Measure each number of editors and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--editors", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--per-minute", type=float, default=6.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with ExitStack() as stack:
        endpoint, model, name = options.endpoint, options.model, options.model or "the first listed"
        if not endpoint:
            endpoint, model = _tiny(stack)
            name = "a tiny random Llama under transformers serve, on the CPU"
        settings = Settings(endpoint=endpoint, model=model, openai_timeout_seconds=30)
        _ask(settings, 1, 600.0, 2.0)  # the engine warms up
        rows = [
            _ask(settings, editors, options.per_minute, options.seconds)
            for editors in options.editors
        ]
    print(f"\nengine: {name}; {platform.machine()}, {options.per_minute:g} questions a minute each")
    print("| editors | questions | failed | p50 ms | p95 ms | answered a minute |")
    print("|---|---|---|---|---|---|")
    for one in rows:
        print(
            f"| {one.editors} | {one.asked} | {one.failed} | {one.p50:.0f} | {one.p95:.0f}"
            f" | {one.per_minute:.0f} |"
        )


def _tiny(stack: ExitStack) -> tuple[str, str]:
    from tests.real_engine import transformers_serve
    from tests.tiny_llama import write_tiny_llama

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
    write_tiny_llama(folder)
    return stack.enter_context(transformers_serve(folder)), str(folder)


def _ask(settings: Settings, editors: int, per_minute: float, seconds: float) -> Load:
    end = time.monotonic() + seconds
    started = time.monotonic()
    with ThreadPoolExecutor(editors) as pool:
        parts = list(pool.map(lambda seed: _edit(settings, seed, per_minute, end), range(editors)))
    took = time.monotonic() - started
    waits = sorted(wait for waits, _ in parts for wait in waits)
    failed = sum(count for _, count in parts)
    if not waits:
        sys.exit(f"load: {failed} questions failed and none was answered; see `namewright check`")
    return Load(
        editors,
        len(waits) + failed,
        failed,
        waits[len(waits) // 2],
        waits[int(0.95 * (len(waits) - 1))],
        60 * len(waits) / took,
    )


def _edit(settings: Settings, seed: int, per_minute: float, end: float) -> tuple[list[float], int]:
    """One editor until `end`: how long it waited for each answer, and how many it did not get."""
    chance, predictor = random.Random(seed), load_openai(settings)
    waits: list[float] = []
    failed = 0
    number = seed * 1_000_000
    while True:
        pause = chance.expovariate(per_minute / 60)
        if time.monotonic() + pause >= end:
            break
        time.sleep(pause)
        number += 1
        began = time.perf_counter()
        try:
            predictor.predict([Question(_BODY.format(n=number), prefix="")], _CANDIDATES)
            waits.append(1000 * (time.perf_counter() - began))
        except NamewrightError as error:
            failed += 1
            print(f"editor {seed}: {error}", file=sys.stderr)
    predictor.close()
    return waits, failed


if __name__ == "__main__":
    main()
