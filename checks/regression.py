"""Performance of a regression, from the sums of its outcome profile."""

from __future__ import annotations

import numpy as np

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.intervals import Interval, measured
from checks.outcome import RegressionOutcome

FEWEST_ERRORS = 30
"""Labels from which the mean of errors is close to normal."""

FEWEST_SQUARES = 100
"""Labels from which the mean of squared errors is."""

HEAVY_TAILS = 6.0
"""Kurtosis of the errors from which an interval of their squares is too short."""

_ROUNDING = 1e-12

_OPTIMISTIC = "optimistic interval: heavy tails"


@check(RegressionOutcome, direction="above", slack=(0.1, 0.25), relative=True, cause="performance")
def mae(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Mean absolute error: by how much a prediction is off, in the unit of the target.

    The interval is that of a mean (Student, 1908), from 30 labels on.

    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(40.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.tile([3.0, -1.0], 20), truth)
    >>> mae.compute(outcome, outcome).value
    2.0
    """
    n = _labelled(current, FEWEST_ERRORS)
    value = current.abs_e / n

    def interval(z: float) -> Interval:
        low, high = intervals.mean(current.abs_e, current.e2, n, z)
        return Interval(max(low, 0.0), high)

    stat = measured(value, interval, n_reference=reference.labelled, n_current=n)
    return _enough(stat, n, FEWEST_ERRORS)


@check(RegressionOutcome, direction="above", slack=(0.1, 0.25), relative=True, cause="performance")
def rmse(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Root mean squared error: like the mean absolute error, but large errors weigh more.

    The interval is a delta method on the logarithm, from 100 labels on. It holds for errors with
    light tails; beyond a kurtosis of 6 it is too short, and ``where`` says so: judge ``mae`` there.

    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(100.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.tile([1.0, -7.0], 50), truth)
    >>> rmse.compute(outcome, outcome).value
    5.0
    """
    n = _labelled(current, FEWEST_SQUARES)
    value = float(np.sqrt(current.e2 / n))
    heavy = intervals.kurtosis(current.e2, current.e4, n) > HEAVY_TAILS
    stat = measured(
        value,
        lambda z: intervals.rmse(current.e2, current.e4, n, z),
        n_reference=reference.labelled,
        n_current=n,
        where=_OPTIMISTIC if heavy else "",
    )
    return _enough(stat, n, FEWEST_SQUARES)


@check(RegressionOutcome, direction="both", slack=(0.5, 1.0), relative=True, cause="performance")
def bias(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Mean of prediction minus truth: above 0 the model says too much, below 0 too little.

    The slack around the reference's own bias is a share of its mean absolute error. The interval
    is that of a mean (Student, 1908), from 30 labels on.

    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(40.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.tile([3.0, -1.0], 20), truth)
    >>> bias.compute(outcome, outcome).value
    1.0
    """
    n = _labelled(current, FEWEST_ERRORS)
    stat = measured(
        current.e / n,
        lambda z: intervals.mean(current.e, current.e2, n, z),
        n_reference=reference.labelled,
        n_current=n,
        scale=current.abs_e / n,
    )
    return _enough(stat, n, FEWEST_ERRORS)


@check(
    RegressionOutcome,
    direction="below",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
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
    n = _labelled(current, FEWEST_SQUARES)
    variance = current.y2 / n - (current.y / n) ** 2
    if variance <= _ROUNDING * current.y2 / n:
        reason = f"not computed: the truth does not vary over {n} labelled rows"
        raise NotEnoughData(reason, 0, 2, among=n)
    unexplained = current.e2 / n / variance
    spread = _spread(current, variance)

    def interval(z: float) -> Interval:
        return Interval(
            1 - unexplained * float(np.exp(z * spread)),
            1 - unexplained * float(np.exp(-z * spread)),
        )

    stat = measured(1 - unexplained, interval, n_reference=reference.labelled, n_current=n)
    return _enough(stat, n, FEWEST_SQUARES)


def _spread(o: RegressionOutcome, variance: float) -> float:
    """Standard error of ln(MSE / var(y)): the mean square of e²/MSE - (y-ȳ)²/var(y), over n."""
    n, mse, middle = o.labelled, o.e2 / o.labelled, o.y / o.labelled
    if not mse:
        return 0.0
    errors = o.e4 / n
    both = (o.e2y2 - 2 * middle * o.e2y + middle * middle * o.e2) / n
    truths = (o.y4 - 4 * middle * o.y3 + 6 * middle**2 * o.y2) / n - 3 * middle**4
    square = errors / mse / mse - 2 * both / mse / variance + truths / variance / variance
    return float(np.sqrt(max(square, 0.0) / n))


def _labelled(outcome: RegressionOutcome, need: int) -> int:
    if outcome.labelled:
        return _finite(outcome)
    if not outcome.rows:
        reason = "no rows"
    elif outcome.unpredicted == outcome.rows:
        reason = "no predictions"
    else:
        reason = "no labels yet"
    raise NotEnoughData(reason, 0, need, among=outcome.rows)


def _enough(stat: Stat, n: int, need: int) -> Stat:
    if n < need:
        raise NotEnoughData(f"{n} labels, {need} needed", n, need, stat=stat)
    return stat


def _finite(outcome: RegressionOutcome) -> int:
    if not np.isfinite([outcome.e4, outcome.y4, outcome.e2y2]).all():
        reason = "not computed: values beyond 1e77 are too large for double precision"
        raise NotEnoughData(reason, 0, 1, among=outcome.labelled)
    return outcome.labelled
