"""Pulses: a light look at windows of a log, at times, ids and labels alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from monitor.sources import Columns, Horizon, Pulse
from monitor.sources._arrow import Hashes, hashes, present
from monitor.sources._labels import LabelIndex, Truth, truth_of
from monitor.sources._placing import Placed, Placer
from monitor.sources._times import TimeReader
from monitor.windows import Window

_STEP = np.uint64(0x9E3779B97F4A7C15)


def pulsed(columns: Columns) -> tuple[str, ...]:
    """The columns that a source must read for `pulse_batches`, as far as its rows have them."""
    parts = (columns.timestamp, columns.id, columns.label, columns.label_timestamp)
    return tuple(dict.fromkeys(filter(None, parts)))


def pulse_batches(
    columns: Columns,
    windows: Sequence[Window],
    horizon: Horizon,
    batches: Iterable[pa.RecordBatch],
    labels: LabelIndex | None = None,
) -> dict[Window, Pulse]:
    """The pulse of every window, in one pass over batches that hold the `pulsed` columns.

    What is a row of a window, and which labels are visible, is as in `profile_batches`; rows that
    share an id count one by one.
    """
    ordered = tuple(sorted(set(windows)))
    placer, arrivals = Placer(columns, ordered, horizon), TimeReader(columns.timezone)
    rows, known = np.zeros((2, len(ordered)), np.int64)
    sums = np.zeros(len(ordered), np.uint64)
    for batch in batches:
        placed = placer.place(batch)
        if len(placed):
            truth = truth_of(placed.batch, columns, labels, arrivals, horizon)
            rows += np.bincount(placed.window, minlength=len(ordered))
            if truth is not None:
                labelled = placed.window[present(truth.label)]
                known += np.bincount(labelled, minlength=len(ordered))
            np.add.at(sums, placed.window, _said(columns, placed, truth))
    return {
        window: Pulse(int(rows[i]), int(known[i]), f"{sums[i]:016x}")
        for i, window in enumerate(ordered)
    }


def _said(columns: Columns, rows: Placed, truth: Truth | None) -> Hashes:
    """A number for what each row says of its id, time and label: their sum knows no order."""
    parts = [rows.times.view(np.uint64)]
    if columns.id in rows.batch.schema.names:
        parts.append(hashes(rows.batch.column(columns.id))[0])
    if truth is not None:
        parts += [
            hashes(truth.label)[0],
            truth.arrived.view(np.uint64),
            truth.contradicted.astype(np.uint64),
        ]
    total = np.zeros(len(rows), np.uint64)
    for part in parts:
        total = (total ^ part) * _STEP
        total ^= total >> np.uint64(29)
    return total
