"""Findings and pages as records for programs: JSON Lines, one JSON document, a data frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alerts.message import Message
from checks.check import Stat
from monitor.findings import Finding
from monitor.report.contents import Report
from monitor.report.order import tally
from monitor.report.words import headline
from monitor.sources import ALL_TIME

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, str | int | float | None]

_TIMES = ("window_start", "window_end")
_FLOATS = ("value", "corrected_value", "low", "high", "p_value", "threshold")
_COUNTS = ("revision", "n_reference", "n_current")
_POWER = "detectable"


def record(finding: Finding) -> Record:
    """One finding as plain values; a number that is missing or not finite is None.

    A comparison of all rows, with or without times, has no window: both its ends are None.
    """
    stat = finding.stat or Stat(math.nan)
    timeless = finding.window == ALL_TIME
    return {
        "kind": "finding",
        "model": finding.model,
        "version": finding.slice.version,
        "segment": finding.slice.segment,
        "check": finding.check,
        "column": finding.column,
        "window_start": None if timeless else moment(finding.window.start),
        "window_end": None if timeless else moment(finding.window.end),
        "revision": finding.revision,
        "value": _finite(stat.value),
        "corrected_value": _finite(stat.corrected),
        "low": _finite(stat.low),
        "high": _finite(stat.high),
        "p_value": _finite(stat.p_value),
        "threshold": _finite(finding.threshold),
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "n_reference": None if finding.stat is None else stat.n_reference,
        "n_current": None if finding.stat is None else stat.n_current,
        _POWER: _finite(finding.detectable),
    }


def to_jsonl(findings: Iterable[Finding]) -> Iterator[str]:
    """One line of ASCII JSON for each finding, in their order; floats at full precision."""
    return (_line(record(finding)) for finding in findings)


def page_line(message: Message) -> str:
    """One line of ASCII JSON for a page that was sent, or would have been."""
    return _line(
        {
            "kind": "page",
            "at": moment(message.at),
            "model": message.model,
            "severity": message.severity,
            "reason": message.reason,
            "title": message.title,
            "causes": [
                {
                    "check": cause.check,
                    "column": cause.column,
                    "value": _finite(cause.value),
                    "threshold": _finite(cause.threshold),
                }
                for cause in message.causes
            ],
        }
    )


def to_json(report: Report) -> str:
    """The whole report as one indented JSON document, without its pictures."""
    compared = report.compared
    document = {
        "title": report.title,
        "model": report.model,
        "headline": headline(report),
        "generated_at": moment(report.generated_at),
        "generated_by": f"modelmon {report.version}".strip(),
        "compared": {
            "reference": compared.reference_label,
            "current": compared.current_label,
            "reference_rows": compared.reference_rows,
            "current_rows": compared.current_rows,
            "baseline": compared.baseline or None,
        },
        "verdicts": {verdict.value: count for verdict, count in tally(report.findings).items()},
        "notices": list(report.notices),
        "findings": [record(finding) for finding in report.findings],
    }
    return json.dumps(document, allow_nan=False, indent=2)


def to_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """A data frame with one row for each finding and the columns of the JSON Lines contract."""
    import pandas as pd

    records = [record(finding) for finding in findings]
    names = list(record_names())
    frame = pd.DataFrame(records, columns=names, dtype=object)
    for name in _TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    types = dict.fromkeys((*_FLOATS, _POWER), "float64") | dict.fromkeys(_COUNTS, "Int64")
    texts = [name for name in names if name not in (*_TIMES, *types)]
    return frame.astype(types | dict.fromkeys(texts, "str"))


def record_names() -> tuple[str, ...]:
    """The keys of a finding's record, in their order."""
    return (
        "kind",
        "model",
        "version",
        "segment",
        "check",
        "column",
        "window_start",
        "window_end",
        "revision",
        *_FLOATS,
        "verdict",
        "reason",
        "n_reference",
        "n_current",
        _POWER,
    )


def moment(when: datetime) -> str:
    """A moment in ISO 8601 and UTC.

    >>> moment(datetime(2026, 3, 1, 6, tzinfo=UTC))
    '2026-03-01T06:00:00Z'
    """
    return f"{when.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _line(entry: object) -> str:
    return json.dumps(entry, allow_nan=False, separators=(",", ":"))


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and math.isfinite(number) else None
