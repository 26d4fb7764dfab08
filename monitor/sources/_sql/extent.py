"""How far a log in a database reaches, without reading it all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta

import pyarrow as pa
from sqlalchemy import and_, not_, select

from monitor.sources import Columns, Extent, Horizon
from monitor.sources._extent import extent_batches
from monitor.sources._placing import SKEW
from monitor.sources._sql.pushdown import TimeColumn
from monitor.sources._sql.relation import Relation, Rows
from monitor.sources._sql.session import Query
from monitor.windows import Window

_OUTERMOST = 1000
_TICK = timedelta(microseconds=1)
_FAR = timedelta(days=2)  # more than two spellings of one moment can differ


def extent_of(log: Relation, columns: Columns, horizon: Horizon, size: int) -> Extent:
    """The rows known at the horizon, and the times of the first and the last of them.

    The database counts and sorts; only the outermost times of each spelling are looked at, and
    those that are not known yet.
    """
    if columns.timestamp is None:
        return Extent(Rows(log).count())
    times = log.times(columns.timestamp, columns.timezone)
    whole = Rows(log).batches([columns.timestamp], size)
    if times.form == "unknown":
        return extent_batches(columns, horizon, whole)
    ends = list(_ends(log, columns, times, horizon))
    found = [extent_batches(columns, horizon, end) for end in ends]
    full = [sum(map(len, end)) == _OUTERMOST for end in ends]
    if any(many and end.first is None for many, end in zip(full, found, strict=True)):
        return extent_batches(columns, horizon, whole)  # so much rubbish that all must be read
    first = min((end.first for end in found if end.first), default=None)
    last = max((end.last for end in found if end.last), default=None)
    return Extent(Rows(log).count() - _unborn(log, columns, times, horizon, size), first, last)


def _ends(
    log: Relation, columns: Columns, times: TimeColumn, horizon: Horizon
) -> Iterator[list[pa.RecordBatch]]:
    """The first and the last cells of each spelling, in the order in which they came."""
    name = str(columns.timestamp)
    for test in times.until(horizon.known_at + _TICK):
        for order in (times.column.asc(), times.column.desc()):
            cells, place = log.readable(name).label("cell"), log.arrival
            outermost: Query = select(
                cells, (times.column if place is None else place).label("place")
            )
            inner = outermost.select_from(log.rows).where(test).order_by(order).limit(_OUTERMOST)
            end = inner.subquery("outermost")
            if rows := log.session.rows(select(end.c.cell).order_by(end.c.place)):
                yield list(log.batches([name], rows, ordered=True))


def _unborn(log: Relation, columns: Columns, times: TimeColumn, horizon: Horizon, size: int) -> int:
    """Rows that are not known at the horizon and yet no rows of the future.

    Where the database cannot tell exactly it counts those that are well between, and only the rows
    near both ends are looked at.
    """
    start, end = horizon.known_at.astimezone(UTC) + _TICK, horizon.clock.astimezone(UTC) + SKEW
    if end < start:
        return 0
    between, inside = times.within([Window(start, end + _TICK)]), 0
    if times.exact:
        return Rows(log, between).count()
    if end - start > 3 * _FAR:
        inner = times.within([Window(start + _FAR, end - _FAR)])
        between, inside = and_(between, not_(inner)), Rows(log, inner).count()
    batches = Rows(log, between).batches([str(columns.timestamp)], size)
    return inside + sum(len(b) - extent_batches(columns, horizon, [b]).rows for b in batches)
