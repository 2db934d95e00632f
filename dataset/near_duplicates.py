"""Near-duplicates by MinHash over token shingles, across a corpus and against evaluation sets.

The signatures, buckets and clusters are datatrove's; this module feeds them parts and reads back
which rows must go.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dataset.deduplicate import EvaluationSet
from dataset.engines import Engine, Processes
from dataset.errors import DatasetError
from dataset.parts import Part
from dataset.storage import read_tables

NEAR_DUPLICATE = "near-duplicate"
NEAR_LEAK = "near an evaluation set"
_TOKEN = re.compile(r"\w+|[^\w\s]")
# A fixed number of tasks: the clusters, and so the corpus, do not depend on the workers.
_TASKS = 8
_FROM_INDEX = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class NearOptions:
    """Shingles of `n_grams` tokens; two functions meet if one of the buckets' hashes all agree.

    With 10 buckets of 10 hashes, half of the pairs at a Jaccard similarity of 0.76 are found, and
    89% of those at 0.85.
    """

    n_grams: int = 5
    buckets: int = 10
    hashes: int = 10


def find_near_duplicates(
    parts: Sequence[Part],
    keep: Sequence[bytearray],
    evaluation: Sequence[EvaluationSet],
    options: NearOptions,
    folder: Path,
    engine: Engine,
) -> dict[str, int]:
    """Set `keep` to 0 for rows near an evaluation set or near a row kept; counts by reason.

    `folder` is scratch space. Raises DatasetError without datatrove.
    """
    _require_datatrove()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "index").mkdir(parents=True)
    here = Processes(1)
    texts = [text for known in evaluation for text in known.texts]
    if texts:
        here(partial(_sign_texts, texts, options, folder / "known"), 1, _ignore)
        here(partial(_index, options, folder), options.buckets, _ignore)
    shares = _shares(parts, keep)
    engine(partial(_sign_parts, shares, options, folder / "signatures"), len(shares), _ignore)
    engine(partial(_bucket, options, folder, bool(texts)), options.buckets, _ignore)
    engine(partial(_cluster, options, folder), 1, _ignore)
    return _apply(folder, shares, keep)


@dataclass(frozen=True, slots=True)
class _Share:
    """Some of the parts, for one task; `start` is the place of the first among all."""

    start: int
    paths: tuple[Path, ...]
    masks: tuple[bytes, ...]


def _shares(parts: Sequence[Part], keep: Sequence[bytearray]) -> list[_Share]:
    """About equal shares of consecutive parts, none of them without rows."""
    total = sum(sum(mask) for mask in keep)
    shares: list[_Share] = []
    start = rows = 0
    for index, mask in enumerate(keep, 1):
        rows += sum(mask)
        last = index == len(keep)
        if rows and (last or rows >= total / _TASKS):
            paths = tuple(part.path for part in parts[start:index])
            shares.append(_Share(start, paths, tuple(map(bytes, keep[start:index]))))
            start, rows = index, 0
    return shares


def _share_texts(share: _Share) -> Iterator[tuple[int, int, str]]:
    """(part, row, question text) of the kept rows of a share."""
    for number, (path, mask) in enumerate(zip(share.paths, share.masks, strict=True), share.start):
        row = 0
        for table in read_tables(path, ["question_text"]):
            for text in table.column("question_text").to_pylist():
                if mask[row]:
                    yield number, row, str(text)
                row += 1


def _sign_texts(texts: Sequence[str], options: NearOptions, folder: Path, rank: int) -> None:
    _sign(iter(texts), options, folder, rank)


def _sign_parts(shares: Sequence[_Share], options: NearOptions, folder: Path, rank: int) -> None:
    _sign((text for _, _, text in _share_texts(shares[rank])), options, folder, rank)


def _sign(texts: Iterator[str], options: NearOptions, folder: Path, rank: int) -> None:
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

    documents = (data.Document(text=text, id=str(number)) for number, text in enumerate(texts))
    step = _dedup().MinhashDedupSignature(str(folder), config=_config(options), language=Tokens())
    step.run(documents, rank, _TASKS)


def _index(options: NearOptions, folder: Path, rank: int) -> None:
    """Turn the signatures of evaluation sets into an index for the corpus to be matched with."""
    _quiet()
    _dedup().MinhashDedupBuckets(
        str(folder / "known"),
        str(folder / "known-pairs"),
        index_folder=str(folder / "index"),
        config=_config(options),
        create_index_name="known",
    ).run(None, rank, options.buckets)


def _bucket(options: NearOptions, folder: Path, with_index: bool, rank: int) -> None:
    _quiet()
    _dedup().MinhashDedupBuckets(
        str(folder / "signatures"),
        str(folder / "pairs"),
        index_folder=str(folder / "index") if with_index else None,
        config=_config(options),
        only_dedup_in_index=False,
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


def _apply(folder: Path, shares: Sequence[_Share], keep: Sequence[bytearray]) -> dict[str, int]:
    """Clear all rows of a cluster but its first, and all of the evaluation sets' cluster."""
    known = dict(_read_pairs(folder / "clusters" / f"{_FROM_INDEX:06d}.clusters"))
    leaked = set(known.values())
    counts = {NEAR_DUPLICATE: 0, NEAR_LEAK: 0}
    seen: set[int] = set()
    for rank, share in enumerate(shares):
        clusters = dict(_read_pairs(folder / "clusters" / f"{rank:06d}.clusters"))
        if not clusters:
            continue
        for document, (part, row) in enumerate(_places(share)):
            cluster = clusters.get(document)
            if cluster is None:
                continue
            if cluster in leaked:
                counts[NEAR_LEAK] += 1
            elif cluster in seen:
                counts[NEAR_DUPLICATE] += 1
            else:
                seen.add(cluster)
                continue
            keep[part][row] = 0
    return counts


def _places(share: _Share) -> Iterator[tuple[int, int]]:
    for number, mask in enumerate(share.masks, share.start):
        for row, kept in enumerate(mask):
            if kept:
                yield number, row


def _read_pairs(path: Path) -> Iterator[tuple[int, int]]:
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
