"""`python -m dataset sample`: functions to measure on, some from each repository of a manifest.

python -m dataset sample --manifest new.tsv --repositories DIR --per-repository 400 --out new.jsonl
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path

from dataset.errors import DatasetError
from dataset.extract import document_reason, kept_functions
from dataset.filters import is_test, is_test_path
from dataset.manifest import Rules, read_manifest
from dataset.sources.addresses import EvaluationRow, evaluation_row
from dataset.sources.git import Repository
from dataset.storage import settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--manifest", type=Path, required=True, help="tab-separated list")
    parser.add_argument("--repositories", type=Path, required=True, help="folder of clones")
    parser.add_argument("--per-repository", type=int, default=400, help="at most so many of each")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another sample")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines file to write")


def main(arguments: argparse.Namespace) -> int:
    repositories, refused = read_manifest(arguments.manifest, Rules(arguments.repositories))
    counts: Counter[str] = Counter(f"refused: {reason}" for reason, _ in refused)
    if not repositories:
        raise DatasetError(f"{arguments.manifest}: none of its repositories can be read")
    with settled(arguments.out) as partial, partial.open("w", encoding="utf-8") as stream:
        for repository in repositories:
            rows = sample(repository, arguments.per_repository, arguments.seed, counts)
            counts["rows"] += len(rows)
            for row in rows:
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(json.dumps(dict(counts), indent=1, sort_keys=True))
    return 0


def sample(
    repository: Repository, most: int, seed: int, counts: Counter[str]
) -> list[EvaluationRow]:
    """Up to `most` functions outside the tests that pass the corpus's filters, in source order.

    A hash decides which, so that one function more in the repository changes little.
    """
    rows: list[EvaluationRow] = []
    seen: set[str] = set()
    for document in repository.documents(counts):
        if is_test_path(document.path) or document_reason(document):
            continue
        for function, siblings in kept_functions(document, counts):
            row = evaluation_row(function, siblings, document)
            if not is_test(function, document.path) and row["source_hash"] not in seen:
                seen.add(row["source_hash"])
                rows.append(row)
    chosen = sorted(range(len(rows)), key=lambda index: _draw(seed, rows[index]))[:most]
    return [rows[index] for index in sorted(chosen)]


def _draw(seed: int, row: EvaluationRow) -> bytes:
    return hashlib.blake2b(f"{seed} {row['source_hash']}".encode(), digest_size=8).digest()
