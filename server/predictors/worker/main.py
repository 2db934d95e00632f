"""The process that holds the model: loads it, answers one request at a time, ends with its server.

A thread reads what the server says, so that a request can be stopped on the way. Standard output
belongs to the protocol; whatever a library prints goes to standard error.
"""

# The libraries here type their results only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import os
import sys
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, BinaryIO, cast

from server.errors import NamewrightError
from server.predictors.worker import protocol
from server.predictors.worker.protocol import (
    Ask,
    Failed,
    Load,
    Names,
    Progress,
    Ready,
    Refused,
    Score,
    Scores,
    Stop,
    Stopped,
)

if TYPE_CHECKING:
    from server.predictors.worker.loading import Mode
    from server.predictors.worker.model import Model


def main() -> int:
    """Serve until the server closes its end."""
    output = _take_stdout()
    worker = _Worker(sys.stdin.buffer, output)
    return worker.run()


def _take_stdout() -> BinaryIO:
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return own


class _Worker:
    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source = source
        self._target = target
        self._writing = Lock()
        self._requests: SimpleQueue[protocol.Message] = SimpleQueue()
        self._stopped: set[int] = set()

    def run(self) -> int:
        Thread(target=self._listen, name="namewright-pipe", daemon=True).start()
        first = self._requests.get()
        if not isinstance(first, Load):
            return 2
        model = self._load(first)
        if model is None:
            return 1
        while True:
            request = self._requests.get()
            if isinstance(request, (Ask, Score)):
                self._say(self._answer(model, request))

    def _listen(self) -> None:
        """Until the server is gone; then this process is of no use, whatever it is doing."""
        try:
            while (message := protocol.read(self._source)) is not None:
                if isinstance(message, Stop):
                    self._stopped.add(message.number)
                else:
                    self._requests.put(message)
        finally:
            os._exit(0)

    def _say(self, message: protocol.Message) -> None:
        with self._writing:
            try:
                protocol.write(self._target, message)
            except OSError:
                os._exit(0)

    def _load(self, wanted: Load) -> Model | None:
        try:
            from server.predictors.worker.model import Wanted, describe, load_model

            form = cast("Mode", wanted.mode)
            model = load_model(
                Wanted(wanted.model, wanted.adapter, form, wanted.device),
                lambda what, share: self._say(Progress(what, share)),
                beams=wanted.beams,
            )
            self._say(Ready(describe(model)))
            return model
        except NamewrightError as error:
            from server.predictors.worker.model import NoRoom

            self._say(Failed(str(error), not isinstance(error, NoRoom)))
        except ImportError as error:
            self._say(
                Failed(f"{error.name or error} is not installed; install namewright[gpu]", True)
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            self._say(
                Failed(f"the model cannot be loaded ({type(error).__name__}: {reason})", False)
            )
        return None

    def _answer(self, model: Model, request: Ask | Score) -> protocol.Message:
        from server.predictors.worker.engine import Stopped as GivenUp
        from server.predictors.worker.model import out_of_memory

        number = request.number
        try:
            return model.with_less_memory(lambda: self._answered(model, request))
        except GivenUp:
            return Stopped(number)
        except NamewrightError as error:
            return Refused(number, str(error), False)
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            short = out_of_memory(error)
            return Refused(number, f"{type(error).__name__}: {reason}", short)
        finally:
            self._stopped.discard(number)

    def _answered(self, model: Model, request: Ask | Score) -> protocol.Message:
        if isinstance(request, Score):
            return Scores(request.number, model.score(request.texts, request.names))
        number = request.number
        found, scores = model.judge(
            request.texts,
            request.prefixes,
            request.k,
            request.present,
            lambda: number in self._stopped,
        )
        rows = [[(one.name, one.log_probability) for one in names] for names in found]
        return Names(number, rows, scores)
