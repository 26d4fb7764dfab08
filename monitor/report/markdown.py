"""A report as Markdown for a pull-request comment: short, and the worst first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from alerts.message import clean
from checks.verdict import Verdict
from monitor.findings import Finding
from monitor.report.contents import Report
from monitor.report.order import worst, worst_first
from monitor.report.words import (
    SYMBOLS,
    counted,
    headline,
    number,
    place,
    span,
    verdicts,
    word,
)

MOST_ROWS = 20
MOST_NOTICES = 5


def to_markdown(report: Report) -> str:
    """A heading with the verdict, what was compared, and a table of what is not fine."""
    parts = (_heading(report), _compared(report), _table(report.findings), _notices(report))
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def escaped(text: str, limit: int = 200) -> str:
    """Text in which Markdown finds nothing to act upon: no markup, no table cell, no mention.

    >>> escaped("a|b *c* <d> @e #1")
    'a\\\\|b \\\\*c\\\\* \\\\<d\\\\> @\\u200be #\\u200b1'
    """
    quoted = clean(text, limit).replace("&", "&amp;")
    quoted = re.sub(r"([\\`*{}\[\]<>|~!]|(?<!\w)_|_(?!\w))", r"\\\1", quoted)
    return re.sub(r"([@#])(?=\w)", "\\1\u200b", re.sub(r"(https?):(?=//)", "\\1\u200b:", quoted))


def _heading(report: Report) -> Iterator[str]:
    overall = worst(report.findings)
    symbol = SYMBOLS[Verdict.NO_DATA if overall is None else overall]
    yield f"### {symbol} {escaped(report.title)}: {escaped(headline(report), 500)}"


def _compared(report: Report) -> Iterator[str]:
    compared = report.compared
    yield (
        f"{escaped(compared.current_label)} ({counted(compared.current_rows, 'row')}) against "
        f"{escaped(compared.reference_label)} ({counted(compared.reference_rows, 'row')}), "
        f"{span(report.findings)}. Verdicts: {verdicts(report.findings)}."
    )


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    shown = [finding for finding in worst_first(findings) if finding.verdict is not Verdict.OK]
    if not shown:
        return
    yield "| verdict | check | column | value | limit | reason |"
    yield "|---|---|---|--:|--:|---|"
    yield from map(_row, shown[:MOST_ROWS])
    if len(shown) > MOST_ROWS:
        rest = shown[MOST_ROWS:]
        yield f"\nand {len(rest):,} more: {verdicts(rest)}"


def _row(finding: Finding) -> str:
    cells = (
        f"{SYMBOLS[finding.verdict]} {word(finding.verdict)}",
        escaped(finding.check, 60),
        " ".join(filter(None, (escaped(finding.column, 60), escaped(place(finding), 60)))),
        number(finding.judged_value),
        number(finding.threshold),
        escaped(finding.reason),
    )
    return f"| {' | '.join(cells)} |"


def _notices(report: Report) -> Iterator[str]:
    for notice in report.notices[:MOST_NOTICES]:
        yield f"- {escaped(notice, 300)}"
    if len(report.notices) > MOST_NOTICES:
        yield f"- and {len(report.notices) - MOST_NOTICES} more notes"
