"""Outcomes of rows that have weights: sums in which each counts by its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.profile import frozen
from checks.summing import (
    CALIBRATION_BINS,
    add_by_cell,
    calibration_bins,
    relative_errors,
    sums,
)

_LARGEST = 1e60
"""A larger weight is none: the square of it would weigh out all others."""

_ROUNDING = 1e-12
_WHOLE = 1.0 + 1e-9  # so many rows of one weight are worth no fewer
_DIGITS = 6

RELATIVE = ("ape", "sape", "sle")
"""Relative errors, in the order in which they are summed behind e, |e| and e^2."""

MOMENTS = ("one", "e", "e2", "e4", "y", "y2", "y3", "y4", "e2y", "e2y2")
"""Products of e = prediction - truth and of the truth y that tell how much is explained."""

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
        n = spread / doubt
    n = min(n * _WHOLE, float(rows))
    return Mean(n, mean * n, square * n)


def share_row(hits: Sequence[float], whole: Sequence[float]) -> Floats:
    """The sums by `POWERS` of ones for hits among the whole, each the sums of weight and square.

    >>> share_row((1.0, 2.0), (3.0, 4.0)).tolist()
    [3.0, 1.0, 1.0, 4.0, 2.0, 2.0]
    """
    return np.array([whole[0], hits[0], hits[0], whole[1], hits[1], hits[1]], np.float64)


def worth(sums: Counts | Floats, squares: Counts | Floats) -> Floats:
    """As how many rows of one weight rows are as uncertain, (Σw)²/Σw² (Kish, 1965).

    >>> worth(np.array([6.0, 4.0, 0.0]), np.array([12.0, 10.0, 0.0])).tolist()
    [3.0, 1.6, 0.0]
    """
    return np.round(sums * ratio(sums, squares), _DIGITS)


def ratio(part: Counts | Floats, whole: Counts | Floats) -> Floats:
    """One over the other, 0 where there is nothing."""
    return np.asarray(np.divide(part, whole, np.zeros(np.shape(whole)), where=whole > 0.0))


def powers(weight: Floats, values: Sequence[Floats]) -> Floats:
    """The sums of each of several values of rows, one row of `POWERS` each."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([[(weight**p * value**q).sum() for p, q in POWERS] for value in values])


def calibration_sums(weight: Floats, score: Floats, came: NDArray[np.integer]) -> Floats:
    """Of scores in [0, 1], by ten equal bins, sums that tell whether they mean what they say.

    The first row sums weight times score; the others sum the weights of what did not come, of what
    came (1), and then the squares of both.
    """
    bins = calibration_bins(score)
    promised = np.bincount(bins, weight * score, CALIBRATION_BINS)
    place = bins + CALIBRATION_BINS * came
    by_power = [np.bincount(place, weight**k, 2 * CALIBRATION_BINS) for k in (1, 2)]
    found = np.vstack([promised, *(each.reshape(2, -1) for each in by_power)])
    return found.astype(np.float64)  # of no rows bincount makes whole numbers


_W = TypeVar("_W", "WeightedErrors", "WeightedClasses")


@dataclass(frozen=True, slots=True, eq=False)
class WeightedErrors:
    """Weighted sums of a regression, over its labelled rows with a usable weight.

    ``table`` holds, by `POWERS`, e, |e|, e^2 and the relative errors of `RELATIVE`, the last of
    rows that have a logarithm. ``moments[k, m]`` sums `MOMENTS` times the weights (k = 0) or their
    squares (k = 1), y about the plan's centre. ``rows`` counts the rows, ``unusable`` labelled rows
    without a usable weight, ``unlogged`` rows without a logarithm.
    """

    table: Floats
    moments: Floats
    rows: int = 0
    unusable: int = 0
    unlogged: int = 0

    @classmethod
    def of(
        cls, weight: Floats, predicted: Floats, label: Floats, centre: float = 0.0
    ) -> WeightedErrors:
        """The sums of rows; what is NaN is not known.

        >>> side = np.array([1.0, 3.0]), np.array([2.0, 5.0]), np.array([1.0, 9.0])
        >>> WeightedErrors.of(*side).table[0, :2].tolist()
        [4.0, -11.0]
        """
        known = np.isfinite(predicted) & np.isfinite(label)
        chosen = known & usable(weight)
        w, p, y = (each[chosen] for each in (weight, predicted, label))
        rows = len(w)
        with np.errstate(over="ignore"):
            e = p - y
            ape, sape, sle, logged = relative_errors(p, y)
            table = powers(w, (e, np.abs(e), e * e, ape, sape))
        return cls(
            frozen(np.vstack((table, powers(w * logged, [sle])))),
            frozen(_moments(w, e, y - centre)),
            rows,
            unusable=int(np.count_nonzero(known)) - rows,
            unlogged=rows - int(np.count_nonzero(logged)),
        )

    def merge(self, other: WeightedErrors) -> WeightedErrors:
        """The sums of both sets of rows."""
        return WeightedErrors.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[WeightedErrors]) -> WeightedErrors:
        """The sums of all rows of the parts, of which there is at least one."""
        moments = frozen(np.asarray(np.sum([each.moments for each in parts], 0)))
        added = {"table": _added(parts), "moments": moments}
        return replace(parts[0], **added, **sums(parts))  # type: ignore[arg-type]


def _moments(weight: Floats, e: Floats, y: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        one, e2, y2 = np.ones(len(e)), e * e, y * y
        values = np.array((one, e, e2, e2 * e2, y, y2, y2 * y, y2 * y2, e2 * y, e2 * y2))
        return np.array([(values * weight**k).sum(axis=1) for k in (1, 2)])


@dataclass(frozen=True, slots=True, eq=False)
class WeightedClasses:
    """Weighted sums of a binary classifier, over its labelled rows with a usable weight.

    ``confusion[k, p, y]`` sums the weights (k = 0) and their squares (k = 1) of rows of predicted
    class p and truth y. ``table`` holds, by `POWERS`, log loss and Brier loss of rows with a valid
    score; ``by_score[b, y, k]`` parts the weights of these, and their squares, by the cell
    ``cells[b]`` of the mirrored score grid and the truth, and ``calibration`` holds their
    `calibration_sums`. ``rows`` and ``scored`` count the rows in either, ``unusable`` labelled rows
    without a usable weight.
    """

    confusion: Floats
    table: Floats
    cells: Cells
    by_score: Floats
    calibration: Floats
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
            frozen(calibration_sums(weight[told], score[told], label[told])),
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
            calibration=frozen(np.asarray(np.sum([each.calibration for each in parts], 0))),
            **sums(parts),  # type: ignore[arg-type]
        )


def _added(parts: Sequence[_W]) -> Floats:
    return frozen(np.asarray(np.sum([each.table for each in parts], 0)))
