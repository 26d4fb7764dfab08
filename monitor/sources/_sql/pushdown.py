"""Which rows a database is asked for: predicates on a timestamp column that no wanted row escapes.

A predicate may let through rows that lie outside the windows (they are dropped exactly later), and
never hides one inside. It compares the bare column, so that an index on it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    String,
    and_,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)

from monitor.windows import Window

Form = Literal["instant", "wall", "day", "text", "number", "any", "unknown"]
"""How a database holds times: with and without time zone, as a date, as ISO text, as a number
since 1970, as text or number row by row (SQLite), or in a way that does not sort by time."""

Bound = ColumnElement[object]
Test = ColumnElement[bool]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_TICK = timedelta(microseconds=1)
_EAST, _WEST = 14 * HOUR, 12 * HOUR  # how far local clocks are ahead and behind
_MAY_MEET = 4 * DAY  # more than two spellings of one moment can differ
_NEVER_MEET = timedelta(days=-(10**6))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
_EDGES = (10**8, 10**11, 10**14, 10**17, 2**63 - 1)  # of seconds, milli-, micro-, nanoseconds
_FIRST_YEARS, _MODERN = "19", datetime(1901, 1, 1, tzinfo=UTC)
_MARKS = (" ", "T")  # between date and hour
_MOST_SPANS = 16


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way to write a time: what is at or after a moment is never written below ``low`` of it,
    and what is before the moment always below ``high`` of it.

    ``floor`` and ``ceiling`` bound what is written this way. ``text`` tells texts, of which the
    usual ones lie in narrower ranges.
    """

    low: Callable[[datetime], Bound]
    high: Callable[[datetime], Bound]
    floor: Bound | None = None
    ceiling: Bound | None = None
    text: bool = False


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """A timestamp column as its database holds it; ``zone`` reads times without an offset.

    Text is found where it begins with a date as in ``2024-01-05``.
    """

    column: ColumnElement[object]
    form: Form
    zone: ZoneInfo
    _known: dict[tuple[Window, ...], Test] = field(default_factory=dict, compare=False, repr=False)

    @property
    def exact(self) -> bool:
        """Whether `within` lets through the rows of the windows and no others."""
        return self.form == "instant" or (self.form == "wall" and self.zone.key == "UTC")

    def within(self, windows: Sequence[Window]) -> Test:
        """Rows that may lie in one of the windows."""
        if self.form == "unknown":
            return true()
        if (known := tuple(windows)) not in self._known:
            ways, covered = self._spellings(), spans(windows)
            tests = (test for span in covered for way in ways for test in self._between(way, span))
            self._known[known] = or_(*tests)
        return self._known[known]

    def astray(self, windows: Sequence[Window], moment: datetime) -> Test:
        """Rows that are not `within` and have no time that can be read, or one after ``moment``.

        Text that is no time is found where it sorts before all times or behind ``moment``, as
        ``N/A``, ``0000-00-00`` and the empty text do.
        """
        if self.form == "unknown":
            return false()
        apart, gap = not_(self.within(windows)), moment - max(window.end for window in windows)
        if min(windows).start < _MODERN:
            gap = timedelta.min
        # Range after range: so a database finds each by an index and reads no other row.
        found = (odd if gap >= clear else and_(odd, apart) for odd, clear in self._odd(moment))
        return or_(self.column.is_(None), *found)

    def until(self, moment: datetime) -> list[Test]:
        """For each way to write a time, rows written so whose time may be before ``moment``."""
        if self.form == "unknown":
            return [true()]
        return [test for way in self._spellings() for test in self._before(way, moment)]

    def folds(self, windows: Sequence[Window]) -> bool:
        """Whether local clocks may be set back in a window, so that the order of rows matters."""
        if self.form in ("instant", "day", "number") or self.zone.key == "UTC":
            return False
        return any(_set_back(self.zone, span) for span in spans(windows))

    def _odd(self, moment: datetime) -> list[tuple[Test, timedelta]]:
        """Cells of a time after ``moment`` or of none.

        With each test comes how long before ``moment`` a window must have ended for it to let
        through no cell of the window.
        """
        after = [self._range(way.low(moment), way.ceiling) for way in self._spellings()]
        before_all = self.column < _number(_EDGES[0])
        match self.form:
            case "number":
                return [*((each, _MINUTE) for each in after), (before_all, _NEVER_MEET)]
            case "text":
                return self._odd_texts(moment)
            case "any":
                # Where a column is declared as text, SQLite compares numbers with it as text.
                numbers = func.typeof(self.column).in_(("integer", "real"))
                odd = [*((each, _MINUTE) for each in after[1:]), (before_all, _NEVER_MEET)]
                return [
                    *self._odd_texts(moment),
                    *((and_(numbers, each), clear) for each, clear in odd),
                ]
        return [(each, _MAY_MEET) for each in after]

    def _odd_texts(self, moment: datetime) -> list[tuple[Test, timedelta]]:
        rubbish = self._range(_text(""), _text(_FIRST_YEARS))
        *usual, others = self._texts(self.column >= _first_day(moment), moment, _LATEST)
        clear = HOUR if self.zone.key == "UTC" else _MAY_MEET
        return [*((each, clear) for each in usual), (others, _MAY_MEET), (rubbish, _NEVER_MEET)]

    def _between(self, way: Spelling, span: Window) -> list[Test]:
        inside = self._range(way.low(span.start), way.high(span.end))
        return self._texts(inside, span.start, span.end) if way.text else [inside]

    def _before(self, way: Spelling, moment: datetime) -> list[Test]:
        inside = self._range(way.floor, way.high(moment))
        return self._texts(inside, _EARLIEST, moment) if way.text else [inside]

    def _range(self, low: Bound | None, high: Bound | None) -> Test:
        tests = [] if low is None else [self.column >= low]
        return and_(*tests, *([] if high is None else [self.column < high]))

    def _spellings(self) -> tuple[Spelling, ...]:
        text = Spelling(_first_day, _last_day, floor=_text(_FIRST_YEARS), text=True)
        match self.form:
            case "instant":
                return (Spelling(_instant, _instant),)
            case "wall":
                return (Spelling(partial(self._wall, sign=-1), partial(self._wall, sign=1)),)
            case "day":
                return (Spelling(self._day, partial(self._day, later=1)),)
            case "text":
                return (text,)
            case "number":
                return _NUMBERS
            case _:
                return (text, *_NUMBERS)

    def _local(self, moment: datetime) -> datetime:
        return _clamp(moment).astimezone(self.zone).replace(tzinfo=None)

    def _wall(self, moment: datetime, sign: int) -> Bound:
        slack = 0 if self.zone.key == "UTC" else sign  # hours that clocks are set back, at most
        return literal(self._local(moment) + slack * HOUR, DateTime())

    def _day(self, moment: datetime, later: int = 0) -> Bound:
        return literal((self._local(moment) + later * DAY).date(), Date())

    def _texts(self, around: Test, start: datetime, end: datetime) -> list[Test]:
        """Texts of a span: the usual ones in narrow ranges, and of those around it the others.

        A text of date, hour and minute without an offset is in UTC or the zone's time. Such texts
        sort as their times do, if written alike: others would have to be looked at one by one.
        """
        slack = (0 if self.zone.key == "UTC" else 1) * HOUR  # what clocks are set back, at most
        first = min(_clamp(start).replace(tzinfo=None), self._local(start)) - slack
        last = max(_clamp(end).replace(tzinfo=None), self._local(end)) + slack - _TICK
        shapes = [
            and_(self.column.like(f"____-__-__{mark}__:__%"), self._piece(11, 1) == mark)
            for mark in _MARKS  # once more, as not every LIKE tells T from t
        ]
        usual = and_(or_(*shapes), self.column.not_like("%+%"), self.column.not_like("%-%-%-%"))
        narrow = (
            and_(self._range(_first_minute(first, mark), _minute(last + _MINUTE, mark)), shape)
            for mark, shape in zip(_MARKS, shapes, strict=True)
        )
        return [*narrow, and_(around, not_(usual), not_(self._plainly_outside(first, last)))]

    def _plainly_outside(self, first: datetime, last: datetime) -> Test:
        """Texts of another hour, of a known offset, whatever stands between date and hour."""
        hour = self._piece(1, 10) + self._piece(12, 2)
        behind = self._piece(14, 50)
        return and_(
            self._piece(5, 1) == "-",
            self._piece(8, 1) == "-",
            self._piece(12, 2) != "",
            behind.not_like("%+%"),
            behind.not_like("%-%"),
            or_(hour < _first_hour(first), hour > _hour(last)),
        )

    def _piece(self, start: int, length: int) -> ColumnElement[str]:
        return func.substr(self.column, start, length, type_=String())


def spans(windows: Sequence[Window]) -> list[Window]:
    r"""Few spans that cover the windows: a gap no longer than the window behind it is read too.

    >>> day = [datetime(2024, 1, d, tzinfo=UTC) for d in range(1, 10)]
    >>> covered = spans([Window(day[0], day[1]), Window(day[2], day[3]), Window(day[6], day[7])])
    >>> print(*covered, sep="\n")
    2024-01-01 00:00Z .. 2024-01-04 00:00Z
    2024-01-07 00:00Z .. 2024-01-08 00:00Z
    """
    covered: list[Window] = []
    for window in sorted(windows):
        if covered and window.start - covered[-1].end <= window.end - window.start:
            last = covered.pop()
            covered.append(Window(last.start, max(last.end, window.end)))
        else:
            covered.append(window)
    if len(covered) > _MOST_SPANS:
        return [Window(covered[0].start, covered[-1].end)]
    return covered


def _set_back(zone: ZoneInfo, span: Window) -> bool:
    first, last = _clamp(span.start) - DAY, _clamp(span.end) + DAY
    moments = (first + hour * HOUR for hour in range((last - first) // HOUR + 1))
    offsets = [moment.astimezone(zone).utcoffset() or 0 * HOUR for moment in moments]
    return any(after < before for before, after in pairwise(offsets))


def _clamp(moment: datetime) -> datetime:
    """A moment that can be moved by a day and into any zone."""
    return min(max(moment, _EARLIEST), _LATEST)


def _instant(moment: datetime) -> Bound:
    return literal(_clamp(moment), DateTime(timezone=True))


def _text(text: str) -> Bound:
    return literal(text, String())


def _number(number: int) -> Bound:
    return literal(number, BigInteger())


def _first_day(moment: datetime) -> Bound:
    """The earliest date that a clock anywhere shows."""
    return _text((_clamp(moment) - _WEST).date().isoformat())


def _last_day(moment: datetime) -> Bound:
    """The day after the latest date that a clock anywhere shows."""
    return _text((_clamp(moment) + _EAST + DAY).date().isoformat())


def _hour(local: datetime) -> str:
    return f"{local.date().isoformat()}{local.hour:02}"


def _first_hour(local: datetime) -> str:
    """The same; the first hour of a day may be written as hour 24 of the day before."""
    return _hour(local) if local.hour else f"{(local - DAY).date().isoformat()}24"


def _minute(local: datetime, mark: str) -> Bound:
    return _text(f"{local.date().isoformat()}{mark}{local.hour:02}:{local.minute:02}")


def _first_minute(local: datetime, mark: str) -> Bound:
    if local.hour or local.minute:
        return _minute(local, mark)
    return _text(f"{(local - DAY).date().isoformat()}{mark}24")


def _counted(unit: int) -> Spelling:
    """Numbers since 1970 in one unit, as many a second as 1000 to this power.

    Their size tells the unit, so that no number belongs to two of them.
    """
    floor, ceiling = _EDGES[unit], _EDGES[unit + 1]

    def low(moment: datetime) -> Bound:
        count = _microseconds(moment) * 1000**unit // 10**6
        return _number(min(max(count, floor), ceiling))

    def high(moment: datetime) -> Bound:
        count = -(-_microseconds(moment) * 1000**unit // 10**6)
        return _number(min(max(count, floor), ceiling))

    return Spelling(low, high, _number(floor), _number(ceiling))


def _microseconds(moment: datetime) -> int:
    return (_clamp(moment) - _EPOCH) // timedelta(microseconds=1)


_NUMBERS = tuple(_counted(unit) for unit in range(4))
