"""Coarse cells: where the bit grid is too coarse for a column, and the edges that replace it."""

from __future__ import annotations

import numpy as np

from checks import grid
from checks.grid import Floats

QUANTILES = 256
_SHARE = 0.02
_EMPTY = 0.9
_FEWEST = 20  # values in a cell: fewer come together by chance


def edges_for(sample: Floats, centre: float, atoms: tuple[float, ...]) -> tuple[float, ...]:
    """Edges for a column of which ``sample`` holds finite values; none where the grid is fine.

    The grid around ``centre`` is fine near it and 0.8 % of the distance from it wide elsewhere. It
    is too coarse where one cell holds more than 2 % of the sample, atoms (mass points, which are
    counted exactly) and cells of a single value apart: a move within such a cell would not be seen.
    The edges then are 256 steps of equal mass through what is left of the sample without its atoms,
    as lower empirical quantiles, two close about each atom, and the ends of each empty stretch that
    makes up nine tenths of a step.

    >>> edges_for(np.arange(1000.0), 500.0, ())
    ()
    >>> two_modes = np.concatenate((np.arange(1000.0), 1e9 + np.arange(1000.0)))
    >>> edges = edges_for(two_modes, 500.0, (7.0,))
    >>> len(edges), edges[:3]
    (260, (0.0, 7.0, 7.000000000000001))
    """
    loose = sample[~np.isin(sample, atoms)]
    if not _crowded(loose, centre, len(sample)):
        return ()
    steps = np.quantile(loose, np.arange(QUANTILES + 1) / QUANTILES, method="inverted_cdf")
    with np.errstate(over="ignore", under="ignore"):
        ends, starts = _gaps(np.unique(loose), np.unique(steps))
        until = np.nextafter((*atoms, *ends), np.inf)
        edges = np.unique(np.concatenate((steps, atoms, until, starts))) + 0.0
    return tuple(edges[np.isfinite(edges)].tolist())


def _gaps(values: Floats, steps: Floats) -> tuple[Floats, Floats]:
    """The last value before and the first behind each empty stretch that nearly fills its step."""
    before, behind = values[:-1], values[1:]
    place = np.searchsorted(steps, before, side="right")
    wide = behind - before > _EMPTY * (steps[place] - steps[place - 1])
    return before[wide], behind[wide]


def _crowded(loose: Floats, centre: float, rows: int) -> bool:
    """Whether different values make up too large a share of all rows within one cell."""
    cells, counts = grid.cell_counts(loose, centre)
    heavy = cells[counts > max(_SHARE * rows, _FEWEST)]
    own = grid.cells_of(loose, centre) if len(heavy) else np.empty(0, np.int32)
    return any((values := loose[own == cell]).min() < values.max() for cell in heavy)
