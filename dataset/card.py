"""The dataset card of a corpus: Markdown with the front matter that the Hugging Face hub reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dataset import deduplicate, near_duplicates
from dataset.filters import FILTERS, OPTIONAL
from dataset.headers import COPYLEFT_HEADER
from dataset.statistics import Statistics, quantiles

_WHAT = {
    **{filter_.name: filter_.reason for filter_ in (*FILTERS, *OPTIONAL)},
    deduplicate.EXCLUDED: "its repository must not be used",
    deduplicate.LICENCE: "none of the licences asked for",
    deduplicate.SURPLUS_TEST: "tests beyond their share of a repository",
    deduplicate.LEAK: "the question is one that models are measured on",
    deduplicate.DUPLICATE: "question and name of an earlier function",
    deduplicate.MANY_NAMES: "a fourth name for one question",
    near_duplicates.NEAR_DUPLICATE: "nearly the text of an earlier function",
    near_duplicates.NEAR_LEAK: "nearly a question that models are measured on",
    f"file: {COPYLEFT_HEADER}": "under a copyleft licence of its own",
    "file: generated": "written by a program",
    "file: link": "a symbolic link, or no file",
    "file: minified": "lines too long to be written by hand",
    "file: missing in the repository": "the clone lacks it",
    "file: not text": "zero bytes in it",
    "file: too large": "over 1 MB",
    "file: unreadable": "the system refused to read it",
    "file: vendored folder": "code of others, or hidden",
    "row: not JSON": "a line of a table that is damaged",
    "row: not Python": "another language, or no code",
    "address: file not there": "not in the tree of the commit",
    "refused: excluded": "repositories that must not be used",
    "refused: licence": "repositories with none of the licences asked for",
    "refused: not there": "repositories without a clone",
    "refused: repository not there": "addresses in repositories without a clone",
    "refused: unreadable": "repositories that cannot be read",
}
_SHARES = (0.5, 0.9, 0.99)
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(found: Statistics, title: str) -> str:
    """The text of the card."""
    build = found.build
    parts = [
        _front_matter(found, title),
        f"# {title}\n\n"
        f"{found.total:,} Python functions without their names, and the names, from "
        f"{len(found.repositories):,} repositories. A row is a question, `def x(signature): body` "
        "with every mention of the name masked, with its context in columns of their own. Made by "
        "`python -m dataset build`, version "
        f"{build.get('version')}; the repositories and commits are listed in `stats.json`.\n",
        "## Splits\n\n" + _table(("split", "functions"), sorted(found.rows.items())),
        "## What was left out\n\n" + _table(("reason", "what it is", "count"), _reasons(found)),
        "## Leakage\n\nFunctions that were left out because they equal one of an evaluation set "
        "or are near it; one that is near two sets counts for both.\n\n"
        + _table(("evaluation set", "its functions", "equal", "near"), _leaks(found)),
        "## Licences\n\n" + _table(("licence", "functions", "share"), _shares(found.licences)),
        "## Largest repositories\n\n"
        + _table(("repository", "functions", "share"), _shares(found.repositories)[:20]),
        "## Lengths\n\n"
        + _table(
            ("", *(f"{share:.0%}" for share in _SHARES)),
            [
                ("sub-tokens of a name", *quantiles(found.name_lengths, _SHARES)),
                ("words and signs of a question", *quantiles(found.question_lengths, _SHARES)),
            ],
        ),
        "## Kinds\n\n"
        + _table(
            ("kind", "functions", "share"),
            [
                (kind, f"{count:,}", f"{count / max(found.total, 1):.1%}")
                for kind, count in sorted(found.kinds.items())
            ],
        ),
        _problems(found),
        "## Limits\n\nThe functions belong to their authors under the licences named in each row; "
        "keep the `repository`, `commit` and `licence` columns with any copy. Public code holds "
        "mistakes, personal names and habits of its time. Splits are by repository; forks under "
        "another name may still stand in two of them where their text differs.\n",
    ]
    return "\n".join(part for part in parts if part)


def reasons(found: Statistics) -> list[tuple[str, str, int]]:
    """(name, what it is, count) of all that was left out, the largest first."""
    skipped = ("functions", "files", "bytes")
    return sorted(
        (
            (name, _WHAT.get(name, ""), count)
            for name, count in found.counts.items()
            if name not in skipped and not name.startswith("rows")
        ),
        key=lambda entry: (-entry[2], entry[0]),
    )


def _reasons(found: Statistics) -> list[tuple[str, str, str]]:
    read = ("functions read", "all that were found", f"{found.counts.get('functions', 0):,}")
    return [read, *((name, what, f"{count:,}") for name, what, count in reasons(found))]


def _leaks(found: Statistics) -> list[tuple[str, int, int, object]]:
    return [
        (name, leak["functions"], leak["exact"], "not looked for" if near is None else near)
        for name, leak in sorted(found.leaks.items())
        for near in (leak["near"],)
    ]


def _front_matter(found: Statistics, title: str) -> str:
    size = next((name for limit, name in _SIZES if found.total < limit), "1M<n<10M")
    files = "\n".join(
        f"      - split: {split}\n        path: {split}-*.parquet" for split in sorted(found.rows)
    )
    licence = "other" if len(found.licences) != 1 else next(iter(found.licences)).lower()
    return (
        f"---\npretty_name: {title}\nlanguage: [code]\ntags: [code, python, function-names]\n"
        f"task_categories: [text-generation]\nlicense: {licence}\nsize_categories: [{size}]\n"
        f"configs:\n  - config_name: default\n    data_files:\n{files}\n---\n"
    )


def _shares(counts: Counter[str]) -> list[tuple[str, str, str]]:
    total = max(sum(counts.values()), 1)
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return [(name, f"{count:,}", f"{count / total:.1%}") for name, count in ordered]


def _problems(found: Statistics) -> str:
    lines = [*found.build.get("problems", []), *found.build.get("refused", [])]
    return "## Not read\n\n" + "".join(f"- {line}\n" for line in lines) if lines else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return "None.\n"
    lines = [head, ["---"] * len(head), *rows]
    cells = (
        " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in line)
        for line in lines
    )
    return "".join(f"| {line} |\n" for line in cells)
