"""The page of an evaluation: figures side by side, plots, and the errors with their code; and the
same figures as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from dataset.charts import bars, document
from training.evaluation.plots import matrix, reliability_plot

Results = Sequence[dict[str, Any]]
_COLUMNS = (
    ("micro-F1", "micro_f1", ".3f"),
    ("precision", "micro_precision", ".3f"),
    ("recall", "micro_recall", ".3f"),
    ("macro-F1", "macro_f1", ".3f"),
    ("exact", "exact_match_at_1", ".3f"),
    ("in 3", "exact_match_at_3", ".3f"),
    ("in 5", "exact_match_at_5", ".3f"),
    ("ROUGE-1", "rouge_1", ".3f"),
    ("stems", "stem_accuracy", ".3f"),
    ("calibration error", "expected_calibration_error", ".3f"),
    ("functions/s", "functions_per_second", ",.1f"),
)
_SLICES = (
    ("By length of the function", "by_function_length"),
    ("By words of the name", "by_name_length"),
    ("By kind", "by_kind"),
    ("By verb", "by_verb"),
    ("By repository", "by_repository"),
)
_LINES = 30
_STYLE = """
table { border-collapse: collapse; font-size: .74rem; width: 100%; display: block;
  overflow-x: auto } th, td { padding: .25rem .5rem; text-align: right;
  border-bottom: 1px solid #8884 } th:first-child, td:first-child { text-align: left }
pre { overflow-x: auto; background: #8881; padding: .6rem; font-size: .8rem }
details { margin: .4rem 0 } summary { cursor: pointer } h3 { font-size: 1rem; margin: 1.2rem 0 0 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.5rem }
line, polyline { stroke: #2f6f8f; stroke-width: 2; fill: none } line { stroke: #8886 }
circle { fill: #2f6f8f } .cell { fill: #2f6f8f; rx: 0 } .quiet { color: #5a6672 }
@media (prefers-color-scheme: dark) { .quiet { color: #93a1ad } polyline { stroke: #5aa5c8 }
  circle, .cell { fill: #5aa5c8 } }
"""


def page(results: Results, code: bool = True) -> str:
    """One HTML file that needs nothing else; without `code` it shows where errors are, no more."""
    first = results[0]["predictors"][0]
    shown = [
        ("functions", f"{first['n']:,}"),
        ("micro-F1", f"{first['micro_f1']:.3f}"),
        ("exact", f"{first['exact_match_at_1']:.1%}"),
        ("exact in five", f"{first['exact_match_at_5']:.1%}"),
        ("calibration error", f"{first['expected_calibration_error']:.3f}"),
    ]
    body = [_table(results), _comparisons(results)]
    for result in results:
        for predictor in result["predictors"]:
            where = "{}, context {}".format(*_set(result))
            body.append(_one(predictor, where, code))
    title = f"Names by {first['label']}: {results[0]['data']}"
    return document(title, shown, "".join(body), _STYLE)


def markdown(results: Results) -> str:
    """The figures of every predictor as a table."""
    names = _head(results)
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in _rows(results)]
    for one in _compared(results):
        lines += ["", one]
    told = "; ".join(f"{data}, context {context}" for data, context in sorted(_sets(results)))
    return "\n".join([f"On {told}.", "", *lines]) + "\n"


def _columns(results: Results) -> list[tuple[str, str, str]]:
    ranked = any("pairs" in one for result in results for one in result["predictors"])
    return [
        *_COLUMNS,
        ("p50 ms", "latency_ms.p50", ",.0f"),
        ("p95 ms", "latency_ms.p95", ",.0f"),
        *([("new name preferred", "pairs.ranking_accuracy", ".3f")] if ranked else []),
    ]


def _head(results: Results) -> list[str]:
    sets = ["data", "context"] if len(_sets(results)) > 1 else []
    return ["predictor", *sets, "n", *(name for name, _, _ in _columns(results))]


def _sets(results: Results) -> set[tuple[str, str]]:
    return {_set(result) for result in results}


def _set(result: dict[str, Any]) -> tuple[str, str]:
    """The functions of a result, and what was shown of each."""
    known = result.get("underscores") == "known"
    return result["data"], result["context"] + (" and underscores" if known else "")


def _rows(results: Results) -> list[list[str]]:
    columns, several = _columns(results), len(_sets(results)) > 1
    return [
        [
            predictor["label"],
            *(_set(result) if several else ()),
            f"{predictor['n']:,}",
            *(_cell(predictor, key, form) for _, key, form in columns),
        ]
        for result in results
        for predictor in result["predictors"]
    ]


def _cell(predictor: dict[str, Any], key: str, form: str) -> str:
    outer, _, inner = key.partition(".")
    value = predictor.get(outer)
    if inner:
        value = (value or {}).get(inner)
    return "–" if value is None else f"{value:{form}}"


def _compared(results: Results) -> list[str]:
    lines: list[str] = []
    for result in results:
        for one in result["comparisons"]:
            f1, exact = one["micro_f1"], one["exact_match"]
            lines.append(
                f"{one['first']} against {one['second']} ({result['data']}): micro-F1"
                f" {f1['difference']:+.3f} ({f1['low']:+.3f} to {f1['high']:+.3f},"
                f" p {f1['p_value']:.3f}), exact {exact['difference']:+.3f}"
                f" ({exact['low']:+.3f} to {exact['high']:+.3f}, p {exact['p_value']:.3f})"
            )
    return lines


def _table(results: Results) -> str:
    names = _head(results)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in _rows(results)
    )
    return f"<h2>Side by side</h2><table><tr>{head}</tr>{rows}</table>"


def _comparisons(results: Results) -> str:
    lines = _compared(results)
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f"<ul>{items}</ul><p class=quiet>Paired bootstrap over the functions, 1,000 draws:"
        " difference, 95% interval, two-sided p.</p>"
    )


def _one(predictor: dict[str, Any], where: str, code: bool) -> str:
    found = predictor["analysis"]
    parts = [f"<h2>{escape(predictor['label'])}</h2><p class=quiet>{escape(where)}</p>"]
    parts.append(
        "<div class=pair><div><h3>Probability and truth</h3>"
        f"{reliability_plot(found['reliability'])}</div>"
        f"<div><h3>First words: actual (rows), offered (columns)</h3>"
        f"{matrix(found['confusion'])}</div></div>"
    )
    for title, key in _SLICES:
        if found[key]:
            rows = [(f"{one['label']} ({one['n']:,})", one["micro_f1"]) for one in found[key]]
            parts.append(f"<h3>{title} (functions): micro-F1</h3>{bars(rows, '{:.3f}'.format)}")
    parts.append("<h3>Most confident errors</h3>" + _errors(found["confident_errors"], code))
    parts.append("<h3>Worst errors</h3>" + _errors(found["worst_errors"], code))
    return "".join(parts)


def _errors(errors: Sequence[dict[str, Any]], code: bool) -> str:
    lines: list[str] = []
    for error in errors:
        said = (
            f"<code>{escape(error['actual'])}</code>, offered"
            f" <code>{escape(error['predicted'] or '(nothing)')}</code> at"
            f" {error['confidence']:.0%}, F1 {error['f1']:.2f}"
            f" <span class=quiet>{escape(error['place'])}</span>"
        )
        if code:
            said = f"<details><summary>{said}</summary>{_code(error['text'])}</details>"
        lines.append(said if code else f"<div>{said}</div>")
    return "".join(lines) or "<p>None.</p>"


def _code(text: str) -> str:
    lines = text.split("\n")
    head = "\n".join(lines[:_LINES]) + ("\n…" if len(lines) > _LINES else "")
    return f"<pre>{escape(head)}</pre>"
