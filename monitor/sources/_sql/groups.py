"""Groups of equal rows as a database counts them: asked for, and read as the rows would be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Enum,
    FromClause,
    String,
    Text,
    cast,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.types import NullType

from checks.grid import Counts
from checks.plan import Plan
from monitor.sources._columns import Column
from monitor.sources._needs import Need, Needs
from monitor.sources._sql.cells import as_batches
from monitor.sources._sql.frame import WINDOW, Frame
from monitor.sources._sql.relation import DOCUMENTS, Shown
from monitor.sources._sql.session import Cells, Query
from monitor.sources._tally import Cuts, cuts


@dataclass(frozen=True, slots=True)
class Cut:
    """How the rows of a window are parted: by one segment column, or not at all.

    ``whole`` tells whether the groups add up to the whole population.
    """

    segments: tuple[str, ...]
    whole: bool = True


def cuts_of(plan: Plan, frame: Frame) -> list[Cut]:
    """The ways to part rows; with a single segment column one of them serves for all."""
    there = [name for name in plan.segments if name in frame.cells]
    if len(there) <= 1:
        return [Cut(tuple(there))]
    return [Cut(()), *(Cut((name,), whole=False) for name in there)]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some groups of rows: how many rows each is, their cells and their places in the tally.

    ``more`` are aggregates of each group.
    """

    plan: Plan
    rows: Counts
    windows: NDArray[np.intp]
    places: Cuts
    cells: Mapping[str, pa.Array]
    more: Sequence[Sequence[Any]] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, need: Need) -> Column:
        """A column as the row pipeline reads it."""
        return need.read(self.cells.get(need.name), len(self), self.plan, typed=True)


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Rows of a subquery, to be grouped by window, segment and further columns.

    ``rows`` are those of a frame; ``size`` groups are fetched at a time. ``only`` is the place of
    the window that all rows are in, if there is no other.
    """

    frame: Frame
    plan: Plan
    needs: Needs
    rows: FromClause
    cut: Cut
    size: int
    only: int | None = None

    def blocks(
        self,
        names: Sequence[str],
        *more: ColumnElement[Any],
        by: Sequence[ColumnElement[Any]] = (),
        where: ColumnElement[bool] | None = None,
    ) -> Iterator[Block]:
        """The groups of equal cells of these columns of the log, and of equal values of ``by``.

        These values and the aggregates ``more`` of each group stand in ``more`` of its block.
        """
        shown = list(dict.fromkeys((*self.cut.segments, *names)))
        keys = [self.rows.c[WINDOW], *(self._key(name) for name in shown)]
        counted: Query = select(*keys, func.count(), *by, *more).group_by(*keys, *by)
        if not all(map(self.groupable, shown)):
            counted = select(*keys, literal_column("1"), *by, *more)
        query = counted.select_from(self.rows)
        if where is not None:
            query = query.where(where)
        yield from self._answered(query, shown)

    def sets(
        self, ways: Sequence[Sequence[ColumnElement[Any]]], *more: ColumnElement[Any]
    ) -> Iterator[Block]:
        """The groups of equal values of each of these ways to group the rows of the only window.

        The window is no part of the groups: of how many there are, a database would expect too many
        to count them all at once.
        """
        shown = self.cut.segments
        keys = [self._key(name) for name in shown]
        grouped = func.grouping_sets(*(tuple_(*keys, *way) for way in ways))
        place: ColumnElement[Any] = literal_column(str(self.only))
        query: Query = select(place, *keys, func.count(), *more).group_by(grouped)
        yield from self._answered(query.select_from(self.rows), shown)

    def each(self, names: Sequence[str]) -> Iterator[tuple[str, Block]]:
        """The groups of equal cells of each of these columns, all counted in one scan."""
        shown = self.cut.segments
        kept = [self._key(name) for name in shown]
        keys = [self._key(name) for name in names]
        grouped = func.grouping_sets(*(tuple_(*kept, key) for key in keys))
        place: ColumnElement[Any] = literal_column(str(self.only))
        query: Query = select(place, *kept, func.count(), func.grouping(*keys), *keys)
        query, width = query.group_by(grouped).select_from(self.rows), 1 + len(kept)
        for rows in self.frame.log.session.stream(query, self.size):
            told: dict[int, list[tuple[Any, ...]]] = {}
            for row in rows:
                told.setdefault(row[width + 1], []).append(tuple(row))
            for number, name in enumerate(names):
                mask = (1 << len(names)) - 1 - (1 << (len(names) - 1 - number))
                cell = width + 2 + number
                own = [(*r[:width], r[cell], r[width]) for r in told.get(mask, ())]
                for block in self._read(own, (*shown, name)):
                    yield name, block

    def groupable(self, name: str) -> bool:
        """Whether the database can tell equal cells of a column: of an unknown type it may not."""
        return self.frame.log.session.sqlite or not isinstance(self.frame.kind(name), NullType)

    def _answered(self, query: Query, shown: Sequence[str]) -> Iterator[Block]:
        for rows in self.frame.log.session.stream(query, self.size):
            yield from self._read([row for row in rows if row[0] is not None], shown)

    def columns(self, names: Sequence[str]) -> list[str]:
        """What rows to be grouped by these columns must hold."""
        return list(dict.fromkeys((WINDOW, *self.cut.segments, *names)))

    def of(self, rows: FromClause) -> Grouping:
        """The same of other rows, which hold the same columns and more."""
        return replace(self, rows=rows)

    def _key(self, name: str) -> ColumnElement[Any]:
        """A column to group by: text is equal by its letters alone."""
        cells, kind, facts = self.rows.c[name], self.frame.kind(name), self.frame.log.dialect
        if facts is None or not facts.collation or isinstance(kind, Enum):
            return cells
        if isinstance(kind, CITEXT | Shown):
            return cast(cells, Text).collate(facts.collation)
        text = facts.typed_cells or isinstance(kind, String)
        return cells.collate(facts.collation) if text else cells

    def _read(self, rows: Cells, shown: Sequence[str]) -> Iterator[Block]:
        """The groups as a block, or several where a column holds cells of several kinds."""
        if not rows:
            return
        columns = _by_window(list(zip(*rows, strict=True)))
        names = [str(place) for place in range(1 + len(shown))]
        cells = dict(zip(shown, names[1:], strict=True))
        booleans = [cells[n] for n in shown if isinstance(self.frame.kind(n), Boolean)]
        documents = [cells[n] for n in shown if isinstance(self.frame.kind(n), DOCUMENTS)]
        read: list[Sequence[object]] = [range(len(rows)), *columns[1 : len(names)]]
        for batch in as_batches(read, names, booleans=booleans, documents=documents):
            arrays = {name: batch.column(own) for name, own in cells.items()}
            kept = [columns[0], *columns[len(names) :]]
            if len(batch) < len(rows):
                chosen = batch.column("0").to_pylist()
                kept = [[column[place] for place in chosen] for column in kept]
            yield self._block(arrays, *kept)

    def _block(
        self,
        cells: Mapping[str, pa.Array],
        windows: Sequence[Any],
        rows: Sequence[Any],
        *more: Sequence[Any],
    ) -> Block:
        placed = np.array(windows, np.intp)
        segments = {
            name: self.needs.segments[name].read(cells[name], len(rows), self.plan, typed=True)
            for name in self.cut.segments
        }
        places = list(cuts(self.plan, placed, segments, whole=self.cut.whole))
        return Block(self.plan, np.array(rows, np.int64), placed, places, cells, more)


def _by_window(columns: list[Sequence[Any]]) -> list[Sequence[Any]]:
    """The columns of an answer with its rows in the order of the first, the windows."""
    windows = np.array(columns[0], np.intp)
    if (windows[1:] >= windows[:-1]).all():
        return columns
    order = np.argsort(windows, kind="stable").tolist()
    return [[column[place] for place in order] for column in columns]
