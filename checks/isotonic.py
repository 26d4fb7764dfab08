"""Isotonic calibration: the share of positives that a score stands for, never falling with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Floats
from checks.outcome import BinaryOutcome
from checks.profile import frozen


def pool_adjacent_violators(hits: NDArray[np.number], rows: NDArray[np.number]) -> NDArray[np.intp]:
    """Where the blocks of the never falling fit to ``hits / rows`` begin, ``rows`` above 0.

    Within a block the fit is the share of its hits: the closest one by squares, each weighted by
    its rows (Ayer, Brunk, Ewing, Reid & Silverman, 1955).

    >>> pool_adjacent_violators(np.array([1, 3, 1, 4]), np.array([4, 4, 4, 4])).tolist()
    [0, 1, 3]
    """
    starts: list[int] = []
    blocks: list[tuple[float, float]] = []
    for place, block in enumerate(zip(hits.tolist(), rows.tolist(), strict=True)):
        start, (hit, n) = place, block
        while blocks and blocks[-1][0] * n >= hit * blocks[-1][1]:
            before, start = blocks.pop(), starts.pop()
            hit, n = hit + before[0], n + before[1]
        starts.append(start)
        blocks.append((hit, n))
    return np.array(starts, np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What scores of a reference turned out to mean, in blocks of scores with one share each.

    ``first`` and ``last`` are the outermost scores of each block, ``hits`` its positives and
    ``rows`` its labels. Between blocks the share is interpolated, beyond them it stays.
    """

    first: Floats
    last: Floats
    hits: Floats
    rows: Floats

    @classmethod
    def of(cls, outcome: BinaryOutcome) -> Calibration:
        """The calibration of labelled rows with scores, of which there is at least one.

        Scores are the middles of their cells.
        """
        positives, negatives = outcome.by_class()
        labelled = np.flatnonzero(positives + negatives)
        scores = middles(outcome.cells[labelled])
        hits, rows = positives[labelled], (positives + negatives)[labelled]
        starts = pool_adjacent_violators(hits, rows)
        ends = np.append(starts[1:], len(labelled)) - 1
        sums = (np.add.reduceat(each, starts).astype(np.float64) for each in (hits, rows))
        return cls(frozen(scores[starts]), frozen(scores[ends]), *map(frozen, sums))

    @property
    def shares(self) -> Floats:
        """The share of positives in each block, ascending."""
        return self.hits / self.rows

    def places(self, scores: Floats) -> Floats:
        """Where scores lie among the blocks, counted from 0: between two of them in fractions."""
        edges = np.stack((self.first, self.last), axis=1).ravel()
        return np.interp(scores, edges, np.repeat(np.arange(len(self.rows)), 2))


def shares_at(places: Floats, shares: Floats) -> Floats:
    """The shares at places among blocks; ``shares`` may be a stack of those of all blocks.

    >>> shares_at(np.array([0.0, 0.5, 1.0]), np.array([0.2, 0.6])).tolist()
    [0.2, 0.4, 0.6]
    """
    low = np.floor(places).astype(np.intp)
    high = np.minimum(low + 1, shares.shape[-1] - 1)
    return np.asarray(shares[..., low] + (places - low) * (shares[..., high] - shares[..., low]))


def middles(cells: Cells) -> Floats:
    """The scores in the middle of cells of the score grid."""
    low, high = grid.score_bounds(cells)
    return (low + high) / 2
