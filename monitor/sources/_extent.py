"""How far a log reaches: its rows, and the times of the first and the last known one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from monitor.sources import Columns, Extent, Horizon
from monitor.sources._placing import Placer, future
from monitor.sources._times import TimeReader
from monitor.sources._zones import micros, moment
from monitor.windows import Window

_TICK = timedelta(microseconds=1)


def extent_batches(
    columns: Columns,
    horizon: Horizon,
    batches: Iterable[pa.RecordBatch],
    since: datetime | None = None,
) -> Extent:
    """The rows known at the horizon, and the times of the first and the last of them.

    Rows without a usable time and rows of the future count as rows and move neither time. With
    ``since`` only rows count that have a time from then on.
    """
    if since is not None:
        period = Window(since, max(since + _TICK, horizon.known_at + _TICK))
        return _extent_within(columns, horizon, period, batches)
    reader = TimeReader(columns.timezone)
    known_at, latest = micros(horizon.known_at), future(horizon)
    rows, edges = 0, []
    for batch in batches:
        rows += len(batch)
        if columns.timestamp in batch.schema.names:
            times = reader.read(batch.column(columns.timestamp))
            us = times.us[times.known & (times.us <= latest)]
            seen = us[us <= known_at]
            rows -= len(us) - len(seen)
            edges += [seen.min(), seen.max()] if len(seen) else []
    return _extent(rows, edges)


def _extent_within(
    columns: Columns, horizon: Horizon, period: Window, batches: Iterable[pa.RecordBatch]
) -> Extent:
    placer = Placer(columns, [period], horizon)
    found = [times for batch in batches if len(times := placer.place(batch).times)]
    return _extent(sum(map(len, found)), [edge for t in found for edge in (t.min(), t.max())])


def _extent(rows: int, edges: Sequence[np.int64]) -> Extent:
    if not edges:
        return Extent(rows)
    return Extent(rows, moment(int(np.min(edges))), moment(int(np.max(edges))))
