"""Labels that live in a table of their own: an index from ids to the newest visible truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.sources import ALL_TIME, Columns, Horizon
from monitor.sources._arrow import Bools, Hashes, hashes, indices, mask, plain, present
from monitor.sources._reading import Reading
from monitor.sources._times import NAT, TimeReader
from monitor.sources._zones import Micros, micros

FOREVER = Horizon(ALL_TIME.end, ALL_TIME.end)
"""The horizon at which everything is known."""


def visible(arrived: Micros, horizon: Horizon) -> Bools:
    """Which labels had arrived by the horizon.

    One without a time of arrival is taken for known now, and not known yet at any moment that is
    replayed.
    """
    live = horizon.known_at >= horizon.clock
    return np.where(arrived == NAT, live, arrived <= micros(horizon.known_at))


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The labels of a batch of rows: an Arrow array, null where none is visible, the time each
    arrived (``NAT``: not told), and which ids have been labelled in two ways."""

    label: pa.Array
    arrived: Micros
    contradicted: Bools

    def early(self, times: Micros) -> Bools:
        """Which visible labels are older than their prediction."""
        told = (self.arrived != NAT) & (times != NAT) & present(self.label)
        earlier: Bools = told & (self.arrived < times)
        return earlier


def in_row(label: pa.Array, arrived: pa.Array | None, clock: TimeReader, horizon: Horizon) -> Truth:
    """The truth that stands in the rows themselves."""
    label, nothing = plain(label), np.zeros(len(label), np.bool_)
    if arrived is None:
        return Truth(label, np.full(len(label), NAT), nothing)
    moments = clock.read(arrived).us
    seen = visible(moments, horizon)
    if not seen.all():
        label = label.take(indices(np.arange(len(label)), seen))
    return Truth(label, moments, nothing)


def truth_of(
    batch: pa.RecordBatch,
    columns: Columns,
    labels: LabelIndex | None,
    arrivals: TimeReader,
    horizon: Horizon,
) -> Truth | None:
    """The labels of the rows of a batch, their own or by id; None where the log has none."""
    names = batch.schema.names
    if labels is not None:
        named = columns.id in names
        return labels.join(batch.column(columns.id) if named else pa.nulls(len(batch), pa.string()))
    if columns.label not in names:
        return None
    told = columns.label_timestamp in names
    arrived = batch.column(columns.label_timestamp) if told else None
    return in_row(batch.column(columns.label), arrived, arrivals, horizon)


@dataclass(frozen=True, slots=True, eq=False)
class LabelIndex:
    """For each id its latest label that had arrived by the horizon; ids compare as text.

    Ids are kept as 64-bit hashes in ascending order: some 20 bytes a label.
    """

    ids: Hashes
    label: pa.Array
    arrived: Micros
    contradicted: Bools

    @classmethod
    def of(
        cls, columns: Columns, batches: Iterable[pa.RecordBatch], horizon: Horizon
    ) -> LabelIndex:
        """The index of the rows of ``batches``, which hold the columns that ``columns`` names
        ``id``, ``label`` and (optional) ``label_timestamp``, in any Arrow type.

        The last arrival wins, the later row on ties; ids with two different labels are remembered
        as contradictions.
        """
        clock = TimeReader(columns.timezone)
        parts = [_visible_rows(columns, batch, horizon, clock) for batch in batches]
        if not parts:
            empty = np.empty(0, np.int64)
            return cls(empty.astype(np.uint64), pa.nulls(0), empty, empty.astype(np.bool_))
        ids = np.concatenate([part[0] for part in parts])
        label = _one_type([part[1] for part in parts])
        arrived = np.concatenate([part[2] for part in parts])
        order = np.lexsort((arrived, ids))
        last = np.flatnonzero(np.append(ids[order][1:] != ids[order][:-1], True)[: len(ids)])
        winners = order[last]
        return cls(
            ids[winners],
            label.take(indices(winners, np.ones(len(winners), np.bool_))),
            arrived[winners],
            _differ(hashes(label)[0][order], last),
        )

    def join(self, ids: pa.Array | pa.ChunkedArray) -> Truth:
        """The truth for these ids."""
        wanted, there = hashes(ids)
        if not len(self.ids):
            nothing = np.zeros(len(wanted), np.bool_)
            return Truth(pa.nulls(len(wanted)), np.full(len(wanted), NAT), nothing)
        place = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        hit = there & (self.ids[place] == wanted)
        return Truth(
            self.label.take(indices(place, hit)),
            np.where(hit, self.arrived[place], NAT),
            hit & self.contradicted[place],
        )


def _visible_rows(
    columns: Columns, batch: pa.RecordBatch, horizon: Horizon, clock: TimeReader
) -> tuple[Hashes, pa.Array, Micros]:
    names = batch.schema.names
    if columns.id not in names or columns.label not in names:
        return np.empty(0, np.uint64), pa.nulls(0), np.empty(0, np.int64)
    ids, known = hashes(batch.column(columns.id))
    label = plain(batch.column(columns.label))
    keep = known & present(label)
    arrived = np.full(len(ids), NAT)
    if columns.label_timestamp in names:
        arrived = clock.read(batch.column(columns.label_timestamp)).us
        keep &= visible(arrived, horizon)
    return ids[keep], label.filter(mask(keep)), arrived[keep]


def _one_type(parts: Sequence[pa.Array]) -> pa.Array:
    """All labels in one array: of their own type where they share one, else as canonical text."""
    filled = [part for part in parts if len(part)] or [pa.nulls(0)]
    if all(part.type == filled[0].type for part in filled):
        return pa.chunked_array(filled).combine_chunks()
    texts: list[str | None] = []
    for part in filled:
        levels = Reading().levels(part)
        texts += [None if at < 0 else levels.texts[at] for at in levels.places.tolist()]
    return pa.array(texts, pa.string())


def _differ(labels: NDArray[np.uint64], last: NDArray[np.intp]) -> Bools:
    """Which runs that end at ``last`` hold two different values."""
    if not len(last):
        return np.empty(0, np.bool_)
    change = np.append(0, labels[1:] != labels[:-1])
    starts = np.append(0, last[:-1] + 1)
    change[starts] = 0
    return np.add.reduceat(change, starts) > 0
