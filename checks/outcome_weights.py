"""Outcomes of rows that have weights: sums in which each counts by its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Floats
from checks.profile import frozen
from checks.summing import add_by_cell, sums

_LARGEST = 1e60
"""A larger weight is none: the square of it would weigh out all others."""

_ROUNDING = 1e-12

POWERS = ((1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2))
"""The columns of sums over rows: of which power of the weight times which power of the value."""


class Mean(NamedTuple):
    """A weighted mean: of so many equal rows that had sums like these it is as uncertain."""

    n: float
    total: float
    squares: float


class Decisions(NamedTuple):
    """The confusion matrix of two classes, in sums of weights."""

    tp: float
    fp: float
    fn: float
    tn: float

    @property
    def matrix(self) -> Decisions:
        return self

    @property
    def right(self) -> float:
        return self.tp + self.tn

    @property
    def labelled(self) -> float:
        return self.tp + self.fp + self.fn + self.tn


def usable(weight: Floats) -> NDArray[np.bool_]:
    """Which weights are: numbers from 0 to 1e60."""
    return (weight >= 0.0) & (weight <= _LARGEST)


def weighted_mean(row: Floats, rows: float) -> Mean | None:
    """The mean of so many ``rows``, of one row of sums by `POWERS`; None where all weigh nothing.

    It is as uncertain as that of n equal rows, n the variance of the values over that of the mean,
    Σw²(v-m)²/(Σw)² (Korn and Graubard 1998), but no more than there are. Where the values are all
    the same n is (Σw)²/Σw² (Kish 1965), which elsewhere holds only if weights tell nothing of
    values.

    >>> value, weight = np.array([0.0, 1.0]), np.array([1.0, 3.0])
    >>> round(weighted_mean(powers(weight, [value])[0], 2).n, 9)
    2.0
    """
    w, wv, wvv, w2, w2v, w2vv = row.tolist()
    if not (w > 0.0 and w2 > 0.0):
        return None
    mean, square = wv / w, wvv / w
    n, spread = w * w / w2, square - mean * mean
    doubt = (w2vv - 2.0 * mean * w2v + mean * mean * w2) / w / w
    if spread > _ROUNDING * square and doubt > 0.0:
        n = min(spread / doubt, float(rows))
    return Mean(n, mean * n, square * n)


def powers(weight: Floats, values: Sequence[Floats]) -> Floats:
    """The sums of each of several values of rows, one row of `POWERS` each."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([[(weight**p * value**q).sum() for p, q in POWERS] for value in values])


_W = TypeVar("_W", "WeightedErrors", "WeightedClasses")


@dataclass(frozen=True, slots=True, eq=False)
class WeightedErrors:
    """Weighted sums of a regression: by `POWERS`, of e, |e| and e^2 of the labelled rows.

    ``rows`` counts the rows in them, ``unusable`` labelled rows without a usable weight.
    """

    table: Floats
    rows: int = 0
    unusable: int = 0

    @classmethod
    def of(cls, weight: Floats, predicted: Floats, label: Floats) -> WeightedErrors:
        """The sums of rows; what is NaN is not known.

        >>> side = np.array([1.0, 3.0]), np.array([2.0, 5.0]), np.array([1.0, 9.0])
        >>> WeightedErrors.of(*side).table[0, :2].tolist()
        [4.0, -11.0]
        """
        known = np.isfinite(predicted) & np.isfinite(label)
        chosen = known & usable(weight)
        with np.errstate(over="ignore"):
            e = predicted[chosen] - label[chosen]
            table = powers(weight[chosen], (e, np.abs(e), e * e))
        rows = int(np.count_nonzero(chosen))
        return cls(frozen(table), rows, int(np.count_nonzero(known)) - rows)

    def merge(self, other: WeightedErrors) -> WeightedErrors:
        """The sums of both sets of rows."""
        return WeightedErrors.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[WeightedErrors]) -> WeightedErrors:
        """The sums of all rows of the parts, of which there is at least one."""
        return replace(parts[0], table=_added(parts), **sums(parts))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class WeightedClasses:
    """Weighted sums of a binary classifier, over its labelled rows with a usable weight.

    ``confusion[k, p, y]`` sums the weights (k = 0) and their squares (k = 1) of rows of predicted
    class p and truth y. ``table`` holds, by `POWERS`, log loss and Brier loss of rows with a valid
    score; ``by_score[b, y, k]`` parts the weights of these, and their squares, by the cell
    ``cells[b]`` of the mirrored score grid and the truth. ``rows`` and ``scored`` count the rows in
    either, ``unusable`` labelled rows without a usable weight.
    """

    confusion: Floats
    table: Floats
    cells: Cells
    by_score: Floats
    rows: int = 0
    scored: int = 0
    unusable: int = 0

    @classmethod
    def of(
        cls,
        weight: Floats,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        score: Floats,
        losses: Sequence[Floats],
    ) -> WeightedClasses:
        """The sums of labelled rows whose predicted class is known, both 0 or 1.

        ``score`` is NaN or outside [0, 1] where it is none, and then ``losses`` of no account.
        """
        fine = usable(weight)
        told = fine & (score >= 0.0) & (score <= 1.0)
        w, place = weight[fine], predicted[fine] * 2 + label[fine]
        cells, at = np.unique(grid.score_cells(score[told]), return_inverse=True)
        place_of_score = at * 2 + label[told]
        sums_of = [np.bincount(place, w**k, 4).reshape(2, 2) for k in (1, 2)]
        scored = [np.bincount(place_of_score, weight[told] ** k, 2 * len(cells)) for k in (1, 2)]
        return cls(
            frozen(np.array(sums_of, np.float64)),
            frozen(powers(weight[told], [each[told] for each in losses])),
            frozen(cells.astype(np.int32)),
            frozen(np.stack(scored, axis=1).reshape(-1, 2, 2).astype(np.float64)),
            rows=int(np.count_nonzero(fine)),
            scored=int(np.count_nonzero(told)),
            unusable=int(np.count_nonzero(~fine)),
        )

    def decisions(self, power: int) -> Decisions:
        """The matrix in sums of this power of the weights, 1 or 2."""
        (tn, fn), (fp, tp) = self.confusion[power - 1].tolist()
        return Decisions(tp, fp, fn, tn)

    def merge(self, other: WeightedClasses) -> WeightedClasses:
        """The sums of both sets of rows."""
        return WeightedClasses.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[WeightedClasses]) -> WeightedClasses:
        """The sums of all rows of the parts, of which there is at least one."""
        cells, by_score = add_by_cell([p.cells for p in parts], [p.by_score for p in parts])
        return replace(
            parts[0],
            confusion=frozen(np.asarray(np.sum([each.confusion for each in parts], 0))),
            table=_added(parts),
            cells=cells,
            by_score=by_score,
            **sums(parts),  # type: ignore[arg-type]
        )


def _added(parts: Sequence[_W]) -> Floats:
    return frozen(np.asarray(np.sum([each.table for each in parts], 0)))
