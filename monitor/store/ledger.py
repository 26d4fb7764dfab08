"""The ledger: which windows were evaluated, how often, when, and what was known of them then."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row, Select

from monitor.store.columns import Moment
from monitor.store.database import insert, upsert
from monitor.store.errors import AlreadyRecorded
from monitor.store.records import Entry, Progress, Record
from monitor.store.tables import ledger, progress
from monitor.windows import State, Window

PERFORMANCE = "performance"

_LINE = (
    ledger.c.starts,
    ledger.c.ends,
    ledger.c.revision,
    ledger.c.state,
    ledger.c.rows,
    ledger.c.labels,
    ledger.c.evaluated_at,
    ledger.c.known_at,
    ledger.c.baseline_version,
    ledger.c.config_hash,
    ledger.c.version,
    ledger.c.newest_row,
    ledger.c.pulse,
)


_PROGRESS = sa.select(progress.c.first, progress.c.settled).where(
    progress.c.model == sa.bindparam("of")
)


def newest_revision(
    as_of: datetime | ColumnElement[datetime] | None = None,
) -> ColumnElement[bool]:
    """That a line of the ledger is its window's newest, or was at a moment."""
    later = ledger.alias("later")
    same = (later.c[name] == ledger.c[name] for name in ("model", "starts", "ends"))
    newer = sa.exists().where(*same, later.c.revision > ledger.c.revision)
    if as_of is None:
        return ~newer
    return ~newer.where(later.c.evaluated_at <= as_of) & (ledger.c.evaluated_at <= as_of)


def add(connection: Connection, record: Record) -> int:
    """Write the line of a record and return its number.

    Raises:
        AlreadyRecorded: the ledger has one for the same revision of the same window.
        ValueError: the record holds a finding of another window.
    """
    _require_own(record)
    performance = [found for found in record.findings if found.cause == PERFORMANCE]
    statement = insert(connection, ledger).on_conflict_do_nothing(
        index_elements=["model", "starts", "ends", "revision"]
    )
    number = connection.execute(
        statement.returning(ledger.c.id),
        {
            "model": record.model,
            "starts": record.window.start,
            "ends": record.window.end,
            "revision": record.revision,
            "state": record.state,
            "rows": record.rows,
            "labels": record.labels,
            "performance": len(performance),
            "measured": sum(found.stat is not None for found in performance),
            "evaluated_at": record.evaluated_at,
            "known_at": record.known_at,
            "baseline_version": record.baseline_version,
            "config_hash": record.config_hash,
            "version": record.version,
            "newest_row": record.newest_row,
            "pulse": record.pulse,
        },
    ).scalar()
    if number is None:
        raise AlreadyRecorded(
            f"{record.model}: revision {record.revision} of {record.window} is recorded already"
        )
    return int(number)


def _require_own(record: Record) -> None:
    own = (record.model, record.window, record.revision)
    for found in record.findings:
        if (found.model, found.window, found.revision) != own:
            raise ValueError(
                f"{record.model}: a finding of {found.model}, {found.window}, revision"
                f" {found.revision} cannot be recorded with {record.window}, {record.revision}"
            )


def entries(
    connection: Connection,
    model: str,
    since: datetime | None,
    as_of: datetime | None,
    limit: int,
) -> tuple[Entry, ...]:
    """The newest revision of each window of a model, in time order."""
    query = _newest_of_windows(since=since is not None, as_of=as_of is not None)
    given = {"of": model, "since": since, "as_of": as_of, "most": limit}
    found = [_entry(row) for row in connection.execute(query, given)]
    return tuple(sorted(found, key=lambda entry: entry.window))


def revisions(connection: Connection, model: str, window: Window) -> tuple[Entry, ...]:
    """Every revision of one window, first to newest."""
    query: Select[Any] = sa.select(*_LINE).where(*_of(model, window)).order_by(ledger.c.revision)
    return tuple(_entry(row) for row in connection.execute(query))


def number_of(
    connection: Connection, model: str, window: Window, revision: int | None
) -> int | None:
    """The number of the line of a revision, or of the newest one."""
    query = sa.select(ledger.c.id).where(*_of(model, window))
    if revision is not None:
        query = query.where(ledger.c.revision == revision)
    return connection.execute(query.order_by(ledger.c.revision.desc()).limit(1)).scalar()


def newest(connection: Connection, model: str) -> tuple[int, Entry] | None:
    """The line of the window that ends last, and its number."""
    row = connection.execute(_newest_of_windows(), {"of": model, "most": 1}).first()
    return None if row is None else (row.id, _entry(row))


def newest_performing(connection: Connection, model: str) -> int | None:
    """The number of the line whose performance stands for the model.

    That is the newest window in state final whose performance was looked at, or else the newest
    whose performance could be measured.
    """
    for query in _performing():
        if row := connection.execute(query, {"of": model, "most": 1}).first():
            return int(row.id)
    return None


@cache
def _performing() -> tuple[Select[Any], Select[Any]]:
    # Written out: an index over these lines alone is used only where its condition is plain.
    query = _newest_of_windows().where(sa.text("modelmon_ledger.performance > 0"))
    return query.where(ledger.c.state == State.FINAL), query.where(ledger.c.measured > 0)


def keep_progress(connection: Connection, model: str, found: Progress) -> None:
    """Note how far the ledger of a model is settled."""
    row = {"model": model, "first": found.first, "settled": found.settled}
    connection.execute(upsert(connection.dialect.name, progress, ("model",)), row)


def progress_of(connection: Connection, model: str) -> Progress | None:
    """How far the ledger of a model was settled when that was noted last."""
    row = connection.execute(_PROGRESS, {"of": model}).first()
    return None if row is None else Progress(row.first, row.settled)


def within(connection: Connection, model: str, span: Window) -> list[tuple[int, Window]]:
    """The newest lines of the windows that lie in a span, in time order."""
    query = (
        sa.select(ledger.c.id, ledger.c.starts, ledger.c.ends)
        .where(ledger.c.model == model, newest_revision())
        .where(ledger.c.ends > span.start, ledger.c.ends <= span.end)
        .where(ledger.c.starts >= span.start)
        .order_by(ledger.c.starts)
    )
    return [(row.id, Window(row.starts, row.ends)) for row in connection.execute(query)]


@cache
def _newest_of_windows(*, since: bool = False, as_of: bool = False) -> Select[Any]:
    """The newest lines ``of`` a model, the last window first, at ``most`` so many.

    Those that had not ended ``since``, and ``as_of`` a moment, where that is asked.
    """
    query = (
        sa.select(ledger.c.id, *_LINE)
        .where(ledger.c.model == sa.bindparam("of"))
        .where(newest_revision(sa.bindparam("as_of", type_=Moment) if as_of else None))
        .order_by(ledger.c.ends.desc(), ledger.c.starts.desc())
        .limit(sa.bindparam("most", type_=sa.Integer))
    )
    return query.where(ledger.c.ends > sa.bindparam("since")) if since else query


def _of(model: str, window: Window) -> tuple[ColumnElement[bool], ...]:
    return (
        ledger.c.model == model,
        ledger.c.starts == window.start,
        ledger.c.ends == window.end,
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        Window(row.starts, row.ends),
        row.revision,
        State(row.state),
        row.rows,
        row.labels,
        row.evaluated_at,
        row.known_at,
        row.baseline_version,
        row.config_hash,
        row.version,
        row.newest_row,
        row.pulse,
    )
