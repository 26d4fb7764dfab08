"""From results to what is printed or written, in the format asked for."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor._version import __version__

if TYPE_CHECKING:
    from monitor.findings import Finding
    from monitor.oneoff import Comparison
    from monitor.report import Report


def comparison_report(
    result: Comparison, reference: str, current: str, generated_at: datetime
) -> Report:
    """The report on a one-off comparison."""
    from monitor.findings import WHOLE
    from monitor.report import Compared, Report

    columns = result.portrait.columns
    return Report(
        title=f"{Path(reference).name} → {Path(current).name}",
        model=result.name,
        generated_at=generated_at,
        compared=Compared(reference, current, result.baseline.rows, result.portrait.rows),
        findings=result.findings,
        reference=result.baseline.portraits[WHOLE].columns,
        current=columns,
        notices=result.notices,
        version=__version__,
    )


def show(report: Report, form: str, fail_on: str, *, everything: bool = False) -> None:
    """Print a report to stdout; as text its first rows, or ``everything``."""
    from monitor import report as reports
    from monitor.report.terminal import MOST_ROWS

    if form == "text":
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size((100, 24)).columns
        most = len(report.findings) if everything else MOST_ROWS
        click.echo(reports.to_text(report, width=width, colour=terminal, most=most))
        if len(report.findings) > most:
            click.echo("note: --all prints the other rows too", err=True)
    elif form == "markdown":
        click.echo(reports.to_markdown(report))
    elif form == "json":
        click.echo(reports.to_json(report))
    else:
        show_findings(report.findings, form, fail_on)


def show_all(
    reports: Sequence[Report], form: str, fail_on: str, *, everything: bool = False
) -> None:
    """Print several reports to stdout, as one document where the format has documents."""
    from monitor import report as reports_of

    if form in ("jsonl", "junit"):
        show_findings([f for report in reports for f in report.findings], form, fail_on)
    elif form == "json":
        show_json(json.loads(reports_of.to_json(report)) for report in reports)
    else:
        for report in reports:
            show(report, form, fail_on, everything=everything)


def show_findings(findings: Sequence[Finding], form: str, fail_on: str) -> None:
    """Print findings for a program."""
    from monitor import report as reports

    if form == "junit":
        click.echo(reports.to_junit(findings, fail_on))
    else:
        for line in reports.to_jsonl(findings):
            click.echo(line)


def show_json(records: Iterable[object]) -> None:
    """Print plain values as one indented JSON document, times in ISO 8601 and UTC."""
    from monitor.report.records import moment

    def plain(value: object) -> str:
        return moment(value) if isinstance(value, datetime) else str(value)

    click.echo(json.dumps(list(records), indent=2, ensure_ascii=False, default=plain))
