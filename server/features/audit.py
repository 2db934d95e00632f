"""The command `namewright.audit`: the functions of a workspace whose names fit least.

The questions go through the session's queue one by one, so that a person who asks for names
meanwhile waits for one answer at most, and finds many of them known already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from dataset.question import bare
from server.auditing.misfits import Misfit, Subject, judge, subjects
from server.auditing.python_files import python_files
from server.errors import NamewrightError
from server.features.names import candidates_to_wire, name_range, options_of
from server.features.progress import Report, progress
from server.line_index import LineIndex
from server.locations import path_of, uri_of
from server.predictors.base import Cancelled
from server.predictors.cache import Answer
from server.predictors.queue import Job
from server.session import Session

AUDIT_COMMAND = "namewright.audit"
MIN_CONFIDENCE = 0.2
_BOM = b"\xef\xbb\xbf"
_ORIGIN = "namewright:audit"
# Work that waits for nobody gives way to a person's questions, and is then asked again.
_ATTEMPTS = 50
_PAUSE_SECONDS = 0.05
_NEEDS = 'the command takes {"uris": [uri, …], "minConfidence": from 0 to 1}'


async def audit(session: Session, argument: object) -> dict[str, object]:
    """Judge the functions below `uris`, or of the whole workspace; the worst come first.

    Shows progress, which can be cancelled; open files are judged as the editor shows them. Raises
    NamewrightError when a place does not exist or the predictor cannot answer.
    """
    paths, min_confidence = _options(argument)
    found: list[tuple[Misfit, Subject]] = []
    async with progress(session, "Auditing names", measured=True) as report:
        judged = await _subjects(session, paths or _everything(session))
        for number, subject in enumerate(judged):
            _tell(report, subject.path, number, len(judged))
            misfit = await judged_by_model(session, subject, _ORIGIN)
            if misfit is not None and misfit.confidence >= min_confidence:
                found.append((misfit, subject))
    found.sort(key=lambda one: (-one[0].confidence, str(one[0].path), one[0].line))
    functions = [_to_wire(session, misfit, subject) for misfit, subject in found]
    return {"checked": len(judged), "functions": functions}


async def judged_by_model(session: Session, subject: Subject, origin: str) -> Misfit | None:
    """Ask the model in the background whether another name fits better.

    Jobs of one `origin` supersede each other. Raises NamewrightError when there is no answer.
    """
    question, name = subject.question, subject.function.name
    if not session.settings.use_context:
        question = bare(question)
    for _ in range(_ATTEMPTS):
        answer = session.queue.cached(question, name)
        if answer is None:
            answer = await _asked(session, Job(question, name, origin, urgent=False))
        if answer is not None:
            return await session.analyse(partial(_judge, subject, answer))
        await asyncio.sleep(_PAUSE_SECONDS)
    raise Cancelled("other questions came first again and again; audit once more")


def _judge(subject: Subject, answer: Answer) -> Misfit | None:
    return judge(subject, answer.candidates, answer.present_log_probability)


async def _asked(session: Session, job: Job) -> Answer | None:
    try:
        return await asyncio.wrap_future(session.queue.submit(job))
    except Cancelled:
        return None


async def _subjects(session: Session, paths: Sequence[Path]) -> list[Subject]:
    opened = {one.path: one.source for one in session.documents if one.path is not None}
    judged: list[Subject] = []
    for path in await session.analyse(lambda: python_files(paths)):
        judged += await session.analyse(lambda path=path: list(_of_file(path, opened.get(path))))
    return judged


def _of_file(path: Path, text: bytes | None) -> Iterator[Subject]:
    """The functions of a file; one that cannot be read has none, as in an audit of folders."""
    from server.commands.opening import InputError, read_source

    if text is None:
        try:
            # Editors do not count a byte-order mark as text.
            text = read_source(path).removeprefix(_BOM)
        except InputError:
            return iter(())
    return subjects(path, text)


def _everything(session: Session) -> list[Path]:
    """The workspace's folders; without one, the open files."""
    return [*session.roots] or [one.path for one in session.documents if one.path is not None]


def _tell(report: Report, path: Path, number: int, of: int) -> None:
    if number % 10 == 0:
        report(f"{number} of {of} functions · {path.name}", 100 * number // of)


def _to_wire(session: Session, misfit: Misfit, subject: Subject) -> dict[str, object]:
    function = subject.function
    lines = LineIndex(function.source)
    return {
        "uri": uri_of(misfit.path),
        "range": name_range(lines, *function.name_span, session.profile.encoding),
        "name": misfit.name,
        "probability": misfit.probability,
        "suggestions": candidates_to_wire(misfit.suggestions),
    }


def _options(argument: object) -> tuple[list[Path], float]:
    options = options_of(argument)
    uris, least = options.get("uris"), options.get("minConfidence", MIN_CONFIDENCE)
    named = cast(list[object], uris) if isinstance(uris, list) else []
    if not (uris is None or isinstance(uris, list)) or isinstance(least, bool):
        raise NamewrightError(_NEEDS)
    if not isinstance(least, (int, float)) or not 0 <= least <= 1:
        raise NamewrightError(_NEEDS)
    paths: list[Path] = []
    for uri in named:
        path = path_of(uri) if isinstance(uri, str) else None
        if path is None:
            raise NamewrightError(f"{uri} is not on disk; audit files and folders that are")
        paths.append(path)
    return paths, float(least)
