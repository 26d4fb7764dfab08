"""A report as text for a terminal or a log: a line per model, a table, the verdict in words."""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import time

from alerts.message import clean
from checks.verdict import Verdict
from monitor.findings import Finding
from monitor.report.contents import Report
from monitor.report.order import worst_first
from monitor.report.words import (
    counted,
    headline,
    number,
    remark,
    seen,
    span,
    started,
    subject,
    verdicts,
    word,
)
from monitor.why import explained, place

NARROWEST = 60
CORRECTED_FROM = 72
REASON_BESIDE_FROM = 110
MOST_ROWS = 100

_GAP = "  "
_REASON = 40
_SHORTEST_NAME = 8
_NAMES = ("check", "column", "window", "value", "corrected", "threshold", "verdict")
_RIGHT = ("value", "corrected", "threshold")
_STYLES = {
    Verdict.CRITICAL: "bold red",
    Verdict.WARNING: "bold yellow",
    Verdict.ERROR: "bold magenta",
    Verdict.OK: "green",
}

_Row = Mapping[str, str]
_Line = list[tuple[str, str]]
"""Pieces of text, each with its style (empty for none)."""


def to_text(report: Report, *, width: int, colour: bool, most: int = MOST_ROWS) -> str:
    """The report in lines of at most ``width`` columns (60 at least), the worst findings first.

    With ``colour`` the text holds the escape sequences of a terminal. Of more than ``most``
    findings the others are counted. The verdict in words comes last, next to the prompt.
    """
    width = max(width, NARROWEST)
    findings = worst_first(report.findings)
    table = _table(findings[:most], width)
    blocks = (
        _wrapped(_summary(report), width),
        _coloured(table) if colour else "\n".join(map(_plain, table)),
        _rest(findings[most:]),
        _wrapped(_why(findings), width),
        _wrapped(_notes(report), width),
        _wrapped(f"{clean(headline(report), 1000)}.", width),
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def _summary(report: Report) -> str:
    compared = report.compared
    return (
        f"{clean(report.model, 120)}: {span(report.findings)}, "
        f"{counted(compared.current_rows, 'row')} against "
        f"{compared.reference_rows:,} of {clean(compared.reference_label, 120)}; "
        f"{verdicts(report.findings)}"
    )


def _rest(findings: Sequence[Finding]) -> str:
    return f"and {len(findings):,} more: {verdicts(findings)}" if findings else ""


def _why(findings: Sequence[Finding]) -> str:
    """A line for each explanation."""
    return "\n".join(
        f"why: {clean(' '.join(filter(None, (each.check, each.column))), 120)}: "
        f"{clean(place(each), 400)}"
        for each in explained(findings)
    )


def _notes(report: Report) -> str:
    told = "\n".join(f"note: {clean(notice, 400)}" for notice in report.notices)
    return "\n".join(filter(None, (told, clean(seen(report), 400))))


def _wrapped(text: str, width: int) -> str:
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False)
        for line in text.splitlines()
    )


def _table(findings: Sequence[Finding], width: int) -> Iterator[_Line]:
    """The lines of the table; a reason stands below its row where there is no room beside."""
    if not findings:
        return
    beside = width >= REASON_BESIDE_FROM
    dates = all(finding.window.start.time() == time() for finding in findings)
    rows = [_row(finding, dates) for finding in findings]
    widths = _widths(rows, width)
    yield [*_cells({name: name for name in widths}, widths), (f"{_GAP}reason" * beside, "")]
    left = sum(widths.values()) + len(_GAP) * len(widths) if beside else 4
    for finding, row in zip(findings, rows, strict=True):
        line = _cells(row, widths, _STYLES.get(finding.verdict, ""))
        reason = textwrap.wrap(clean(remark(finding), 400), width - left, break_on_hyphens=False)
        if beside and reason:
            line.append((_GAP + reason.pop(0), ""))
        yield line
        yield from ([(" " * left + part, "")] for part in reason)


def _row(finding: Finding, dates: bool) -> _Row:
    stat = finding.stat
    cells = (
        clean(finding.check, 60),
        clean(subject(finding), 120),
        started(finding.window, dates),
        number(finding.value),
        number(None if stat is None else stat.corrected),
        number(finding.threshold),
        word(finding.verdict),
    )
    return dict(zip(_NAMES, cells, strict=True))


def _cells(row: _Row, widths: Mapping[str, int], style: str = "") -> _Line:
    """The cells of a row in the columns that are shown; the style is that of the verdict."""
    return [
        (
            f"{_GAP if place else ''}{_padded(row[name], widths[name], name in _RIGHT)}",
            style if name == "verdict" else "",
        )
        for place, name in enumerate(widths)
    ]


def _widths(rows: Sequence[_Row], width: int) -> dict[str, int]:
    """The columns worth their place; where there is no room for all, the names give way."""
    room = width - (_REASON + len(_GAP) if width >= REASON_BESIDE_FROM else 0)
    names = [name for name in _NAMES if _worth({row[name] for row in rows}, name, width)]
    widths = {name: max(len(name), *(_columns(row[name]) for row in rows)) for name in names}
    for name in ("column", "check"):
        over = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - room
        if name in widths and over > 0:
            widths[name] = max(_SHORTEST_NAME, widths[name] - over)
    return widths


def _worth(cells: set[str], name: str, width: int) -> bool:
    """Whether a column of the table tells anything, and has room."""
    if name == "window":
        return len(cells) > 1
    if name == "corrected":
        return width >= CORRECTED_FROM and cells != {"-"}
    return name != "column" or cells != {""}


def _padded(text: str, width: int, right: bool) -> str:
    while _columns(text) > width:
        text = f"{text.removesuffix('…')[:-1]}…"
    space = " " * (width - _columns(text))
    return space + text if right else text + space


def _columns(text: str) -> int:
    """The columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def _plain(line: _Line) -> str:
    return "".join(text for text, _ in line).rstrip()


def _coloured(table: Iterable[_Line]) -> str:
    from rich.console import Console
    from rich.text import Text

    text = Text("\n").join(Text.assemble(*line) for line in table)
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        no_color=False,
        legacy_windows=False,
        highlight=False,
    )
    with console.capture() as captured:
        console.print(text, soft_wrap=True, end="")
    return captured.get()
