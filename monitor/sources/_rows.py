"""The row pipeline behind every source: Arrow batches in, a portrait a window and slice out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from checks.plan import ForecastPlan, Plan, RankingPlan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Horizon
from monitor.sources._arrow import Bools, Hashes, hashes, mask, short_texts
from monitor.sources._derived import logged
from monitor.sources._duplicates import Contradictions, IdLedger, Repeats
from monitor.sources._labels import LabelIndex
from monitor.sources._pass import Pass, Sieve
from monitor.sources._placing import Placed
from monitor.sources._row_rules import looked_at
from monitor.sources._tally import Tally
from monitor.windows import Window

__all__ = ("LabelIndex", "Scan", "in_order", "profile_batches", "tally_batches", "wanted")

Scan = Callable[[], Iterable[pa.RecordBatch]]
"""Starts a fresh pass over the rows of a log."""


def wanted(plan: Plan, columns: Columns) -> tuple[str, ...]:
    """The columns that a source must read for ``profile_batches``, without repetition.

    Label columns are among them; a source with a label table of its own leaves out what its rows
    lack.
    """
    parts = (
        columns.timestamp,
        columns.id,
        columns.version,
        columns.prediction,
        columns.score,
        columns.label,
        columns.label_timestamp,
        columns.query if isinstance(plan.outcome, RankingPlan) else None,
        columns.horizon if isinstance(plan.outcome, ForecastPlan) else None,
        *(name for _, name in columns.besides if plan.besides),
    )
    watched = (*logged(plan), *plan.segments, *looked_at(plan))
    return tuple(dict.fromkeys((*filter(None, parts), *watched)))


def profile_batches(
    plan: Plan,
    columns: Columns,
    windows: Sequence[Window],
    horizon: Horizon,
    scan: Scan,
    labels: LabelIndex | None = None,
    *,
    spans: Sequence[Window] = (),
    typed: bool = True,
    first: FirstPass | None = None,
) -> dict[Window, dict[Slice, Portrait]]:
    """One portrait for every window and slice, in constant memory; 16 bytes an id go to a
    temporary file where there are many.

    ``scan`` is a callable, not an iterator: it is called once, and a second time where ids occur
    twice within a window. Its batches may differ in schema, hold rows outside the windows, and lack
    columns (those rows are then ``absent``). With ``labels`` the label columns of the batches are
    not looked at: truth comes from the index by id.

    ``typed`` is False for formats whose cells carry no dependable type (CSV, JSON Lines, SQLite):
    a text cell that reads as the type the plan found is of that type there, so that ``found``
    depends on the cells and not on where a batch ends.

    Of rows that share an id within a span (a window, unless ``spans`` says otherwise) the one with
    the latest time counts, the later one on
    ties. Labels older than their prediction count and are reported. Rows without a usable time, and
    those of the future, are reported on the newest window; anomalies stand in the portrait of the
    whole population alone.
    """
    if not windows:
        return {}
    tally = tally_batches(
        plan, columns, windows, horizon, scan, labels, spans=spans, typed=typed, first=first
    )
    return tally.portraits(in_order(windows))


FirstPass = Callable[[Pass, IdLedger], Tally]
"""Makes the first pass over a log: adds up its rows and notes their ids."""


def tally_batches(
    plan: Plan,
    columns: Columns,
    windows: Sequence[Window],
    horizon: Horizon,
    scan: Scan,
    labels: LabelIndex | None = None,
    *,
    spans: Sequence[Window] = (),
    typed: bool = True,
    first: FirstPass | None = None,
) -> Tally:
    """The sums that `profile_batches` makes portraits of, for sources that add more to them.

    ``first`` is another way of making the first pass than to go through ``scan``.
    """
    ordered = in_order(windows)
    task = Pass(plan, columns, ordered, horizon, labels, typed, _span_of(ordered, spans))
    with IdLedger() as ledger:
        tally = first(task, ledger) if first else task.run(scan(), first_pass(ledger))
        repeats = ledger.repeats()
    if repeats is None:
        return tally
    said = Contradictions()
    second = task.run(scan(), _second_pass(columns, repeats, said))
    for window, met in said.anomalies().items():
        for name, anomaly in met.items():
            second.report(window, name, anomaly)
    return second


def in_order(windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows, each once and by time; ValueError where two of them overlap."""
    ordered = tuple(sorted(set(windows)))
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise ValueError(f"windows overlap: {before} and {after}")
    return ordered


def _span_of(windows: Sequence[Window], spans: Sequence[Window]) -> NDArray[np.intp]:
    """For each window the place of the span it lies in; its own place where no spans are given."""
    if not spans:
        return np.arange(len(windows))
    ordered = in_order(spans)
    starts = [span.start for span in ordered]
    places = [bisect_right(starts, window.start) - 1 for window in windows]
    for window, place in zip(windows, places, strict=True):
        if place < 0 or window.end > ordered[place].end:
            raise ValueError(f"the window {window} lies in none of the spans")
    return np.array(places, np.intp)


def first_pass(ledger: IdLedger) -> Sieve:
    """Lets all rows through and notes their ids."""

    def note(rows: Placed, found: Hashes, known: Bools) -> Placed:
        ledger.note(*((found, rows.times) if known.all() else (found[known], rows.times[known])))
        return rows

    return note


def _second_pass(columns: Columns, repeats: Repeats, said: Contradictions) -> Sieve:
    def drop(rows: Placed, found: Hashes, known: Bools) -> Placed:
        twice = known & repeats.concerned(found)
        if not twice.any():
            return rows
        lost = np.zeros(len(rows), np.bool_)
        lost[twice] = repeats.losers(found[twice], rows.times[twice])
        batch = rows.batch.filter(mask(twice))
        names = short_texts(batch.column(columns.id))
        said.note(found[twice], _said(columns, batch), lost[twice], rows.window[twice], names)
        return rows.only(~lost)

    return drop


def _said(columns: Columns, batch: pa.RecordBatch) -> Hashes:
    """A hash of what each row predicted."""
    total = np.zeros(len(batch), np.uint64)
    for name in (columns.prediction, columns.score):
        if name in batch.schema.names:
            total = total * np.uint64(31) + hashes(batch.column(name))[0]
    return total
