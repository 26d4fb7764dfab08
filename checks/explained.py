"""Performance of a regression, by how much of the truth it explains."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from checks.check import NotEnoughData, Stat, check
from checks.intervals import Interval, measured
from checks.outcome import RegressionOutcome
from checks.outcome_weights import worth
from checks.regression import (
    FEWEST_SQUARES,
    enough,
    labelled,
    note_of,
    too_large,
    weightless,
)

_ROUNDING = 1e-12


@check(
    RegressionOutcome,
    direction="below",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
    within=(-math.inf, 1.0),
    weighted=True,
)
def r2(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Share of the variance of the truth that the predictions explain: 1 - MSE / var(y).

    It falls when the truth varies less, even where errors are no larger than before, and so runs
    only when asked for. The interval is a delta method on ln(1 - R2), from 100 labels on: 95 % are
    92 to 95 there for truths with light tails, 89 to 94 for exponential and 80 to 92 for log-normal
    ones.

    >>> from checks.plan import RegressionPlan
    >>> truth = np.tile([0.0, 10.0], 50)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.repeat([1.0, -1.0], 50), truth)
    >>> round(r2.compute(outcome, outcome).value, 9)
    0.96
    """
    return _explained(reference, current, _Moments.of(current), 0.0)


@check(
    RegressionOutcome,
    direction="below",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
    within=(-math.inf, 1.0),
    weighted=True,
)
def explained_variance(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Share of the variance of the truth that predictions explain but for their bias.

    It is ``r2`` where predictions are right on average, and above it where they are not: a constant
    error counts for nothing. The interval is that of ``r2`` of errors less their mean, from 100
    labels on; what the sums do not tell, their skewness, is taken for none.

    Formula: 1 - var(prediction - truth) / var(truth).

    >>> from checks.plan import RegressionPlan
    >>> truth = np.tile([0.0, 10.0], 50)
    >>> told = truth + np.repeat([6.0, 4.0], 50)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), told, truth)
    >>> round(explained_variance.compute(outcome, outcome).value, 9)
    0.96
    """
    told = _Moments.of(current)
    return _explained(reference, current, told, told.mean.e)


class _Means(NamedTuple):
    """Means of products of errors and truths, which are named as the sums of an outcome are."""

    e: float
    e2: float
    e4: float
    y: float
    y2: float
    y3: float
    y4: float
    e2y: float
    e2y2: float

    @property
    def variance(self) -> float:
        """Of the truth."""
        return self.y2 - self.y**2


class _Moments(NamedTuple):
    """What tells how much is explained: means by weight, those by its square, and rows.

    Where rows have no weights both means are the same; otherwise rows are as many as Kish (1965)
    makes of them.
    """

    n: float
    mean: _Means
    squared: _Means

    @classmethod
    def of(cls, outcome: RegressionOutcome) -> _Moments:
        """Those of an outcome whose truth varies."""
        n, weighted = labelled(outcome, FEWEST_SQUARES), outcome.weighted
        if weighted is None:
            means = _Means(*(getattr(outcome, name) / n for name in _Means._fields))
            return cls(n, means, means).varied()
        if not np.isfinite(weighted.moments).all():
            raise too_large(n, FEWEST_SQUARES)
        (w, *sums), (w2, *squares) = weighted.moments.tolist()
        if not (w > 0.0 and w2 > 0.0):
            raise weightless(n, FEWEST_SQUARES)
        both = _Means(*(each / w for each in sums)), _Means(*(each / w2 for each in squares))
        return cls(float(worth(np.array(w), np.array(w2))), *both).varied()

    def varied(self) -> _Moments:
        """These, if the truth varies."""
        if self.mean.variance <= _ROUNDING * self.mean.y2:
            n = int(self.n)
            reason = f"not computed: the truth does not vary over {n} labelled rows"
            raise NotEnoughData(reason, 0, 2, among=n)
        return self


def _explained(
    reference: RegressionOutcome, current: RegressionOutcome, told: _Moments, taken: float
) -> Stat:
    """One less the mean square of errors, with so much ``taken`` off each, over the variance of y.

    What the sums do not tell, the skewness of errors about what is taken off, counts as none.
    """
    square = told.mean.e2 - taken**2
    if square <= _ROUNDING * told.mean.e2:
        square = 0.0  # every error is the same
    unexplained = square / told.mean.variance
    spread = _spread(told, square, taken)

    def interval(z: float) -> Interval:
        return Interval(
            1 - unexplained * float(np.exp(z * spread)),
            1 - unexplained * float(np.exp(-z * spread)),
        )

    stat = measured(
        1 - unexplained,
        interval,
        n_reference=reference.labelled,
        n_current=int(told.n),
        where=note_of(current),
    )
    return enough(stat, told.n, FEWEST_SQUARES)


def _spread(told: _Moments, square: float, taken: float) -> float:
    """Standard error of ln(MSE / var(y)): the mean square of e²/MSE - (y-ȳ)²/var(y), over n."""
    m, middle, variance = told.squared, told.mean.y, told.mean.variance
    if not square:
        return 0.0
    errors, truths = m.e2 - 2 * taken * m.e + taken**2, m.y2 - 2 * middle * m.y + middle**2
    fourth = m.e4 - taken**4 - 6 * taken**2 * errors
    both = m.e2y2 - 2 * middle * m.e2y + middle**2 * m.e2 - taken**2 * truths
    if taken:
        fourth, both = max(fourth, errors**2), max(both, 0.0)
    fourths = m.y4 - 4 * middle * m.y3 + 6 * middle**2 * m.y2 - 4 * middle**3 * m.y + middle**4
    parts = fourth / square / square - 2 * both / square / variance + fourths / variance / variance
    return float(np.sqrt(max(parts, 0.0) / told.n))
