"""Times that a database compares as exactly as the row pipeline does: how they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf, nextafter
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    String,
    and_,
    func,
    literal,
    or_,
)
from sqlalchemy.types import TypeEngine

from monitor.sources._sql.cells import to_array
from monitor.sources._sql.dialects import DIALECTS
from monitor.sources._sql.pushdown import Test, TimeColumn
from monitor.sources._sql.texts import usual_shape
from monitor.sources._times import NO_UNIT, UNITS, TimeReader
from monitor.sources._zones import Micros, WallClock, micros, moment

_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_SLOT = timedelta(minutes=15)  # zones change their offset on quarter hours
_EDGES = (10**8, 10**11, 10**14, 10**17, 2**63 - 1)  # of seconds, milli-, micro-, nanoseconds
_SECONDS = 4  # how much of two styles of text is equal if both are written to the second
_PER_SECOND = (1, 10**3, 10**6, 10**9)


class NotPlain(Exception):
    """Rows of this log cannot be told apart in SQL as exactly as in Python; why not."""


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Plain times of a column: those that the database itself can compare.

    ``key`` is what sorts as these times do, ``plain`` tells which cells they are (None: all that
    are there), ``bound`` is the least key of a moment (microseconds since 1970 UTC) or a later one,
    and ``read`` turns keys back into moments. Times of one ``style`` compare with each other.
    """

    key: ColumnElement[Any]
    plain: Test | None
    bound: Callable[[int], ColumnElement[Any]]
    read: Callable[[Sequence[object]], Micros]
    style: tuple[str, ...]

    def not_before(self, other: Clock) -> Test:
        """Which of these times are not before those of another column.

        Texts to another fraction of a second are compared by whole seconds, so that some that are
        equal are taken for earlier.

        Raises:
            NotPlain: they are of different styles.
        """
        if self.style == other.style:
            return self.key >= other.key
        if self.style[0] == "text" and self.style[:_SECONDS] == other.style[:_SECONDS]:
            ours, theirs = (
                func.substr(key, 1, 19, type_=String()) for key in (self.key, other.key)
            )
            return ours > theirs
        raise NotPlain("times of predictions and labels are written in two ways")


@dataclass(frozen=True, slots=True)
class Era:
    """The span of time in which changes of local clocks are known."""

    first: datetime
    last: datetime


def clock_of(
    times: TimeColumn,
    kind: TypeEngine[Any],
    sample: Sequence[object],
    unit: str | None,
    era: Era,
    dialect: str,
) -> Clock:
    """The plain times of a column.

    ``kind`` is its declared type, ``sample`` some of its cells, which tell what is usual where the
    type does not, and ``unit`` that of numbers since 1970.

    Raises:
        NotPlain: there is no form that can be compared.
    """
    form: str = times.form
    if form == "any":
        form = _usual(sample)
    match form:
        case "instant":
            return Clock(times.column, None, _instant, _instants, ("instant",))
        case "wall":
            return _wall(times, era)
        case "day":
            return _days(times, era)
        case "number":
            return _since_1970(times, kind, sample, unit, dialect)
        case "text":
            return _texts(times, sample, era, dialect)
    raise NotPlain("its times are held in a way that does not sort by time")


def _usual(sample: Sequence[object]) -> str:
    """What most of these cells are."""
    kinds = Counter("text" if isinstance(cell, str) else "number" for cell in sample)
    return max(kinds, key=kinds.__getitem__, default="text")


def _instant(us: int) -> ColumnElement[Any]:
    return literal(moment(us), DateTime(timezone=True))


def _instants(keys: Sequence[object]) -> Micros:
    return TimeReader("UTC").read(to_array(keys)).us


def _wall(times: TimeColumn, era: Era) -> Clock:
    zone = times.zone

    def bound(us: int) -> ColumnElement[Any]:
        return literal(moment(us).astimezone(zone).replace(tzinfo=None), DateTime())

    def read(keys: Sequence[object]) -> Micros:
        return TimeReader(zone.key).read(to_array(keys)).us

    plain = _unambiguous(times.column, zone, era, lambda wall: literal(wall, DateTime()))
    return Clock(times.column, plain, bound, read, ("wall", zone.key))


def _days(times: TimeColumn, era: Era) -> Clock:
    zone = times.zone

    def bound(us: int) -> ColumnElement[Any]:
        local = moment(us).astimezone(zone).replace(tzinfo=None)
        return literal((local + _DAY - _TICK).date(), Date())

    def read(keys: Sequence[object]) -> Micros:
        return TimeReader(zone.key).read(to_array(keys)).us

    plain = _unambiguous(times.column, zone, era, lambda wall: literal(_date_from(wall), Date()))
    return Clock(times.column, plain, bound, read, ("day", zone.key))


def _date_from(wall: datetime) -> Any:
    """The first date whose midnight is not before this time."""
    return (wall + _DAY - _TICK).date()


def _unambiguous(
    column: ColumnElement[Any],
    zone: ZoneInfo,
    era: Era,
    written: Callable[[datetime], ColumnElement[Any]],
) -> Test | None:
    """Wall-clock times of the era that clocks show exactly once."""
    if zone.key in ("UTC", "Etc/UTC"):
        return None
    first, last = (_naive(end, zone) for end in (era.first, era.last))
    tests = [column >= written(first), column < written(last)]
    for low, high in _odd_hours(zone, era):
        tests.append(or_(column < written(low), column >= written(high)))
    return and_(*tests)


def _naive(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _odd_hours(zone: ZoneInfo, era: Era) -> Iterator[tuple[datetime, datetime]]:
    """Spans of wall-clock time that are lived twice or never."""
    at = (era.first - _DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    while at < era.last + _DAY:
        before, after = _offset(zone, at), _offset(zone, at + _DAY)
        step = at
        while before != after and step < at + _DAY:
            old, new = _offset(zone, step), _offset(zone, step + _SLOT)
            if old != new:
                change = (step + _SLOT).replace(tzinfo=None)
                yield change + min(old, new), change + max(old, new)
            step += _SLOT
        at += _DAY


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _usual_unit(sample: Sequence[object]) -> str:
    """The unit of most of these numbers."""
    numbers = [cell for cell in sample if isinstance(cell, int | float | Decimal)]
    units = TimeReader("UTC").read(to_array(numbers)).unit.tolist() if numbers else []
    met = Counter(UNITS[unit] for unit in units if unit != NO_UNIT)
    if not met:
        raise NotPlain("the unit of its times since 1970 is not known")
    return max(met, key=met.__getitem__)


def _since_1970(
    times: TimeColumn,
    kind: TypeEngine[Any],
    sample: Sequence[object],
    unit: str | None,
    dialect: str,
) -> Clock:
    unit = unit or _usual_unit(sample)
    place, facts = UNITS.index(unit), DIALECTS[dialect]
    column: ColumnElement[Any] = times.column
    guard = [func.typeof(column).in_(("integer", "real"))] if facts.typed_cells else []
    if not facts.typed_cells and not isinstance(kind, Integer):
        column = facts.as_double(column)
    plain = and_(*guard, column >= _whole(_EDGES[place]), column < _whole(_EDGES[place + 1]))
    if unit == "s":  # rounded to microseconds, as Python does
        key = facts.as_double(column) * facts.number(1e6)
        return Clock(key, plain, lambda us: facts.number(_rounding_to(us)), _rounded, ("s",))
    per_second = _PER_SECOND[place]

    def read(keys: Sequence[object]) -> Micros:
        raw = np.array([int(key) for key in keys], np.int64)  # type: ignore[call-overload]
        return raw // (per_second // 10**6) if per_second > 10**6 else raw * (10**6 // per_second)

    return Clock(column, plain, lambda us: _whole(-(-us * per_second // 10**6)), read, (unit,))


def _whole(value: int) -> ColumnElement[Any]:
    return literal(min(max(value, -_EDGES[-1]), _EDGES[-1]), BigInteger())


def _rounding_to(us: int) -> float:
    """The least number that is rounded to this one or a higher one (ties go to even numbers)."""
    half = us - 0.5
    return half if us % 2 == 0 else nextafter(half, inf)


def _rounded(keys: Sequence[object]) -> Micros:
    return np.rint(np.array(keys, np.float64)).astype(np.int64)


def _texts(times: TimeColumn, sample: Sequence[object], era: Era, dialect: str) -> Clock:
    """ISO texts of the usual shape, which sort as their times do."""
    shape, column = usual_shape(sample), times.column
    if shape is None:
        raise NotPlain("its times are not written as in 2024-01-05 10:00:00")
    zone = ZoneInfo("UTC") if shape.suffix else times.zone

    def written(wall: datetime) -> ColumnElement[Any]:
        return literal(shape.written(wall), String())

    def bound(us: int) -> ColumnElement[Any]:
        return written(_naive(moment(us), zone))

    def read(keys: Sequence[object]) -> Micros:
        walls = [datetime.fromisoformat(str(key)).replace(tzinfo=UTC) for key in keys]
        return WallClock(zone.key).to_utc(np.array([micros(wall) for wall in walls], np.int64))

    years = range(era.first.year, era.last.year + 1)
    tests = [shape.plain(column, years, DIALECTS[dialect])]
    odd = _unambiguous(column, zone, era, written)
    tests += [] if odd is None else [odd]
    to_seconds = str(shape.clock == len(" 10:00:00"))
    style = ("text", zone.key, shape.separator, to_seconds, str(shape))
    return Clock(column, and_(*tests), bound, read, style)
