"""Resampling: intervals of numbers that have no formula for theirs, from counts drawn anew.

Counts of cells are drawn as often as cells were counted, each cell with its own share: that is the
bootstrap of the rows (Efron, 1979), without the rows. The seed is fixed, so that the same counts
always give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from checks import intervals
from checks.grid import Counts, Floats
from checks.intervals import Interval
from checks.outcome_weights import ratio, worth

DRAWS = 200
"""Resamples: enough for the ends of an interval, cheap enough for every window."""

MOST_CELLS = 512
"""Cells that are drawn of a histogram of scores; finer ones change no interval."""

_SEED = 20

Statistic = Callable[[NDArray[np.number]], Floats]
"""A number for each table of counts in a stack of them."""


def resamples(counts: Counts | Floats) -> Counts:
    """Tables of counts (1-d or more) drawn from this one: 200 of them, along a new first axis.

    >>> drawn = resamples(np.array([[30, 0], [10, 60]]))
    >>> drawn.shape, set(drawn.sum(axis=(1, 2)).tolist()), int(drawn[:, 0, 1].max())
    ((200, 2, 2), {100}, 0)
    """
    flat = counts.ravel()
    total = flat.sum()
    drawn = generator().multinomial(round(float(total)), flat / total, DRAWS)
    return drawn.reshape(DRAWS, *counts.shape)


def of_weights(sums: Counts | Floats, squares: Counts | Floats) -> Floats:
    """Sums of weights drawn anew: 200 tables like ``sums``, the weights of the rows in each cell.

    ``squares`` sums their squares. Each cell counts as so many rows as it is worth, of one weight
    (Bohm and Zech, 2014), so that a draw varies as the bootstrap of the rows would. Where all
    weights are 1, and both tables count rows, that is ``of_occupied``.

    >>> table = np.array([[30, 0], [10, 60]])
    >>> bool((of_weights(table * 3.0, table * 9.0) == of_occupied(table) * 3).all())
    True
    """
    return of_occupied(worth(sums, squares)) * ratio(squares, sums)


def of_occupied(table: Counts | Floats) -> Counts:
    """The same of a table of which most cells may be empty: only the others are drawn.

    >>> of_occupied(np.array([[30, 0], [10, 60]])).shape
    (200, 2, 2)
    """
    some = np.flatnonzero(table)
    drawn = np.zeros((DRAWS, table.size), np.int64)
    drawn[:, some] = resamples(table.ravel()[some])
    return drawn.reshape(DRAWS, *table.shape)


def generator() -> np.random.Generator:
    """Chance that is the same each time."""
    return np.random.default_rng(_SEED)


def neighbours(cells: Counts | Floats, most: int = MOST_CELLS) -> NDArray[np.intp]:
    """Where groups of neighbouring cells (rows) begin, at most so many, of like weight.

    The weight of a cell is the sum of its shares of each class (column).

    >>> neighbours(np.array([[1, 0], [1, 0], [0, 4], [0, 4]]), 2).tolist()
    [0, 2]
    """
    if len(cells) <= most:
        return np.arange(len(cells))
    weights = ratio(cells, np.broadcast_to(cells.sum(axis=0), cells.shape)).sum(axis=1)
    before = np.cumsum(weights) - weights
    groups = np.floor(before / weights.sum() * most * (1 + 1e-12)).astype(np.int64)
    return np.flatnonzero(np.diff(groups, prepend=-1))


def percentiles(value: float, draws: Floats, z: float) -> Interval:
    """The middle part of the draws, as wide as that between -z and z of a normal distribution.

    Draws that are NaN are left out, and the value itself is always inside.

    >>> [round(end, 6) for end in percentiles(0.5, np.linspace(0.0, 1.0, 201), 1.0)]
    [0.158655, 0.841345]
    """
    known = draws[np.isfinite(draws)]
    if not len(known):
        return Interval(-np.inf, np.inf)
    low, high = np.quantile(known, (ndtr(-z), ndtr(z)))
    return Interval(min(float(low), value), max(float(high), value))


def reflected(value: float, draws: Floats, z: float) -> Interval:
    """The same, mirrored at the value: for numbers that chance makes larger.

    What draws are above the value, the value is above the truth (the basic interval of Davison &
    Hinkley, 1997).

    >>> reflected(0.5, np.linspace(0.5, 0.9, 201), 1.0).high
    0.5
    """
    low, high = percentiles(value, draws, z)
    return Interval(2 * value - high, 2 * value - low)


def perfect(value: float, trials: int, z: float) -> Interval | None:
    """The interval of a value of 1 or -1, at which every draw is the same and tells nothing.

    It is that of so many trials without a failure (Wilson, 1927); None for any other value.

    >>> [round(end, 4) for end in perfect(1.0, 30, 2.0)]
    [0.8824, 1.0]
    """
    if abs(value) < 1 - 1e-12:
        return None
    low = intervals.wilson(trials, trials, z).low
    return Interval(low, 1.0) if value > 0 else Interval(-1.0, -low)
