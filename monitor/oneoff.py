"""One-off comparison of two logs: no configuration, no state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.secret import Secret
from checks.check import catalogue
from checks.portrait import Portrait
from checks.profile import LogProfile
from monitor.baseline import Baseline
from monitor.evaluate import Rule, Target, evaluate
from monitor.findings import WHOLE, Finding, Slice
from monitor.learn import summarise
from monitor.planning import Outlook, guess_columns
from monitor.sources import ALL_TIME, Columns, Horizon, Source, Unreadable, source_type
from monitor.windows import Calendar, Every


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two logs compared: the baseline made of the first, the portrait of the second."""

    name: str
    baseline: Baseline
    portrait: Portrait
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]


def compare(
    name: str,
    reference: Source,
    current: Source,
    columns: Columns,
    outlook: Outlook,
    now: datetime,
    rules: Sequence[Rule] | None = None,
) -> Comparison:
    """Every rule (by default every default check that makes sense without windows) on two logs.

    Raises:
        SourceError: one of them cannot be read or has no rows.
    """
    horizon = Horizon(now, now)
    calendar = Calendar(Every.parse("1d"), ZoneInfo("UTC"))
    untimed = replace(columns, timestamp=None, label_timestamp=None)
    untimed = replace(untimed, exclude=(*columns.exclude, *_times(columns)))
    baseline, notices = summarise(name, reference, untimed, outlook, calendar, ALL_TIME, horizon)
    portraits: Mapping[Slice, Portrait] = current.profile(
        baseline.plan, untimed, [ALL_TIME], horizon
    )[ALL_TIME]
    if not portraits[WHOLE].rows:
        raise Unreadable(f"{name}: no rows; there is nothing to compare")
    chosen = default_rules() if rules is None else rules
    findings = evaluate(
        Target(name, ALL_TIME), baseline.plan, chosen, baseline.portraits, portraits
    )
    return Comparison(name, baseline, portraits[WHOLE], findings, notices)


def _times(columns: Columns) -> tuple[str, ...]:
    return tuple(filter(None, (columns.timestamp, columns.label_timestamp)))


def default_rules() -> tuple[Rule, ...]:
    """The default checks of columns and outcomes: volume and time say nothing of two files."""
    return tuple(
        Rule(check)
        for check in catalogue().values()
        if check.default and LogProfile not in check.takes
    )


def guessed(source: Source) -> Columns:
    """The roles that the column names of a log suggest."""
    return guess_columns(source.names())


_TYPES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}


def open_log(text: str) -> Source:
    """The log that a person means by a path, a folder, a glob, or ``URL#TABLE``.

    Raises:
        Unreadable: nothing tells how to read it.
    """
    url, _, table = text.rpartition("#")
    if table and ("://" in url or Path(url).suffix in (".db", ".sqlite", ".sqlite3")):
        address = url if "://" in url else f"sqlite:///{url}"
        return _source("sql", url=Secret(address), table=table)
    path = Path(text)
    suffixes = {path.suffix} if path.suffix else {each.suffix for each in path.glob("*")}
    kinds = {_TYPES[suffix.lower()] for suffix in suffixes if suffix.lower() in _TYPES}
    if len(kinds) != 1:
        raise Unreadable(
            f"{text}: its name does not tell the format; use .parquet, .csv or .jsonl files, "
            "or URL#TABLE for a database"
        )
    return _source(kinds.pop(), path=path)


def _source(kind: str, **fields: object) -> Source:
    return source_type(kind)(**fields)
