"""Predictions one by one, for people who would rather look than read figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from training.errors import TrainingError

_SHOWN = 3


def read_predictions(path: Path, count: int) -> list[dict[str, Any]]:
    """The first `count` predictions of a file that `evaluate --predictions` wrote.

    Raises TrainingError when it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[:count]
        rows = [json.loads(line) for line in lines]
        for row in rows:
            row["name"], row["candidates"]
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path}: no file of `evaluate --predictions`; make it again"
        ) from error
    return rows


def listing(rows: Sequence[dict[str, Any]]) -> str:
    """A Markdown table: the actual name, the first candidates, and where the code is."""
    right = sum(row["candidates"][:1] != [] and row["candidates"][0][0] == row["name"]
                for row in rows)  # fmt: skip
    among = sum(row["name"] in [name for name, _ in row["candidates"]] for row in rows)
    head = (
        f"{len(rows)} functions in the order of the sample: the first candidate is right for"
        f" {right}, one of five for {among}. The right one is bold."
    )
    table = ["| actual | candidates | where |", "|---|---|---|"]
    table += [f"| `{row['name']}` | {_candidates(row)} | {_place(row)} |" for row in rows]
    return "\n".join([head, "", *table]) + "\n"


def _candidates(row: dict[str, Any]) -> str:
    shown: Iterable[Sequence[Any]] = row["candidates"][:_SHOWN]
    parts = []
    for name, probability in shown:
        text = f"`{name}` {probability:.0%}"
        parts.append(f"**{text}**" if name == row["name"] else text)
    return ", ".join(parts) or "none"


def _place(row: dict[str, Any]) -> str:
    repository, path, line = (row.get(key, "") for key in ("repository", "path", "line"))
    if not row.get("commit") or "/" not in str(repository):
        return f"{path}:{line}"
    address = f"https://github.com/{repository}/blob/{row['commit']}/{path}#L{line}"
    return f"[{str(repository).split('/')[1]} {Path(str(path)).name}:{line}]({address})"
