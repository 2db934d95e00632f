"""An audit as one HTML page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from html import escape
from importlib import resources
from string import Template

from server.auditing.misfits import Misfit
from server.auditing.report import Report, summary


def as_page(report: Report) -> str:
    """The report as a page; it follows the reader's light or dark setting."""
    template = resources.files("server.auditing").joinpath("page.html").read_text("utf-8")
    body = "\n".join(_row(misfit) for misfit in report.misfits)
    skipped = "\n".join(
        f"<li><code>{_text(path)}</code> {_text(reason)}</li>" for path, reason in report.skipped
    )
    return Template(template).substitute(
        summary=_text(summary(report)),
        predictor=_text(f"{report.predictor.name} {report.predictor.version}"),
        fingerprint=_text(report.predictor.fingerprint[:12]),
        files=report.files,
        functions=report.functions,
        found=len(report.misfits),
        rows=body or '<p class="none">Every name fits. Nothing to do.</p>',
        skipped=f"<h2>Files left out</h2><ul>{skipped}</ul>" if skipped else "",
    )


def _row(misfit: Misfit) -> str:
    names = "".join(
        f'<li><code class="new">{_text(each.name)}</code>'
        f'<span class="bar" style="--p:{each.probability:.3f}"></span>'
        f"<span>{each.probability:.0%}</span></li>"
        for each in misfit.suggestions
    )
    return (
        '<article><header><code class="old">'
        f"{_text(misfit.qualified_name)}</code>"
        f'<span class="place">{_text(misfit.path.as_posix())}:{misfit.line}</span>'
        f'<span class="sure" title="confidence">{misfit.confidence:.0%}</span></header>'
        f"<ol>{names}</ol></article>"
    )


def _text(value: object) -> str:
    # A file name may hold bytes that are no text; a page must.
    return escape(str(value).encode("utf-8", "replace").decode("utf-8"))
