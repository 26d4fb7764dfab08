"""Reports: findings for a terminal, a pull request, a CI system, a program or a browser."""

from __future__ import annotations

from monitor.report.contents import Compared, Report
from monitor.report.junit import to_junit
from monitor.report.markdown import to_markdown
from monitor.report.records import page_line, to_frame, to_json, to_jsonl
from monitor.report.terminal import to_text

__all__ = [
    "Compared",
    "Report",
    "page_line",
    "to_frame",
    "to_html",
    "to_json",
    "to_jsonl",
    "to_junit",
    "to_markdown",
    "to_text",
]


def to_html(report: Report) -> str:
    """The report as one HTML file of less than 300 kB that needs no network and no script."""
    from monitor.report.html import page

    return page(report)
