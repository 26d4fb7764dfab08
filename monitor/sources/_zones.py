"""Wall-clock times of a zone to UTC, the twice-lived hour of autumn told apart by row order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Micros = NDArray[np.int64]

_SLOT = 900_000_000  # zones change their offset on quarter hours
_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WallClock:
    """Turns wall-clock times of one zone into UTC, and remembers what it saw from call to call.

    Where clocks go back, an hour of wall-clock time is lived twice. A time in it belongs to the
    first pass until the rows, in their order, are seen to step back within that hour; from there
    on to the second. Equal neighbours are no step back. A wall-clock time that never was (clocks
    go forward) is read with the offset before the change: 02:30 becomes 03:30.
    """

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._utc = zone in ("UTC", "Etc/UTC")
        self._offsets: dict[int, tuple[int, int]] = {}
        self._latest: dict[int, int] = {}
        self._second: set[int] = set()

    def to_utc(self, wall: Micros) -> Micros:
        """Microseconds since 1970 UTC of microseconds since 1970-01-01 00:00 on the wall clock."""
        if self._utc or not len(wall):
            return wall
        slots, place = np.unique(wall // _SLOT, return_inverse=True)
        table = np.array([self._offset(int(slot)) for slot in slots], np.int64)
        first, second = table[place].T
        offset = first.copy()
        ambiguous = np.flatnonzero(first > second)
        if len(ambiguous):
            late = self._second_pass(wall[ambiguous])
            offset[ambiguous[late]] = second[ambiguous[late]]
        utc: Micros = wall - offset
        return utc

    def _offset(self, slot: int) -> tuple[int, int]:
        """Offsets of the first and the second time that the wall clock shows this quarter hour."""
        if slot not in self._offsets:
            shown = _EPOCH + timedelta(microseconds=slot * _SLOT)
            aware = shown.replace(tzinfo=self._zone)  # the wall clock's time, not that of UTC
            both = [aware.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
            first, second = (offset // timedelta(microseconds=1) for offset in both)
            self._offsets[slot] = first, second
        return self._offsets[slot]

    def _second_pass(self, wall: Micros) -> NDArray[np.bool_]:
        """Which of these ambiguous times belong to the second pass."""
        late = np.zeros(len(wall), np.bool_)
        days = wall // _DAY
        for day in np.unique(days).tolist():
            rows = np.flatnonzero(days == day)
            before = self._latest.get(day, int(wall[rows[0]]))
            back = np.diff(wall[rows], prepend=before) < 0
            late[rows] = np.logical_or.accumulate(back) | (day in self._second)
            self._latest[day] = int(wall[rows[-1]])
            if late[rows[-1]]:
                self._second.add(day)
        return late


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """The aware datetime in UTC of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)
