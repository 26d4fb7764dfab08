"""Calendar windows in a time zone, and which of them are due; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import dropwhile, islice
from typing import Literal
from zoneinfo import ZoneInfo

Unit = Literal["m", "h", "d", "w", "mo"]

MOST_SILENT = 3
_LONGEST = 10 * 366 * 86_400
MOST_CATCH_UP = 20_000
_MINUTES: Mapping[str, int] = {"m": 1, "h": 60}
_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

EARLIEST = 1970
"""The year before which no log was written."""


class State(StrEnum):
    """How much of the truth a window knew when it was last evaluated."""

    OPEN = "open"
    PROVISIONAL = "provisional"
    FINAL = "final"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span of time [start, end), both aware and in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC or self.end <= self.start:
            raise ValueError(f"a window needs start < end in UTC, not {self.start} .. {self.end}")

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M}Z .. {self.end:%Y-%m-%d %H:%M}Z"

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Every:
    """The length of a window: a number of minutes or hours that divides a day, or calendar units.

    >>> Every.parse("15m"), str(Every.parse("1mo"))
    (Every(count=15, unit='m'), '1mo')
    """

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Every:
        """Read ``15m``, ``1h``, ``1d``, ``1w`` or ``1mo``; ValueError says what is possible."""
        found = re.fullmatch(r"\s*(\d+)\s*(m|h|d|w|mo)\s*", text)
        if not found:
            raise ValueError(f"{text!r} is no window length; write 15m, 1h, 1d, 1w or 1mo")
        count, unit = int(found[1]), found[2]
        if unit in _MINUTES and (count < 1 or 1440 % (count * _MINUTES[unit])):
            raise ValueError(f"{text!r} does not divide a day into equal windows")
        if unit not in _MINUTES and count != 1:
            raise ValueError(
                f"{text!r}: windows of days, weeks and months come one at a time (1{unit})"
            )
        return cls(count, unit)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def tiles(self, longer: Every) -> bool:
        """Whether whole ones of these make up each of the longer windows, in any time zone.

        >>> Every.parse("1h").tiles(Every.parse("1w")), Every.parse("1h").tiles(Every.parse("90m"))
        (True, False)
        """
        if longer.unit in _MINUTES:
            return self.unit in _MINUTES and longer.minutes % self.minutes == 0
        return self.unit in _MINUTES or self.unit in ("d", longer.unit)

    @property
    def minutes(self) -> int:
        """The minutes of a window that is not a calendar unit."""
        return self.count * _MINUTES[self.unit]


def parse_duration(text: str) -> timedelta:
    """Read ``90s``, ``15m``, ``1h``, ``7d`` or ``2w``.

    >>> parse_duration("1h")
    datetime.timedelta(seconds=3600)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", text)
    if not found:
        raise ValueError(f"{text!r} is no duration; write 90s, 15m, 1h, 7d or 2w")
    seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{text!r} is longer than ten years")
    return timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Windows of one length in one time zone.

    Days, weeks (from Monday) and months begin at local midnight. Shorter windows tile each local
    day from its midnight in absolute time, so that a day of 23 or 25 hours has 23 or 25 hours,
    each of them once.
    """

    every: Every
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def containing(self, moment: datetime) -> Window:
        """The window that an instant falls in.

        >>> night = Calendar(Every.parse("1d"), ZoneInfo("Europe/Berlin"))
        >>> night.containing(datetime(2026, 10, 25, 12, tzinfo=UTC)).length
        datetime.timedelta(days=1, seconds=3600)
        """
        day = moment.astimezone(self.zone).date()
        start, end = self._midnight(self._first_day(day)), self._midnight(self._next_day(day))
        if self.every.unit not in _MINUTES:
            return Window(start, end)
        step = timedelta(minutes=self.every.minutes)
        begin = start + (moment - start) // step * step
        return Window(begin, min(begin + step, end))

    def after(self, window: Window) -> Window:
        return self.containing(window.end)

    def before(self, window: Window) -> Window:
        return self.containing(window.start - timedelta(microseconds=1))

    def between(self, start: datetime, end: datetime) -> Iterator[Window]:
        """The windows that lie wholly inside [start, end), in order."""
        if end <= start:
            return
        window = self.containing(start)
        if window.start < start:
            window = self.after(window)
        while window.end <= end:
            yield window
            window = self.after(window)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def _first_day(self, day: date) -> date:
        match self.every.unit:
            case "w":
                return day - timedelta(days=day.weekday())
            case "mo":
                return day.replace(day=1)
            case _:
                return day

    def _next_day(self, day: date) -> date:
        first = self._first_day(day)
        match self.every.unit:
            case "w":
                return first + timedelta(days=7)
            case "mo":
                return (first + timedelta(days=31)).replace(day=1)
            case _:
                return first + timedelta(days=1)


HOUR, DAY = Every(1, "h"), Every(1, "d")

COARSE_AFTER = timedelta(days=7)
"""How long after the last wait for labels smaller granules than days are of use."""


def granule_of(every: Every) -> Every:
    """What windows are cut into: hours, or nothing where hours do not make them up.

    >>> str(granule_of(Every.parse("1w"))), str(granule_of(Every.parse("90m")))
    ('1h', '90m')
    """
    return HOUR if HOUR.tiles(every) else every


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a window is evaluated, and when its labels count as all there.

    ``settle`` is how long to wait for late rows after a window's end. A window is final when
    ``mature_at`` of its rows have labels or ``labels_within`` has passed since its end;
    ``labelled`` is False for a model without labels, whose windows are final at once. A window
    without rows waits as long for its rows: logs that stopped are often filled in afterwards.

    ``granule`` is what windows are cut into, so that late labels cost a granule and not a window
    (None: see `granule_of`).
    """

    calendar: Calendar
    settle: timedelta = timedelta(0)
    labels_within: timedelta = timedelta(days=7)
    mature_at: float = 0.95
    labelled: bool = True
    granule: Every | None = None

    def granules(
        self, window: Window, now: datetime, granule: Every | None = None
    ) -> tuple[Window, ...]:
        """The granules that make up a window: the window itself where it is no longer than one.

        One whose labels have not been waited for any more for a week is cut into days.
        """
        every = self.calendar.every
        past = now >= window.end + self.labels_within + COARSE_AFTER
        chosen = granule or (DAY if past else self.granule or granule_of(every))
        granule = chosen if chosen.tiles(every) else every
        if granule == every or window != self.calendar.containing(window.start):
            return (window,)
        return tuple(Calendar(granule, self.calendar.zone).between(window.start, window.end))

    def waits(self, window: Window, now: datetime) -> bool:
        """Whether labels of a window may still come."""
        return self.labelled and now < window.end + self.labels_within

    def state(self, window: Window, rows: int, labels: int, now: datetime) -> State:
        """The state a window reaches when it is evaluated now."""
        if now >= window.end + self.labels_within:
            return State.FINAL
        enough = rows > 0 and (not self.labelled or labels >= self.mature_at * rows)
        return State.FINAL if enough else State.PROVISIONAL


@dataclass(frozen=True, slots=True)
class Seen:
    """What the ledger knows of a window: its newest revision, state, and when it was last read."""

    window: Window
    revision: int
    state: State
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A window to evaluate, and the revision this evaluation would be."""

    window: Window
    revision: int


def due(
    schedule: Schedule,
    seen: Sequence[Seen],
    first: datetime,
    newest_row: datetime | None,
    now: datetime,
) -> list[Due]:
    """The windows to evaluate now, oldest first.

    New windows are those from ``first`` on that have ended and settled. Beyond the newest row
    there is nothing but silence, and of a silent stretch only the last few windows are evaluated:
    enough to say that the log has stopped, however long the monitor itself was down. Windows still
    waiting for labels come again, the older the rarer, and once more when their time is up.
    """
    known = {entry.window: entry for entry in seen}
    fresh = [Due(w, 1) for w in _finished(schedule, first, newest_row, now) if w not in known]
    again = [Due(e.window, e.revision + 1) for e in seen if _waiting(schedule, e, now)]
    return sorted([*fresh, *again], key=lambda item: item.window)


def quiet_until(
    schedule: Schedule, seen: Sequence[Seen], first: datetime, now: datetime
) -> datetime | None:
    """Until when no window becomes due, whatever rows come; nothing may be `due` now.

    None where windows were left out of a silent stretch: they are due when rows come behind it.
    """
    if _missing(schedule, seen, first, now):
        return None
    ends = schedule.calendar.containing(max(first, now - schedule.settle)).end + schedule.settle
    again = (_again(schedule, entry) for entry in seen if entry.state is State.PROVISIONAL)
    return min((ends, *again))


def told_by_clock(schedule: Schedule, seen: Sequence[Seen], first: datetime, now: datetime) -> bool:
    """Whether the same windows are `due` now wherever the newest row lies."""
    return len(_missing(schedule, seen, first, now)) <= MOST_SILENT


def _missing(
    schedule: Schedule, seen: Sequence[Seen], first: datetime, now: datetime
) -> list[Window]:
    """The finished windows from the first one on that is not in the ledger; of many, some."""
    known = {entry.window for entry in seen}
    finished = schedule.calendar.between(first, now - schedule.settle)
    return list(islice(dropwhile(known.__contains__, finished), MOST_SILENT + 1))


def settled(
    schedule: Schedule,
    seen: Sequence[Seen],
    first: datetime,
    newest_row: datetime | None,
    now: datetime,
) -> datetime:
    """Up to when, from ``first`` on, every window is final, so that none is ever due again.

    That is before the first window that is not in the ledger: what was left out of a silent
    stretch is found when its rows come after all.
    """
    final = {entry.window for entry in seen if entry.state is State.FINAL}
    waiting = (entry.window.start for entry in seen if entry.state is not State.FINAL)
    moment, _ = _catch_up(schedule, first, newest_row, now)
    for window in schedule.calendar.between(moment, now):
        if window not in final:
            break
        moment = window.end
    return min((moment, *waiting))


def _catch_up(
    schedule: Schedule, first: datetime, newest_row: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """From when to when the finished windows up to the newest row are evaluated."""
    if newest_row is None:
        return first, first
    newest = schedule.calendar.containing(newest_row)
    last = min(now - schedule.settle, newest.end)
    return max(first, last - MOST_CATCH_UP * newest.length), last


def _finished(
    schedule: Schedule, first: datetime, newest_row: datetime | None, now: datetime
) -> list[Window]:
    calendar, until = schedule.calendar, now - schedule.settle
    talking = list(calendar.between(*_catch_up(schedule, first, newest_row, now)))
    silent: list[Window] = []
    begin = max(first, talking[-1].end if talking else first)
    window = calendar.before(calendar.containing(until))
    while len(silent) < MOST_SILENT and window.start >= begin:
        silent.append(window)
        window = calendar.before(window)
    return talking + silent[::-1]


def _waiting(schedule: Schedule, entry: Seen, now: datetime) -> bool:
    return entry.state is State.PROVISIONAL and now >= _again(schedule, entry)


def _again(schedule: Schedule, entry: Seen) -> datetime:
    """When a window that waits for labels is read again."""
    pause = max(timedelta(minutes=5), (entry.read_at - entry.window.end) / 8)
    return min(entry.window.end + schedule.labels_within, entry.read_at + pause)
