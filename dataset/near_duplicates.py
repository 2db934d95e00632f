"""Near-duplicates by MinHash over token shingles, across a corpus and against evaluation sets.

The signatures, buckets and clusters are datatrove's; this module feeds them parts and reads back
which rows must go.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dataset.deduplicate import EvaluationSet
from dataset.engines import Engine
from dataset.errors import DatasetError
from dataset.parts import Part
from dataset.storage import read_tables

NEAR_DUPLICATE = "near-duplicate"
NEAR_LEAK = "near an evaluation set"
_TOKEN = re.compile(r"\w+|[^\w\s]")
# The number of tasks follows the rows alone: the clusters do not depend on the workers.
_TASKS = 8
_ROWS_OF_A_TASK = 250_000


@dataclass(frozen=True, slots=True)
class NearOptions:
    """Shingles of `n_grams` tokens; two functions meet if one of the buckets' hashes all agree.

    With 10 buckets of 10 hashes, half of the pairs at a Jaccard similarity of 0.76 are found, and
    89% of those at 0.85.
    """

    n_grams: int = 5
    buckets: int = 10
    hashes: int = 10


@dataclass(frozen=True, slots=True)
class NearFound:
    """How many rows went: near a row that stays, near any evaluation set, near each of them."""

    duplicates: int
    leaked: int
    leaks: Mapping[str, int]


def find_near_duplicates(
    parts: Sequence[Part],
    keep: Sequence[bytearray],
    evaluation: Sequence[EvaluationSet],
    options: NearOptions,
    folder: Path,
    engine: Engine,
) -> NearFound:
    """Set `keep` to 0 for rows near an evaluation set or near a row kept; counts them.

    `folder` is scratch space. Raises DatasetError without datatrove.
    """
    _require_datatrove()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shares = _shares(parts, keep)
    # The evaluation sets are signed like the corpus, after it, and fall into the same clusters.
    known = [_Known(each.texts) for each in evaluation]
    sign = partial(_sign, [*shares, *known], options, folder)
    engine(sign, len(shares) + len(known), _ignore)
    engine(partial(_bucket, options, folder), options.buckets, _ignore)
    engine(partial(_cluster, options, folder), 1, _ignore)
    names = [each.name for each in evaluation]
    return _apply(folder, shares, keep, names)


@dataclass(frozen=True, slots=True)
class _Share:
    """Some of the parts, for one task; `start` is the place of the first among all."""

    start: int
    paths: tuple[Path, ...]
    masks: tuple[bytes, ...]

    def texts(self) -> Iterator[str]:
        """The question texts of the kept rows, in their order."""
        for path, mask in zip(self.paths, self.masks, strict=True):
            row = 0
            for table in read_tables(path, ["question_text"]):
                for text in table.column("question_text").to_pylist():
                    if mask[row]:
                        yield str(text)
                    row += 1

    def places(self) -> Iterator[tuple[int, int]]:
        """(part, row) of the kept rows, in the same order."""
        for number, mask in enumerate(self.masks, self.start):
            for row, kept in enumerate(mask):
                if kept:
                    yield number, row


@dataclass(frozen=True, slots=True)
class _Known:
    """The questions of an evaluation set, for one task."""

    questions: tuple[str, ...]

    def texts(self) -> Iterator[str]:
        return iter(self.questions)


def _shares(parts: Sequence[Part], keep: Sequence[bytearray]) -> list[_Share]:
    """About equal shares of consecutive parts, none of them without rows."""
    total = sum(sum(mask) for mask in keep)
    size = min(total / _TASKS, _ROWS_OF_A_TASK)
    shares: list[_Share] = []
    start = rows = 0
    for index, mask in enumerate(keep, 1):
        rows += sum(mask)
        last = index == len(keep)
        if rows and (last or rows >= size):
            paths = tuple(part.path for part in parts[start:index])
            shares.append(_Share(start, paths, tuple(map(bytes, keep[start:index]))))
            start, rows = index, 0
    return shares


def _sign(jobs: Sequence[_Share | _Known], options: NearOptions, folder: Path, rank: int) -> None:
    _quiet()
    data: Any = import_module("datatrove.data")
    tokenizers: Any = import_module("datatrove.utils.word_tokenizers")

    class Tokens(tokenizers.WordTokenizer):
        """Words and signs of code; datatrove's default asks for a language model."""

        def word_tokenize(self, text: str) -> list[str]:
            tokens = _TOKEN.findall(text)
            # A function shorter than a shingle still needs one, or it would match nothing.
            return tokens + [""] * (options.n_grams - len(tokens))

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    documents = (
        data.Document(text=text, id=str(number)) for number, text in enumerate(jobs[rank].texts())
    )
    target = str(folder / "signatures")
    step = _dedup().MinhashDedupSignature(target, config=_config(options), language=Tokens())
    step.run(documents, rank, len(jobs))


def _bucket(options: NearOptions, folder: Path, rank: int) -> None:
    _quiet()
    _dedup().MinhashDedupBuckets(
        str(folder / "signatures"),
        str(folder / "pairs"),
        config=_config(options),
        lines_to_buffer=10_000,
    ).run(None, rank, options.buckets)


def _cluster(options: NearOptions, folder: Path, _rank: int) -> None:
    _quiet()
    _dedup().MinhashDedupCluster(
        str(folder / "pairs"),
        str(folder / "clusters"),
        config=_config(options),
        save_cluster_id=True,
        lines_to_buffer=10_000,
    ).run(None, 0, 1)


def _dedup() -> Any:
    return import_module("datatrove.pipeline.dedup.minhash")


def _config(options: NearOptions) -> Any:
    normal: Any = import_module("datatrove.utils.text")
    plain = normal.TextNormConfig(
        lowercase=False,
        norm_whitespace=False,
        remove_punctuation=False,
        norm_unicode_diacritics=False,
        norm_numbers=False,
    )
    return _dedup().MinhashConfig(
        n_grams=options.n_grams,
        num_buckets=options.buckets,
        hashes_per_bucket=options.hashes,
        norm_config=plain,
    )


def _apply(
    folder: Path, shares: Sequence[_Share], keep: Sequence[bytearray], names: Sequence[str]
) -> NearFound:
    """Clear all rows of a cluster but its first, and all of those with an evaluation set."""
    leaked: dict[int, set[str]] = defaultdict(set)
    for rank, name in enumerate(names, len(shares)):
        for _, cluster in _clusters(folder, rank):
            leaked[cluster].add(name)
    counts: Counter[str] = Counter()
    leaks: Counter[str] = Counter(dict.fromkeys(names, 0))
    seen: set[int] = set()
    for rank, share in enumerate(shares):
        clusters = dict(_clusters(folder, rank))
        if not clusters:
            continue
        for document, (part, row) in enumerate(share.places()):
            cluster = clusters.get(document)
            if cluster is None:
                continue
            if cluster in leaked:
                counts[NEAR_LEAK] += 1
                leaks.update(leaked[cluster])
            elif cluster in seen:
                counts[NEAR_DUPLICATE] += 1
            else:
                seen.add(cluster)
                continue
            keep[part][row] = 0
    return NearFound(counts[NEAR_DUPLICATE], counts[NEAR_LEAK], leaks)


def _clusters(folder: Path, rank: int) -> Iterator[tuple[int, int]]:
    """(document, cluster) of those of a task that are near any other."""
    path = folder / "clusters" / f"{rank:06d}.clusters"
    if path.exists():
        yield from struct.iter_unpack("<II", path.read_bytes())


def _quiet() -> None:
    """datatrove reports each step on stderr, over our progress bar."""
    os.environ["TQDM_DISABLE"] = "1"
    import_module("loguru").logger.disable("datatrove")


def _require_datatrove() -> None:
    if find_spec("datatrove") is None:
        raise DatasetError("near-duplicates need datatrove; pip install 'namewright[data]'")


def _ignore(_rank: int) -> None:
    return
