"""`python -m dataset export DIR`: a corpus as JSON Lines for training chat models.

python -m dataset export corpus --form chat --split train --out train.jsonl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import cast

from dataset.errors import DatasetError
from dataset.forms import FORMS
from dataset.split import SPLITS
from dataset.storage import read_tables, settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a corpus that `build` wrote")
    parser.add_argument("--form", choices=FORMS, default="chat")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines file to write")


def main(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    shards = sorted(folder.glob(f"{arguments.split}-*.parquet"))
    if not shards or not (folder / "stats.json").exists():
        raise DatasetError(f"{folder}: no whole corpus with a split {arguments.split!r} there")
    form = FORMS[arguments.form]
    rows = 0
    with settled(arguments.out) as partial, partial.open("w", encoding="utf-8") as stream:
        for shard in shards:
            for table in read_tables(shard, ["question_text", "name"]):
                texts = cast("list[str]", table.column("question_text").to_pylist())
                names = cast("list[str]", table.column("name").to_pylist())
                for text, name in zip(texts, names, strict=True):
                    stream.write(json.dumps(form(text, name), ensure_ascii=False) + "\n")
                    rows += 1
    print(f"{rows} rows in {arguments.out}")
    return 0
