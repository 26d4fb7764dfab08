"""Findings as rows: written once with their window, streamed back in order."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Dialect, Select

from checks.check import Stat
from checks.verdict import Verdict
from monitor.findings import Finding, Slice
from monitor.store.columns import storable
from monitor.store.ledger import PERFORMANCE, newest_revision
from monitor.store.tables import finding, ledger
from monitor.windows import Window

_NUMBERS = ("value", "corrected", "low", "high", "floor", "ceiling", "p_value")
_UNMEASURED = (None,) * len(_NUMBERS)
_numbers_of = attrgetter(*_NUMBERS)
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings to read; None (and an absent collection) means any.

    ``since`` and ``until`` bound a period that the windows overlap.
    """

    model: str | None = None
    window: Window | None = None
    since: datetime | None = None
    until: datetime | None = None
    check: str | None = None
    verdicts: Collection[Verdict] | None = None
    as_of: datetime | None = None
    limit: int = 0


def add(connection: Connection, entry: int, found: Sequence[Finding]) -> None:
    """Write the findings of one line of the ledger.

    Raises:
        ValueError: one of their numbers is NaN, which no number of a finding may be.
    """
    if not found:
        return
    rows = [(entry, place, *_values(each)) for place, each in enumerate(found)]
    # Written for the driver: a window has hundreds, and there is nothing to translate in them.
    statement, positional = _insertion(connection.dialect)
    if positional:
        connection.exec_driver_sql(statement, rows)
    else:
        names = finding.c.keys()
        named = [dict(zip(names, row, strict=True)) for row in rows]
        connection.exec_driver_sql(statement, named)


@lru_cache(maxsize=4)
def _insertion(dialect: Dialect) -> tuple[str, bool]:
    """The statement that writes a row, and whether it takes its cells by position."""
    compiled = sa.insert(finding).compile(dialect=dialect)
    return str(compiled), compiled.positional


def stream(connection: Connection, wanted: Wanted) -> Iterator[Finding]:
    """Findings in the order of their windows, as they were recorded; constant memory."""
    query = (
        _select()
        .where(newest_revision(wanted.as_of), *_conditions(wanted))
        .order_by(
            ledger.c.starts,
            ledger.c.ends,
            ledger.c.model,
            ledger.c.revision,
            finding.c.position,
        )
        .limit(wanted.limit)
    )
    with connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query) as rows:
        for row in rows:
            yield _finding(row)


def of_entry(
    connection: Connection, entry: int, *, performance: bool | None = None
) -> tuple[Finding, ...]:
    """The findings of one line of the ledger: all, those of performance, or all others."""
    query = _select().where(finding.c.entry == entry).order_by(finding.c.position)
    if performance is not None:
        query = query.where((finding.c.cause == PERFORMANCE) == performance)
    return tuple(_finding(row) for row in connection.execute(query))


def history(
    connection: Connection, model: str, check: str, column: str, within: Slice, last: int
) -> tuple[Finding, ...]:
    """What one check said of one column in the last windows, in time order."""
    windows = (
        sa.select(ledger.c.id)
        .where(ledger.c.model == model, newest_revision())
        .order_by(ledger.c.ends.desc(), ledger.c.starts.desc())
        .limit(last)
        .subquery()
    )
    query = (
        _select()
        .join(windows, windows.c.id == ledger.c.id)
        .where(
            finding.c.check_name == check,
            finding.c.column_name == column,
            finding.c.version == within.version,
            finding.c.segment == within.segment,
        )
        .order_by(ledger.c.starts, ledger.c.ends, finding.c.position)
    )
    return tuple(_finding(row) for row in connection.execute(query))


def _select() -> Select[Any]:
    whose = (ledger.c.model, ledger.c.starts, ledger.c.ends, ledger.c.revision)
    own = (column for column in finding.c if column.name not in ("entry", "position"))
    return sa.select(*whose, *own).join_from(ledger, finding, finding.c.entry == ledger.c.id)


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.model is not None:
        yield ledger.c.model == wanted.model
    if wanted.window is not None:
        yield ledger.c.starts == wanted.window.start
        yield ledger.c.ends == wanted.window.end
    if wanted.since is not None:
        yield ledger.c.ends > wanted.since
    if wanted.until is not None:
        yield ledger.c.starts < wanted.until
    if wanted.check is not None:
        yield finding.c.check_name == wanted.check
    if wanted.verdicts is not None:
        yield finding.c.verdict.in_([str(verdict) for verdict in wanted.verdicts])


def _values(found: Finding) -> tuple[object, ...]:
    """The cells of a finding, in the order of the table."""
    stat = found.stat
    measured = _UNMEASURED if stat is None else _numbers_of(stat)
    shown = (*measured, found.threshold, found.detectable)
    numbers = [None if each is None else float(each) for each in shown]
    if math.isnan(sum(filter(None, numbers))):  # cheaper than a look at each
        _require_numbers(found, numbers)
    where = "" if stat is None else stat.where
    said = (found.rule, str(found.verdict), found.reason, found.cause)
    version, segment, check, column, where, *told = _storable(
        (*found.slice, found.check, found.column, where, *said)
    )
    *figures, threshold, detectable = numbers
    counts = (None,) * 3 if stat is None else (int(stat.n_reference), int(stat.n_current), where)
    return version, segment, check, column, *figures, *counts, threshold, *told, detectable


def _storable(texts: Sequence[str]) -> Sequence[str]:
    """The same texts as they come back from the database; nearly always as they are."""
    together = "".join(texts)
    return texts if storable(together) is together else [storable(each) for each in texts]


def _require_numbers(found: Finding, numbers: Sequence[float | None]) -> None:
    for name, value in zip((*_NUMBERS, "threshold", "detectable"), numbers, strict=True):
        if value is not None and math.isnan(value):
            where = f"{found.check} of {found.column}" if found.column else found.check
            missing = f"{name} is NaN; a number that is missing is None"
            raise ValueError(f"{found.model}: {where}: {missing}")


def _finding(row: Sequence[Any]) -> Finding:
    model, starts, ends, revision, version, segment, check, column, *rest = row
    *measured, threshold, rule, verdict, reason, cause, detectable = rest
    return Finding(
        model,
        Slice(version, segment),
        check,
        column,
        Window(starts, ends),
        revision,
        None if measured[0] is None else Stat(*measured),  # its fields in the order of the table
        threshold,
        rule,
        Verdict(verdict),
        reason,
        cause,
        detectable,
    )
