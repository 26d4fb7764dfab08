"""How far a log reaches: its rows, and the times of the first and the last known one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from monitor.sources import Columns, Extent, Horizon
from monitor.sources._placing import future
from monitor.sources._times import TimeReader
from monitor.sources._zones import micros, moment


def extent_batches(columns: Columns, horizon: Horizon, batches: Iterable[pa.RecordBatch]) -> Extent:
    """The rows known at the horizon, and the times of the first and the last of them.

    Rows without a usable time and rows of the future count as rows and move neither time.
    """
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
    if not edges:
        return Extent(rows)
    return Extent(rows, moment(int(np.min(edges))), moment(int(np.max(edges))))
