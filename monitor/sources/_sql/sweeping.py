"""Numeric columns counted by a database: one after the other, or several in one scan.

To read a row and to find a column in it costs a database that stores rows as much as counting it.
So several columns are counted by GROUPING SETS in one scan, and summed up in another: there every
sum would be taken for every set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, func, null

from checks.plan import NumericPlan
from checks.profile import NumericProfile
from monitor.sources._columns import Rows
from monitor.sources._sql.groups import Block, Grouping
from monitor.sources._sql.numbers import Answer, Gauge, of_cells, of_sums


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What a database tells of one column; ``own`` marks the groups of a block that are of it."""

    gauge: Gauge
    block: Block
    answer: Answer
    own: NDArray[np.bool_]

    @property
    def odd(self) -> bool:
        """Whether cells are among them that must be looked at."""
        return bool((self.own & self.answer.odd).any())

    def profile(self, chosen: Rows, plan: NumericPlan, *, nulls: bool) -> NumericProfile:
        """The profile of those of the chosen groups that are of this column."""
        rows = np.arange(len(self.block))[chosen]
        return self.answer.profile(rows[self.own[rows]], plan, nulls=nulls)


def parts(grouping: Grouping, gauges: Sequence[Gauge]) -> Iterator[Part]:
    """What a database tells of these columns; several of them must lie in one window."""
    if len(gauges) > 1:
        yield from _cells(grouping, gauges)
        yield from _sums(grouping, gauges)
        return
    [gauge] = gauges
    for block in grouping.blocks([], *gauge.more, by=gauge.by):
        yield Part(gauge, block, gauge.read(block), np.ones(len(block), np.bool_))


def _cells(grouping: Grouping, gauges: Sequence[Gauge]) -> Iterator[Part]:
    ways = [gauge.by for gauge in gauges]
    which = func.grouping(*(way[0] for way in ways))
    told = [_first([way[place] for way in ways if len(way) > place]) for place in (0, 1)]
    for block in grouping.sets(ways, which, *told):
        columns, cells, atoms = block.more
        answer = of_cells(cells, block.rows, atoms)
        masks = np.array(columns, np.int64)
        for place, gauge in enumerate(gauges):
            absent = masks >> (len(gauges) - 1 - place) & 1
            yield Part(gauge, block, answer, absent == 0)


def _sums(grouping: Grouping, gauges: Sequence[Gauge]) -> Iterator[Part]:
    width = len(gauges[0].more)
    for block in grouping.blocks([], *(each for gauge in gauges for each in gauge.more)):
        own = np.ones(len(block), np.bool_)
        for place, gauge in enumerate(gauges):
            sums = block.more[place * width : (place + 1) * width]
            yield Part(gauge, block, of_sums(sums), own)


def _first(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The one of these columns that is there: in each set it is another."""
    return func.coalesce(null(), *columns) if columns else null()
