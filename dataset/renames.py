"""Finds functions whose name changed while the body stayed: a person's preference of two names.

Noise is left out by small rules, each counted: style tools, mass renames, tests, reverts, moves
that are not sure, and bodies too small to tell one function from another.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypedDict

from dataset.decoding import to_utf8
from dataset.extract import functions_with_siblings
from dataset.filters import MAX_FILE_BYTES, file_reason, function_reason, is_test, is_test_path
from dataset.functions import Function
from dataset.headers import has_foreign_copyleft
from dataset.history import Change
from dataset.names import sub_tokens
from dataset.question import ask, masked_text
from dataset.row import text_hash

MIN_SIMILARITY = 0.85
# A function that also changed its file must have kept nearly all of its text.
MIN_SIMILARITY_MOVED = 0.97
# Below it, another number of parameters tells of another task.
SAME_TASK = 0.97
MIN_TOKENS = 25
MASS_RENAME = 30
SAME_SUBSTITUTION = 3
_CANDIDATES = 60
_TOKEN = re.compile(r"\w+|[^\w\s]")
_GIVES_VALUE = re.compile(r"^\s*return\s+(?!None\b)\S|\byield\b", re.MULTILINE)


class Pair(TypedDict):
    """Two names for one question; `chosen` came later. `source` is the function as renamed."""

    question: str
    chosen: str
    rejected: str
    commit: str
    similarity: float
    repository: str
    licence: str
    date: str
    path: str
    line: int
    moved: bool
    file_stem: str
    class_name: str
    decorators: list[str]
    siblings: list[str]
    docstring: str
    source: str


@dataclass(frozen=True, slots=True)
class _Side:
    """A function on one side of a change."""

    function: Function
    siblings: tuple[str, ...]
    path: str
    text: str
    tokens: tuple[str, ...]


def find_pairs(
    changes: Iterable[Change],
    read: Callable[[str], bytes | None],
    repository: str,
    licence: str,
    counts: Counter[str],
) -> list[Pair]:
    """The clean rename pairs of a history (oldest first); what is left out is counted."""
    found: list[Pair] = []
    for change in changes:
        counts["commits"] += 1
        if not change.loses_and_gains:
            continue
        counts["commits with definitions lost and gained"] += 1
        pairs = list(_pairs_of(change, read, repository, licence, counts))
        found += _without_mass_renames(pairs, counts)
    return _without_reverts(found, counts)


def _pairs_of(
    change: Change,
    read: Callable[[str], bytes | None],
    repository: str,
    licence: str,
    counts: Counter[str],
) -> Iterator[Pair]:
    lost: list[_Side] = []
    gained: list[_Side] = []
    for file in change.files:
        if file_reason(file.path, b""):
            counts["file: vendored or generated"] += 1
            continue
        old_text, new_text = read(file.old_blob), read(file.new_blob)
        if new_text is not None and has_foreign_copyleft(new_text, licence):
            counts["file: copyleft header"] += 1
            continue
        before = _sides(old_text, file.path, file.removed)
        after = _sides(new_text, file.path, file.added)
        old_names = {_key(side) for side in before}
        new_names = {_key(side) for side in after}
        lost += [side for side in before if _key(side) not in new_names]
        gained += [side for side in after if _key(side) not in old_names]
    if len(lost) > _CANDIDATES * 5 or len(gained) > _CANDIDATES * 5:
        counts["commit too large"] += 1
        return
    gained_names = {side.function.name for side in gained}
    lost_names = {side.function.name for side in lost}
    for old, new, similarity in _matches(lost, gained):
        if old.function.name in gained_names or new.function.name in lost_names:
            counts["moved or swapped"] += 1
            continue
        reason = _noise(old, new, similarity)
        if reason:
            counts[reason] += 1
            continue
        yield _pair(change, old, new, similarity, repository, licence)


def _sides(data: bytes | None, path: str, names: set[str]) -> list[_Side]:
    """The functions of a file whose names are among those of the changed lines."""
    if data is None or not names or len(data) > MAX_FILE_BYTES:
        return []
    found: list[_Side] = []
    for function, siblings in functions_with_siblings(to_utf8(data)):
        if function.name in names:
            text = masked_text(function)
            found.append(_Side(function, siblings, path, text, tuple(_TOKEN.findall(text))))
    return found


def _key(side: _Side) -> tuple[tuple[str, ...], str]:
    return side.function.class_chain, side.function.name


def _matches(lost: list[_Side], gained: list[_Side]) -> Iterator[tuple[_Side, _Side, float]]:
    """Pairs that are each other's only best match, most similar first."""
    scores: list[tuple[float, int, int]] = []
    for i, old in enumerate(lost):
        for j, new in enumerate(gained):
            needed = MIN_SIMILARITY if old.path == new.path else MIN_SIMILARITY_MOVED
            score = _similarity(old, new, needed)
            if score >= needed:
                scores.append((score, i, j))
    best_old: dict[int, list[tuple[float, int]]] = defaultdict(list)
    best_new: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for score, i, j in scores:
        best_old[i].append((score, j))
        best_new[j].append((score, i))
    for score, i, j in sorted(scores, reverse=True):
        if _only_best(best_old[i], j) and _only_best(best_new[j], i):
            yield lost[i], gained[j], score


def _only_best(options: list[tuple[float, int]], chosen: int) -> bool:
    ordered = sorted(options, reverse=True)
    return ordered[0][1] == chosen and (len(ordered) == 1 or ordered[1][0] < ordered[0][0])


def _similarity(old: _Side, new: _Side, needed: float) -> float:
    """Of the token sequences, between 0 and 1; 0 where it cannot reach what is needed."""
    if old.text == new.text:
        return 1.0
    first, second = len(old.tokens), len(new.tokens)
    if 2 * min(first, second) < needed * (first + second):
        return 0.0
    shared = sum((Counter(old.tokens) & Counter(new.tokens)).values())
    if 2 * shared < needed * (first + second):
        return 0.0
    return SequenceMatcher(None, old.tokens, new.tokens, autojunk=False).ratio()


def _noise(old: _Side, new: _Side, similarity: float) -> str | None:
    """Why two matching functions are no preference between two names, or None.

    A function that takes or gives something else was often renamed because it does something
    else: the old name was no worse for what it named.
    """
    before, after = old.function.name, new.function.name
    if min(len(old.tokens), len(new.tokens)) < MIN_TOKENS:
        return "body too small"
    if old.function.is_nested != new.function.is_nested:
        return "taken out of a function or put into one"
    if is_test(old.function) or is_test(new.function) or is_test_path(new.path):
        return "test"
    if before.startswith("__") and before.endswith("__"):
        return "dunder"
    if sub_tokens(before) == sub_tokens(after):
        return "style only"
    if sorted("".join(sub_tokens(before))) == sorted("".join(sub_tokens(after))):
        return "style only"
    reason = function_reason(new.function)
    if reason:
        return f"new name: {reason}"
    if similarity < SAME_TASK and _arity(old) != _arity(new):
        return "another signature"
    if _gives_value(old) != _gives_value(new):
        return "another result"
    if re.search(rf"(?<!\w){re.escape(before)}(?!\w)", new.text):
        return "old name still in the body"
    return None


def _arity(side: _Side) -> int:
    return len([name for name in side.function.parameters if name not in ("self", "cls")])


def _gives_value(side: _Side) -> bool:
    return bool(_GIVES_VALUE.search(side.text))


def _pair(
    change: Change, old: _Side, new: _Side, similarity: float, repository: str, licence: str
) -> Pair:
    function = new.function
    question = ask(function, path=new.path, siblings=new.siblings)
    return {
        "question": question.text,
        "chosen": function.name,
        "rejected": old.function.name,
        "commit": change.commit,
        "similarity": round(similarity, 4),
        "repository": repository,
        "licence": licence,
        "date": change.date,
        "path": new.path,
        "line": function.line,
        "moved": old.path != new.path,
        "file_stem": question.context.file_stem,
        "class_name": ".".join(question.context.class_chain),
        "decorators": list(question.context.decorators),
        "siblings": list(question.context.siblings),
        "docstring": question.context.docstring,
        "source": function.text,
    }


def _without_mass_renames(pairs: list[Pair], counts: Counter[str]) -> list[Pair]:
    """One replaced word counts a few times only, and a commit of renames alone not at all."""
    if len(pairs) > MASS_RENAME:
        counts["mass rename"] += len(pairs)
        return []
    seen: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    kept: list[Pair] = []
    for pair in pairs:
        substitution = _substitution(pair["rejected"], pair["chosen"])
        seen[substitution] += 1
        if seen[substitution] > SAME_SUBSTITUTION:
            counts["same words replaced again"] += 1
        else:
            kept.append(pair)
    return kept


def _substitution(before: str, after: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that went and the words that came, in their order."""
    old, new = Counter(sub_tokens(before)), Counter(sub_tokens(after))
    return tuple(sorted((old - new).elements())), tuple(sorted((new - old).elements()))


def _without_reverts(pairs: list[Pair], counts: Counter[str]) -> list[Pair]:
    """Names that were changed back say nothing; the same rename again (a backport) counts once."""
    directions = {(pair["rejected"], pair["chosen"]) for pair in pairs}
    seen: set[tuple[str, str, str]] = set()
    kept: list[Pair] = []
    for pair in pairs:
        direction = pair["rejected"], pair["chosen"]
        key = (*direction, text_hash(pair["question"]))
        if direction[::-1] in directions:
            counts["reverted"] += 1
        elif key in seen:
            counts["the same rename again"] += 1
        else:
            seen.add(key)
            kept.append(pair)
    return kept
