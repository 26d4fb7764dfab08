"""One pass over a log: rows are placed, joined with their truth, read and handed to the tally."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from checks.log import Anomaly
from checks.plan import Plan
from monitor.sources import Columns, Horizon
from monitor.sources._arrow import Bools, Hashes, hashes, mask, short_texts
from monitor.sources._columns import Column
from monitor.sources._derived import derived
from monitor.sources._duplicates import keys
from monitor.sources._labels import LabelIndex, Truth, truth_of
from monitor.sources._needs import Need, Needs
from monitor.sources._outcomes import strange_labels, strangers
from monitor.sources._placing import Placed, Placer, unit_changed
from monitor.sources._row_rules import broken_rules
from monitor.sources._tally import NO_TIMES, Gathered, Tally
from monitor.sources._times import NAT, TimeReader
from monitor.sources._together import row_ranks
from monitor.sources._zones import Micros
from monitor.windows import Window

_LARGEST_KEPT = 31 << 20  # bytes: glibc takes no notice of blocks beyond 32 MB

Sieve = Callable[[Placed, Hashes, Bools], Placed]
"""Looks at placed rows, the keys of their ids and which have one, and says which rows count."""


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What a pass over a log must know; ids are unique within the ``span`` of a window."""

    plan: Plan
    columns: Columns
    windows: tuple[Window, ...]
    horizon: Horizon
    labels: LabelIndex | None
    typed: bool
    span: NDArray[np.intp]

    def run(self, batches: Iterable[pa.RecordBatch], sieve: Sieve) -> Tally:
        """The sums of all rows that the sieve lets through."""
        _keep_freed_memory()
        needs = Needs.of(self.plan, self.columns)
        tally = Tally(self.plan, needs, self.horizon.known_at.timestamp())
        placer = Placer(self.columns, self.windows, self.horizon)
        arrivals = TimeReader(self.columns.timezone)
        seen = 0
        for batch in batches:
            rows = self._sifted(placer.place(batch), sieve)
            if len(rows):
                truth = truth_of(rows.batch, self.columns, self.labels, arrivals, self.horizon)
                gathered = self._read(rows, truth, needs, seen)
                seen += len(rows)
                self._report(tally, rows, truth, gathered, needs)
                tally.add(gathered)
        for name, met in placer.strays.items():
            tally.report(len(self.windows) - 1, name, met)
        return tally

    def _sifted(self, rows: Placed, sieve: Sieve) -> Placed:
        ids = _column(rows.batch, self.columns.id)
        if ids is None or not len(rows):
            return rows
        found, known = hashes(ids)
        return sieve(rows, keys(found, self.span[rows.window]), known)

    def _read(self, rows: Placed, truth: Truth | None, needs: Needs, seen: int) -> Gathered:
        columns: dict[Need, Column] = {}
        made = derived(rows.batch, self.plan)
        for need in needs:
            if need.name in made:
                columns[need] = made[need.name]
                continue
            array = _column(rows.batch, need.name)
            if need.name == self.columns.label:
                array = None if truth is None else truth.label
            columns[need] = need.read(array, len(rows), self.plan, self.typed)
        arrived = self._arrived(rows, truth)
        if self.plan.multivariate is None:
            return Gathered(rows.window, rows.times, columns, arrived=arrived)
        ranks = row_ranks(_column(rows.batch, self.columns.id), rows.times, seen)
        return Gathered(rows.window, rows.times, columns, ranks, arrived)

    def _arrived(self, rows: Placed, truth: Truth | None) -> Micros:
        """When the labels of rows came, where the plan asks for it."""
        if not self.plan.delays:
            return NO_TIMES
        return np.full(len(rows), NAT) if truth is None else truth.arrived

    def _report(
        self, tally: Tally, rows: Placed, truth: Truth | None, read: Gathered, needs: Needs
    ) -> None:
        """Count the rows that break a rule, each rule with an example."""
        at = rows.batch
        changed = unit_changed(rows.unit, self.plan.timestamp_unit)
        book(tally, "timestamp_unit", rows, changed, _column(at, self.columns.timestamp))
        if needs.prediction is not None:
            strange = strangers(self.plan.outcome, read.columns[needs.prediction])
            book(tally, "unknown_predictions", rows, strange, _column(at, needs.prediction.name))
        ids = _column(at, self.columns.id)
        if self.plan.rules:
            for name, chosen in broken_rules(self.plan, at, self.typed):
                book(tally, name, rows, chosen, ids)
        if truth is None:
            return
        book(tally, "early_labels", rows, truth.early(rows.times), ids)
        book(tally, "conflicting_labels", rows, truth.contradicted, ids)
        if needs.label is not None:
            strange = strangers(self.plan.outcome, read.columns[needs.label])
            book(tally, strange_labels(self.plan.outcome), rows, strange, truth.label)


def _keep_freed_memory() -> None:
    """Have the C library reuse what is freed instead of giving it back to the system at once.

    glibc does so up to the largest block it has seen freed; asking for memory anew for every step
    of every batch would cost as much as all the arithmetic. Elsewhere this has no effect.
    """
    np.empty(_LARGEST_KEPT, np.uint8)


def _column(batch: pa.RecordBatch, name: str | None) -> pa.Array | None:
    place = -1 if name is None else batch.schema.get_field_index(name)
    return None if place < 0 else batch.column(place)


def book(tally: Tally, name: str, rows: Placed, chosen: Bools, shown: pa.Array | None) -> None:
    """Count the chosen rows of each window, with the first in order of the shown cells."""
    if not chosen.any():
        return
    for window in np.unique(rows.window[chosen]).tolist():
        here = chosen & (rows.window == window)
        texts = [] if shown is None else short_texts(shown.filter(mask(here)))
        tally.report(window, name, Anomaly(int(here.sum()), min(texts, default="")))
