"""Granules as rows: the portraits of short spans, kept to make up longer ones, and then fewer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from checks.pack import pack_all, unpack_all
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Pulse
from monitor.store.columns import storable
from monitor.store.errors import Damaged
from monitor.store.records import Granule
from monitor.store.tables import granule
from monitor.windows import Calendar, Window

_LONGEST = timedelta(days=2)  # no granule is longer: a day has 25 hours at most
_AT_ONCE = 500  # ids in one statement

_CONTENT: tuple[sa.Column[Any], ...] = (
    granule.c.starts,
    granule.c.ends,
    granule.c.slices,
    granule.c.content,
)

Slices = dict[Slice, Portrait]


@dataclass(frozen=True, slots=True)
class Packed:
    """A granule as bytes."""

    window: Window
    pulse: Pulse | None
    plan_hash: str
    slices: str
    content: bytes


def packed(granules: Iterable[Granule]) -> list[Packed]:
    """The bytes of each; costs time, so it is done before a transaction begins."""
    return [_packed(each) for each in granules]


def _packed(one: Granule) -> Packed:
    keys = [[storable(key.version), storable(key.segment)] for key in one.slices]
    portraits = list(one.slices.values())
    plan_hash = portraits[0].plan
    return Packed(one.window, one.pulse, plan_hash, json.dumps(keys), pack_all(portraits))


def put(connection: Connection, model: str, granules: Sequence[Packed], now: datetime) -> None:
    """Write granules; those that they overlap go, whatever plan these are of."""
    for start, end in _stretches(granules):
        connection.execute(
            sa.delete(granule).where(
                *_from(model, start - _LONGEST), granule.c.starts < end, granule.c.ends > start
            )
        )
    rows = [_row(model, each, now) for each in granules]
    if rows:
        connection.execute(sa.insert(granule), rows)


def _stretches(granules: Sequence[Packed]) -> Iterator[tuple[datetime, datetime]]:
    """The spans that granules cover without a gap."""
    windows = sorted(each.window for each in granules)
    gaps = [i for i, (one, other) in enumerate(pairwise(windows), 1) if one.end != other.start]
    for a, b in pairwise([0, *gaps, len(windows)]):
        if a < b:
            yield windows[a].start, windows[b - 1].end


def _row(model: str, one: Packed, now: datetime) -> dict[str, Any]:
    pulse = one.pulse
    return {
        "model": model,
        "starts": one.window.start,
        "ends": one.window.end,
        "plan_hash": one.plan_hash,
        "rows": None if pulse is None else pulse.rows,
        "labels": None if pulse is None else pulse.labels,
        "digest": None if pulse is None else pulse.digest,
        "read_at": now,
        "slices": one.slices,
        "content": one.content,
    }


def same(
    connection: Connection, model: str, plan_hash: str, pulses: Mapping[Window, Pulse]
) -> Sequence[Row[Any]]:
    """The rows of the granules that are as they were, going by their pulses."""
    if not pulses:
        return []
    first, last = min(pulses).start, max(window.end for window in pulses)
    names = ("id", "starts", "ends", "rows", "labels", "digest")
    columns: list[sa.Column[Any]] = [granule.c[name] for name in names]
    query = sa.select(*columns).where(
        *_from(model, first), granule.c.starts < last, granule.c.plan_hash == plan_hash
    )
    wanted = [
        row.id
        for row in connection.execute(query)
        if row.digest is not None and pulses.get(Window(row.starts, row.ends)) == _pulse(row)
    ]
    return list(_contents(connection, wanted))


def within(connection: Connection, model: str, plan_hash: str, span: Window) -> Sequence[Row[Any]]:
    """The rows of the granules that lie in a span, in time order."""
    query = sa.select(*_CONTENT).where(
        *_from(model, span.start), granule.c.ends <= span.end, granule.c.plan_hash == plan_hash
    )
    return connection.execute(query.order_by(granule.c.starts)).all()


def _from(model: str, start: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return granule.c.model == model, granule.c.starts >= start


def _pulse(row: Row[Any]) -> Pulse:
    return Pulse(row.rows, row.labels, row.digest)


def _contents(connection: Connection, ids: Sequence[int]) -> Iterator[Row[Any]]:
    for at in range(0, len(ids), _AT_ONCE):
        some = granule.c.id.in_(ids[at : at + _AT_ONCE])
        yield from connection.execute(sa.select(*_CONTENT).where(some))


def unpacked(rows: Iterable[Row[Any]]) -> dict[Window, Slices]:
    """The portraits in rows; costs time, so it is done after a transaction has ended.

    Raises:
        Damaged: their bytes are not what was written.
    """
    return {Window(row.starts, row.ends): _slices(row) for row in rows}


def _slices(row: Row[Any]) -> Slices:
    try:
        portraits = unpack_all(row.content)
        keys = [Slice(*key) for key in json.loads(row.slices)]
        return dict(zip(keys, portraits, strict=True))
    except (ValueError, TypeError) as error:
        raise Damaged(f"a stored granule cannot be read: {error}") from error


def forget(connection: Connection, model: str, plan_hash: str) -> None:
    """Delete the granules of all other plans."""
    other = granule.c.plan_hash != plan_hash
    connection.execute(sa.delete(granule).where(granule.c.model == model, other))


def prune(connection: Connection, model: str, before: datetime) -> int:
    """Delete the granules that had ended by then; how many there were."""
    old = sa.delete(granule).where(
        granule.c.model == model, granule.c.starts < before, granule.c.ends <= before
    )
    return connection.execute(old).rowcount


@dataclass(frozen=True, slots=True)
class Ripe:
    """A day whose granules can become one."""

    day: Window
    ids: tuple[int, ...]


def ripe(
    connection: Connection, model: str, plan_hash: str, days: Calendar, before: datetime, limit: int
) -> list[Ripe]:
    """The first days before a moment that are made up of shorter granules, without a gap."""
    query: sa.Select[Any] = (
        sa.select(granule.c.id, granule.c.starts, granule.c.ends)
        .where(granule.c.model == model, granule.c.starts < before, granule.c.ends <= before)
        .where(granule.c.plan_hash == plan_hash)
        .order_by(granule.c.starts)
    )
    by_day: dict[Window, list[Row[Any]]] = {}
    day: Window | None = None
    for row in connection.execute(query):
        if day is None or not day.start <= row.starts < day.end:
            day = days.containing(row.starts)
        by_day.setdefault(day, []).append(row)
    found = (_ripe(day, rows) for day, rows in by_day.items())
    return [each for each in found if each is not None][:limit]


def _ripe(day: Window, rows: Sequence[Row[Any]]) -> Ripe | None:
    whole = (rows[0].starts, rows[-1].ends) == (day.start, day.end)
    tiled = all(one.ends == other.starts for one, other in pairwise(rows))
    return Ripe(day, tuple(row.id for row in rows)) if whole and tiled and len(rows) > 1 else None


def contents(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """The rows of some granules."""
    return list(_contents(connection, ids))


def replace_parts(
    connection: Connection, model: str, ids: Sequence[int], whole: Packed, now: datetime
) -> bool:
    """Put one granule in the place of its parts; False where these are no more what they were."""
    there = sa.select(granule.c.id).where(granule.c.id.in_(ids)).with_for_update()
    if len(connection.execute(there).all()) < len(ids):
        return False
    connection.execute(sa.delete(granule).where(granule.c.id.in_(ids)))
    connection.execute(sa.insert(granule), [_row(model, whole, now)])
    return True
