"""How far single files reach, remembered while a file does not change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import pyarrow as pa

from monitor.sources import Extent, Horizon
from monitor.sources._placing import future
from monitor.sources._times import TimeReader
from monitor.sources._zones import micros, moment

_MOST_REMEMBERED = 20_000  # files; some 500 bytes each


@dataclass(frozen=True, slots=True)
class Reach:
    """The rows of a file, those with a usable time, and the first and last time in microseconds."""

    rows: int
    timed: int = 0
    first: int = 0
    last: int = 0

    def extent(self, horizon: Horizon, since: datetime | None) -> Extent | None:
        """What `extent_batches` says of the rows; None where only the rows themselves can tell."""
        start = None if since is None else micros(since)
        untimed = self.rows - self.timed if start is None else 0
        known_at, latest = micros(horizon.known_at), future(horizon)
        if not self.timed or (start is not None and self.last < start):
            return Extent(untimed)
        if (start is None or start <= self.first) and self.last <= min(known_at, latest):
            return Extent(untimed + self.timed, moment(self.first), moment(self.last))
        if self.first > known_at and (start is not None or self.last <= latest):
            return Extent(untimed)
        return None


def reach_batches(name: str | None, timezone: str, batches: Iterable[pa.RecordBatch]) -> Reach:
    """The reach of rows whose time stands in the column of that name."""
    reader, rows, timed, edges = TimeReader(timezone), 0, 0, []
    for batch in batches:
        rows += len(batch)
        if name in batch.schema.names:
            times = reader.read(batch.column(name))
            us = times.us[times.known]
            timed += len(us)
            edges += [int(us.min()), int(us.max())] if len(us) else []
    return Reach(rows, timed, min(edges), max(edges)) if edges else Reach(rows)


class Remembered:
    """The reaches of files, by what tells that a file is still the same; the latest are kept."""

    def __init__(self, most: int = _MOST_REMEMBERED) -> None:
        self._most, self._lock = most, Lock()
        self._found: OrderedDict[tuple[object, ...], Reach] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Reach | None:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: tuple[object, ...], reach: Reach) -> None:
        with self._lock:
            self._found[key] = reach
            while len(self._found) > self._most:
                self._found.popitem(last=False)


def together(extents: Iterable[Extent]) -> Extent:
    """The extent of several parts of a log."""
    parts = list(extents)
    firsts = [part.first for part in parts if part.first is not None]
    lasts = [part.last for part in parts if part.last is not None]
    rows = sum(part.rows for part in parts)
    return Extent(rows, min(firsts, default=None), max(lasts, default=None))
