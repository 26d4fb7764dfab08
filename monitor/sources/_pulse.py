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
    counted = Pulses(columns, windows, horizon, labels)
    for batch in batches:
        counted.add(batch)
    return counted.found()


class Pulses:
    """The sums that pulses are made of, of batch after batch, as in `pulse_batches`."""

    def __init__(
        self,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        labels: LabelIndex | None = None,
    ) -> None:
        self._columns, self._horizon, self._labels = columns, horizon, labels
        self._windows = tuple(sorted(set(windows)))
        self._placer = Placer(columns, self._windows, horizon)
        self._arrivals = TimeReader(columns.timezone)
        self._rows, self._known = np.zeros((2, len(self._windows)), np.int64)
        self._sums = np.zeros(len(self._windows), np.uint64)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        placed = self._placer.place(batch)
        if not len(placed):
            return
        columns, size = self._columns, len(self._windows)
        truth = truth_of(placed.batch, columns, self._labels, self._arrivals, self._horizon)
        self._rows += np.bincount(placed.window, minlength=size)
        if truth is not None:
            labelled = placed.window[present(truth.label)]
            self._known += np.bincount(labelled, minlength=size)
        np.add.at(self._sums, placed.window, _said(columns, placed, truth))

    def found(self) -> dict[Window, Pulse]:
        """The pulses of the rows so far."""
        counts = zip(self._windows, self._rows, self._known, self._sums, strict=True)
        return {w: Pulse(int(rows), int(known), f"{said:016x}") for w, rows, known, said in counts}


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
