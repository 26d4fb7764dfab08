"""Counting a numeric column block after block: what a `NumericProfile` is made of, in one pass."""

from __future__ import annotations

from functools import cache
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.plan import NumericPlan

_BLOCK = 1 << 15  # values: with the scratch of each step they stay in the second-level cache
_RUN = 1 << 13
_WHOLE = 2.0**53  # beyond, doubles skip integers
_DENSE = 1 << 16  # integers within such a range are counted in an array, not sorted
_FEW_ATOMS = 16
_FEW_VALUES = 1 << 13  # so many are sorted sooner than a histogram of all keys is looked through
_NO_KEYS = np.empty(0, np.uint16)


class NumericCount:
    """Counts the doubles of one column under one plan; takes up to 0.5 MB while it is open.

    The fields mean what those of `NumericProfile` of the same names do.
    """

    def __init__(self, plan: NumericPlan) -> None:
        self.plan = plan
        self.total = self.squares = 0.0
        self.minimum, self.maximum = np.inf, -np.inf
        self.integral = True
        self.nan = self.above = self.below = 0
        self._histogram: Counts | None = None
        self._few: list[NDArray[np.uint16]] = []
        self._distinct = _Distinct(plan.exact)
        self._atoms = np.zeros(len(plan.atoms), np.int64)

    def add(self, values: Floats, rows: Counts | None = None) -> None:
        """Count values (1-d, double; NaN and infinities apart).

        ``rows``, of the same length and positive, says how many rows hold each (None: one).
        """
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for start in range(0, len(values), _BLOCK):
                block = slice(start, start + _BLOCK)
                self._add_block(values[block], None if rows is None else rows[block])

    def _add_block(self, values: Floats, rows: Counts | None) -> None:
        low, high = float(values.min()), float(values.max())
        if not (isfinite(low) and isfinite(high)):
            values, rows = self._finite(values, rows)
            if not len(values):
                return
            low, high = float(values.min()), float(values.max())
        self.minimum = min(self.minimum, low + 0.0)
        self.maximum = max(self.maximum, high + 0.0)
        if self.integral:
            self.integral = low > -_WHOLE and high < _WHOLE and _whole(values)
        found = self._add_exact(values, rows, high - low)
        if rows is None and found is not None and len(values) > _FEW_VALUES:
            values, rows = found  # the sums and places of these few are those of all
        self._add_sums(values, rows)

    def _finite(self, values: Floats, rows: Counts | None) -> tuple[Floats, Counts | None]:
        self.nan += _rows_of(np.isnan(values), rows)
        self.above += _rows_of(values == np.inf, rows)
        self.below += _rows_of(values == -np.inf, rows)
        known = np.isfinite(values)
        return values[known], None if rows is None else rows[known]

    def _add_sums(self, values: Floats, rows: Counts | None) -> None:
        distances = values - self.plan.centre
        self._add_places(values, distances, rows)
        if rows is None:
            self.total += float(distances.sum())
            self.squares += _squared(distances)
        else:
            self.total += float((distances * rows).sum())
            self.squares += float((np.square(distances) * rows).sum())

    def _add_places(self, values: Floats, distances: Floats, rows: Counts | None) -> None:
        """Count the cells of values; those of a few are kept as they are until they are wanted."""
        edges = self.plan.edges
        if self._histogram is None and rows is None and not edges:
            self._few.append(grid.keys_of(distances))
            if sum(map(len, self._few)) <= _FEW_VALUES:
                return
            self._histogram = _histogram_of(self._few)
            return
        if self._histogram is None:
            self._histogram = (
                np.zeros(len(edges) + 1, np.int64) if edges else _histogram_of(self._few)
            )
        if edges:
            self._histogram += _between(edges, values, rows)
        else:
            grid.count_keys(self._histogram, distances, rows)

    def _add_exact(
        self, values: Floats, rows: Counts | None, width: float
    ) -> tuple[Floats, Counts] | None:
        """Keep distinct values while they are few; once there are too many, count atoms alone.

        Gives those among these values, and the rows of each, while they are kept.
        """
        atoms = self.plan.atoms
        before = self._distinct.pairs()
        if before is not None:
            found = self._distinct.add(values, rows, dense=self.integral and width < _DENSE)
            if self._distinct.pairs() is not None:
                return found
            self._atoms += _atoms_among(*before, atoms)
        if atoms:
            self._atoms += _count_atoms(values, rows, atoms)
        return None

    def cells(self) -> tuple[Cells, Counts]:
        """Occupied cells, in ascending order, and the rows in each."""
        if self._histogram is None:
            cells = np.sort(_cell_of_key()[np.concatenate([*self._few, _NO_KEYS])])
            return grid.coarsen(*_runs(cells), self.plan.shift)
        if self.plan.edges:
            found = np.flatnonzero(self._histogram)
            return found.astype(np.int32), self._histogram[found]
        return grid.coarsen(*grid.occupied(self._histogram), self.plan.shift)

    def distinct(self) -> tuple[Floats, Counts] | None:
        """The distinct values and the rows of each; None where they were too many to keep."""
        return self._distinct.pairs()

    def atoms(self) -> Counts:
        """How often each of the plan's atoms occurred."""
        pairs = self._distinct.pairs()
        return self._atoms.copy() if pairs is None else _atoms_among(*pairs, self.plan.atoms)


@cache
def _cell_of_key() -> NDArray[np.int16]:
    """The cell of each 16-bit key of a finite distance; 16 bits are sorted in linear time."""
    bits = np.arange(grid.KEYS, dtype=np.uint32) << 16
    with np.errstate(invalid="ignore"):
        return grid.cells_of(bits.view(np.float32).astype(np.float64), 0.0).astype(np.int16)


def _runs(cells: NDArray[np.int16]) -> tuple[Cells, Counts]:
    """The different ones of ascending cells, and how often each is there."""
    if not len(cells):
        return np.empty(0, np.int32), np.empty(0, np.int64)
    starts = np.concatenate(([0], np.flatnonzero(cells[1:] != cells[:-1]) + 1, [len(cells)]))
    return cells[starts[:-1]].astype(np.int32), np.diff(starts)


def _histogram_of(keys: list[NDArray[np.uint16]]) -> Counts:
    """How often each key occurs; the list is empty then."""
    histogram = np.zeros(grid.KEYS, np.int64)
    while keys:
        np.add.at(histogram, keys.pop(), 1)
    return histogram


class _Distinct:
    """The distinct values met so far, in ascending order, while they are at most ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: Floats | None = np.empty(0) if most else None
        self._counts = np.empty(0, np.int64)

    def pairs(self) -> tuple[Floats, Counts] | None:
        return None if self._values is None else (self._values, self._counts)

    def add(
        self, values: Floats, rows: Counts | None, *, dense: bool
    ) -> tuple[Floats, Counts] | None:
        """Count these values too; ``dense`` tells that they are integers near each other.

        Gives the distinct ones of these values and the rows of each; None where there are too many.
        Sorting a whole column costs more than all else here, so a short probe comes first.
        """
        if self._values is None:
            return None
        if dense:
            found, counts = _count_integers(values, rows)
        elif self._are_many(values):
            self._values = None
            return None
        else:
            found, counts = _count_distinct(values, rows)
        self._values, self._counts = self._merged(self._values, found, counts)
        return found, counts

    def _are_many(self, values: Floats) -> bool:
        """Whether the first of a long block are too many already."""
        probed = 2 * self._most
        return len(values) > probed and len(np.unique(values[:probed])) > self._most

    def _merged(self, known: Floats, found: Floats, counts: Counts) -> tuple[Floats | None, Counts]:
        if len(found) > self._most:
            return None, counts
        if not len(known):
            return found, counts
        place = np.minimum(np.searchsorted(known, found), len(known) - 1)
        if (known[place] == found).all():
            return known, self._counts + np.bincount(place, counts, len(known)).astype(np.int64)
        both = np.concatenate((self._counts, counts))
        values, counts = _count_distinct(np.concatenate((known, found)), both)
        return (values, counts) if len(values) <= self._most else (None, counts)


def _squared(distances: Floats) -> float:
    """Their sum of squares, in runs too short for a linear algebra library to start threads."""
    runs = len(distances) // _RUN
    whole = distances[: runs * _RUN].reshape(runs, _RUN)
    rest = distances[runs * _RUN :]
    return float(np.vecdot(whole, whole).sum() + rest.dot(rest))


def _between(edges: tuple[float, ...], values: Floats, rows: Counts | None) -> Counts:
    """Rows below the first edge, from each to below the next, and from the last on."""
    if rows is None:  # sorting is several times as fast as a search for each value
        below = np.searchsorted(np.sort(values), edges)
        return np.diff(below, prepend=0, append=len(values))
    counts = np.zeros(len(edges) + 1, np.int64)
    np.add.at(counts, np.searchsorted(edges, values, side="right"), rows)
    return counts


def _whole(values: Floats) -> bool:
    first = values[:64]  # enough for nearly every column that is not integral
    return bool((np.rint(first) == first).all() and (np.rint(values) == values).all())


def _count_integers(values: Floats, rows: Counts | None) -> tuple[Floats, Counts]:
    low = values.min()
    place = (values - low).astype(np.intp)
    if rows is None:
        counts = np.bincount(place)
    else:
        counts = np.zeros(place.max() + 1, np.int64)
        np.add.at(counts, place, rows)
    found = np.flatnonzero(counts)
    return found + low, counts[found]


def _count_distinct(values: Floats, rows: Counts | None) -> tuple[Floats, Counts]:
    """Distinct values, none of them -0.0, and the rows of each."""
    if rows is None:
        found, counts = np.unique(values, return_counts=True)
        return found + 0.0, counts.astype(np.int64)
    found, place = np.unique(values, return_inverse=True)
    counts = np.zeros(len(found), np.int64)
    np.add.at(counts, place, rows)
    return found + 0.0, counts


def _atoms_among(values: Floats, counts: Counts, atoms: tuple[float, ...]) -> Counts:
    """How often each atom occurs, from the distinct values (ascending) and their counts."""
    wanted = np.array(atoms, np.float64)
    if not len(values):
        return np.zeros(len(atoms), np.int64)
    place = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return np.where(values[place] == wanted, counts[place], 0).astype(np.int64)


def _count_atoms(values: Floats, rows: Counts | None, atoms: tuple[float, ...]) -> Counts:
    if len(atoms) <= _FEW_ATOMS:
        return np.array([_rows_of(values == atom, rows) for atom in atoms], np.int64)
    wanted = np.array(atoms)
    order = np.argsort(wanted)
    place = np.minimum(np.searchsorted(wanted[order], values), len(atoms) - 1)
    met = wanted[order][place] == values
    counts = np.zeros(len(atoms), np.int64)
    np.add.at(counts, order[place[met]], 1 if rows is None else rows[met])
    return counts


def _rows_of(chosen: NDArray[np.bool_], rows: Counts | None) -> int:
    """How many rows the chosen values stand for."""
    return int(np.count_nonzero(chosen) if rows is None else rows[chosen].sum())
