"""Orphans: labels of a table or files of their own that no prediction has, by window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from checks.log import DATED, ORPHANS
from checks.plan import Plan
from monitor.sources import Columns, Horizon
from monitor.sources._arrow import Bools, Hashes, hashes, plain, present
from monitor.sources._pass import book
from monitor.sources._placing import Placed, Placer
from monitor.sources._tally import Tally
from monitor.sources._times import NAT
from monitor.windows import Window


def wants_orphans(plan: Plan, columns: Columns) -> bool:
    """Whether orphans are asked for, and labels tell when they came and whose they are."""
    named = columns.id, columns.label, columns.label_timestamp
    return plan.orphans and None not in named


def count_orphans(
    tally: Tally,
    columns: Columns,
    windows: Sequence[Window],
    horizon: Horizon,
    labels: Iterable[pa.RecordBatch],
    predictions: Iterable[pa.RecordBatch],
) -> None:
    """Report to a tally the labels dated in each of its windows, and those without a prediction.

    ``labels`` are batches of the table of labels, of which those outside the windows do not count;
    ``predictions`` are batches with ids of the log, of whatever time. They are looked at no further
    once all labels have been found. Ids compare as text; a label without one is nobody's.
    """
    placer = Placer(replace(columns, timestamp=columns.label_timestamp), windows, horizon)
    parts = [rows for batch in labels if len(rows := _dated(columns, placer, batch))]
    told = [hashes(rows.batch.column(columns.id)) for rows in parts]
    wanted = np.unique(
        np.concatenate([np.empty(0, np.uint64), *(ids[there] for ids, there in told)])
    )
    found = np.append(_found(wanted, columns, predictions), False)
    for rows, (ids, there) in zip(parts, told, strict=True):
        lost = ~(there & found[np.searchsorted(wanted, ids)])
        book(tally, DATED, rows, np.ones(len(rows), np.bool_), None)
        book(tally, ORPHANS, rows, lost, rows.batch.column(columns.id))


def _dated(columns: Columns, placer: Placer, batch: pa.RecordBatch) -> Placed:
    """The labels of a batch that came within the windows: their ids alone."""
    rows = placer.place(batch)
    names = rows.batch.schema.names
    if columns.id not in names or columns.label not in names:
        return rows.only(np.zeros(len(rows), np.bool_))
    rows = rows.only((rows.times != NAT) & present(plain(rows.batch.column(columns.label))))
    return replace(rows, batch=rows.batch.select([columns.id]))


def _found(wanted: Hashes, columns: Columns, predictions: Iterable[pa.RecordBatch]) -> Bools:
    """Which of these ids, in ascending order, a prediction has."""
    found = np.zeros(len(wanted), np.bool_)
    if not len(wanted):
        return found
    for batch in predictions:
        if columns.id not in batch.schema.names:
            continue
        ids, there = hashes(batch.column(columns.id))
        place = np.minimum(np.searchsorted(wanted, ids), len(wanted) - 1)
        found[place[there & (wanted[place] == ids)]] = True
        if found.all():
            break
    return found
