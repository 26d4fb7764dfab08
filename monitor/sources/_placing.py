"""Which window each row of a batch falls in; rows without a time or from the future are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from checks.log import Anomaly
from monitor.sources import ALL_TIME, Columns, Horizon, WrongSchema
from monitor.sources._arrow import Bools, mask, short_texts
from monitor.sources._times import NAT, NO_UNIT, UNITS, TimeReader, Times
from monitor.sources._zones import Micros, micros, moment
from monitor.windows import Window

SKEW = timedelta(hours=1)
"""How far a clock may run ahead before its rows count as coming from the future."""

NOWHERE = -1


def future(horizon: Horizon) -> int:
    """The last microsecond that is not the future."""
    return micros(horizon.clock + SKEW)


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Rows that fall in a window: the window's place, their time and the unit it was written in."""

    batch: pa.RecordBatch
    window: NDArray[np.intp]
    times: Micros
    unit: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.window)

    def only(self, rows: Bools) -> Placed:
        if rows.all():
            return self
        batch = self.batch.filter(mask(rows))
        return Placed(batch, self.window[rows], self.times[rows], self.unit[rows])


class Placer:
    """Places the rows of batch after batch in ``windows`` (disjoint and in order).

    ``strays`` counts rows that no window can have: those after the horizon's clock and those
    without a usable time. The window `ALL_TIME` takes in the latter all the same.

    Raises:
        WrongSchema: no column says when a row was written, and windows are not `ALL_TIME`.
    """

    def __init__(self, columns: Columns, windows: Sequence[Window], horizon: Horizon) -> None:
        self._name = columns.timestamp
        self._reader = TimeReader(columns.timezone)
        self._everything = tuple(windows) == (ALL_TIME,)
        if columns.timestamp is None and not self._everything:
            raise WrongSchema(
                "columns.timestamp: name the column that tells when a row was written"
            )
        self._starts = np.array([micros(window.start) for window in windows], np.int64)
        self._ends = np.array([micros(window.end) for window in windows], np.int64)
        self._known_at, self._future = micros(horizon.known_at), future(horizon)
        self.strays: dict[str, Anomaly] = {}

    def place(self, batch: pa.RecordBatch) -> Placed:
        """The rows of the batch that fall in a window."""
        times = self._read(batch)
        late = times.us > self._future
        if self._name is not None:
            self._count("future_rows", late, batch, times)
            self._count("untimed_rows", ~times.known, batch, times)
        window = self._windows(times.us)
        window[late | (times.us > self._known_at)] = NOWHERE
        return Placed(batch, window, times.us, times.unit).only(window != NOWHERE)

    def _read(self, batch: pa.RecordBatch) -> Times:
        if self._name in batch.schema.names:
            return self._reader.read(batch.column(self._name))
        return Times(np.full(len(batch), NAT), np.full(len(batch), NO_UNIT, np.int8))

    def _windows(self, times: Micros) -> NDArray[np.intp]:
        if self._everything:
            return np.zeros(len(times), np.intp)
        if len(times) > 2:
            ends = self._windows(np.array([times.min(), times.max()]))
            if ends[0] == ends[1] != NOWHERE:  # as nearly all batches of a log in order of time
                return np.full(len(times), ends[0])
        place = np.searchsorted(self._starts, times, "right") - 1
        place[(place >= 0) & (times >= self._ends[place])] = NOWHERE
        return place

    def _count(self, name: str, rows: Bools, batch: pa.RecordBatch, times: Times) -> None:
        if not rows.any():
            return
        if name == "future_rows":
            example = moment(int(times.us[rows].min())).isoformat()
        elif self._name in batch.schema.names:
            example = min(short_texts(batch.column(self._name).filter(mask(rows))))
        else:
            example = f"no column {self._name}"
        met = Anomaly(int(rows.sum()), example)
        self.strays[name] = met.merge(self.strays.get(name, Anomaly(0)))


def rows_within(
    columns: Columns, period: Window, horizon: Horizon, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The rows of a period among the batches, as they are."""
    placer = Placer(columns, [period], horizon)
    for batch in batches:
        yield placer.place(batch).batch


def unit_changed(unit: NDArray[np.int8], planned: str | None) -> Bools:
    """Which bare numbers were written in another unit than the plan's."""
    if planned is None:
        return np.zeros(len(unit), np.bool_)
    return np.not_equal(unit, NO_UNIT) & np.not_equal(unit, UNITS.index(planned))
