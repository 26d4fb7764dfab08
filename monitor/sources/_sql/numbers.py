"""Numeric columns on the bit grid: the database counts cells, and profiles are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Boolean, ColumnElement, Float, Integer, Numeric, case, func
from sqlalchemy.types import TypeEngine

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.plan import NumericPlan
from checks.profile import NumericProfile, frozen
from monitor.sources._arrow import Bools
from monitor.sources._columns import Rows
from monitor.sources._sql.dialects import Dialect
from monitor.sources._sql.grid import (
    ABOVE,
    APART,
    BELOW,
    NAN,
    NULL,
    STRANGE,
    VANISHING,
    Gridded,
)
from monitor.sources._sql.groups import Block

LOOK = (STRANGE, APART)
"""Keys of cells that must be looked at one by one."""

_PRECISE = 2.0**53
_SUMS = 5
_CODES = (NULL, BELOW, ABOVE, NAN, STRANGE, APART)

Doubles = NDArray[np.float64]


def has_cells(kind: TypeEngine[Any], facts: Dialect) -> bool:
    """Whether a column of this type can be placed on the grid in SQL."""
    if isinstance(kind, Boolean):
        return False
    return facts.typed_cells or isinstance(kind, Integer | Numeric | Float)


@dataclass(frozen=True, slots=True, eq=False)
class Gauge:
    """What is asked of a column on the grid, and how its answer is read."""

    name: str
    plan: NumericPlan
    key: ColumnElement[int]
    by: Sequence[ColumnElement[Any]]
    more: Sequence[ColumnElement[Any]]

    @classmethod
    def of(cls, name: str, plan: NumericPlan, cells: Gridded, facts: Dialect) -> Gauge:
        value, near, number = cells.values[name], cells.near[name], facts.number
        key = cells.groups[name]
        tiny = near.between(number(-VANISHING), number(VANISHING))
        precise = value.between(number(-_PRECISE), number(_PRECISE))  # Spark's FLOOR is a BIGINT
        more = (
            func.sum(near),
            func.sum(case((tiny, number(0)), else_=near * near)),
            func.min(value),
            func.max(value),
            func.count(case((precise, case((value != facts.floor(value), 1))))),
        )
        by = [key]
        if plan.atoms:
            zeroed = value + number(0.0)  # ClickHouse would not find -0.0 among the atoms
            by.append(case((zeroed.in_([number(atom) for atom in plan.atoms]), zeroed)))
        return cls(name, plan, key, by, more)

    def read(self, block: Block) -> Answer:
        columns = list(block.more)
        keys = np.array(columns.pop(0), np.int64)
        atoms = columns.pop(0) if self.plan.atoms else [None] * len(keys)
        sums = [_doubles(column) for column in columns]
        return Answer(keys, block.rows, _doubles(atoms), sums)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Groups of rows on the grid: key, how many rows, atom (NaN: none) and sums of each.

    Sums are those of distances and squares, the least and the largest value and how many rows hold
    no integer; NaN where there is none.
    """

    keys: NDArray[np.int64]
    rows: Counts
    atoms: Doubles
    sums: Sequence[Doubles]

    @property
    def odd(self) -> Bools:
        """Which of them must be looked at."""
        return np.isin(self.keys, LOOK)

    def profile(self, chosen: Rows, plan: NumericPlan, *, nulls: bool) -> NumericProfile:
        """The profile of these groups but for the cells to look at; ``nulls`` are left out if not
        asked for."""
        keys, rows = self.keys[chosen], self.rows[chosen]
        finite = ~np.isin(keys, _CODES)
        cells, counts = _merged(keys[finite], rows[finite], plan)
        total, squares, least, most, broken = (part[chosen] for part in self.sums)
        low = float(np.fmin.reduce(least, initial=np.inf)) + 0.0
        high = float(np.fmax.reduce(most, initial=-np.inf)) + 0.0
        missing, nan, above, below = (
            int(rows[keys == code].sum()) for code in (NULL, NAN, ABOVE, BELOW)
        )
        seen = len(counts) or nan or above or below
        return NumericProfile(
            plan,
            frozen(cells),
            frozen(counts),
            None,
            None,
            frozen(_count_atoms(self.atoms[chosen][finite], rows[finite], plan)),
            total=float(np.nansum(total)),
            squares=float(np.nansum(squares)),
            minimum=low,
            maximum=high,
            integral=not np.nansum(broken) and low > -_PRECISE and high < _PRECISE,
            nulls=missing if nulls else 0,
            nan=nan,
            above=above,
            below=below,
            found=("number",) if seen else (),
        )


def of_cells(keys: Sequence[object], rows: Counts, atoms: Sequence[object]) -> Answer:
    """An answer that tells no sums."""
    nothing = np.full(len(rows), np.nan)
    return Answer(np.array(keys, np.int64), rows, _doubles(atoms), [nothing] * _SUMS)


def of_sums(sums: Sequence[Sequence[object]]) -> Answer:
    """An answer that tells sums of groups, and not of which cells these are."""
    size = len(sums[0])
    keys, rows = np.full(size, NULL), np.zeros(size, np.int64)
    return Answer(keys, rows, np.full(size, np.nan), [_doubles(each) for each in sums])


def _doubles(cells: Sequence[object]) -> Doubles:
    """Numbers as doubles, NaN where there is none."""
    return np.array(cells, np.float64)


def _merged(keys: NDArray[np.int64], rows: Counts, plan: NumericPlan) -> tuple[Cells, Counts]:
    """Occupied cells in ascending order and the rows in each."""
    order = np.argsort(keys, kind="stable")
    cells, counts = grid.sum_by_cell(keys[order], rows[order])
    return (cells, counts) if plan.edges else grid.coarsen(cells, counts, plan.shift)


def _count_atoms(values: Floats, rows: Counts, plan: NumericPlan) -> Counts:
    counts = np.zeros(len(plan.atoms), np.int64)
    for place, atom in enumerate(plan.atoms):
        counts[place] = rows[values == atom].sum()
    return counts
