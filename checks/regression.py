"""Performance of a regression, from the sums of its outcome profile."""

from __future__ import annotations

import math

import numpy as np

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.figures import quantile
from checks.intervals import Interval, mean_of, measured
from checks.labelled import left_out
from checks.outcome import RegressionOutcome
from checks.outcome_weights import Mean, weighted_mean

FEWEST_ERRORS = 30
"""Labels from which the mean of errors is close to normal."""

FEWEST_SQUARES = 100
"""Labels from which the mean of squared errors is."""

HEAVY_TAILS = 6.0
"""Kurtosis of the errors from which an interval of their squares is too short."""

_ROUNDING = 1e-12

_ERROR, _ABSOLUTE, _SQUARE = range(3)  # places among weighted sums

OPTIMISTIC = "optimistic interval: heavy tails"
"""Where an interval of squares is too short."""


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
    m = _mean(current, _ABSOLUTE, FEWEST_ERRORS)
    note = _note(current)
    stat = mean_of(m.total, m.squares, m.n, n_reference=reference.labelled, where=note)
    return enough(stat, m.n, FEWEST_ERRORS)


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
    m = _mean(current, _SQUARE, FEWEST_SQUARES)
    return root_of_squares(m.total, m.squares, reference, current, m.n)


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.2, 0.55),
    relative=True,
    cause="performance",
    default=False,
)
def mse(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Mean squared error, in the square of the target's unit.

    The square of ``rmse``, and of the ends of its interval, from 100 labels on.

    Formula: the mean of (prediction - truth)^2.

    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(100.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.tile([1.0, -7.0], 50), truth)
    >>> mse.compute(outcome, outcome).value
    25.0
    """
    n, total, squares = _mean(current, _SQUARE, FEWEST_SQUARES)

    def interval(z: float) -> Interval:
        low, high = intervals.rmse(total, squares, n, z)
        return Interval(low * low, high * high)

    where = _where(total, squares, n) or _note(current)
    stat = measured(
        total / n, interval, n_reference=reference.labelled, n_current=int(n), where=where
    )
    return enough(stat, n, FEWEST_SQUARES)


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
    m, size = (_mean(current, place, FEWEST_ERRORS) for place in (_ERROR, _ABSOLUTE))
    stat = measured(
        m.total / m.n,
        lambda z: intervals.mean(m.total, m.squares, m.n, z),
        n_reference=reference.labelled,
        n_current=int(m.n),
        where=_note(current),
        scale=size.total / size.n,
    )
    return enough(stat, m.n, FEWEST_ERRORS)


@check(
    RegressionOutcome,
    direction="below",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
    within=(-math.inf, 1.0),
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
    n, _ = _varied(current)
    return _explained(reference, current, current.e2 / n, current.e4 / n, _crossed(current))


@check(
    RegressionOutcome,
    direction="below",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
    within=(-math.inf, 1.0),
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
    n, variance = _varied(current)
    mean = current.e / n
    square = current.e2 / n - mean**2
    if square <= _ROUNDING * current.e2 / n:
        square = 0.0  # every error is the same
    fourth = max(current.e4 / n - mean**4 - 6 * mean**2 * square, square**2)
    both = max(_crossed(current) - mean**2 * variance, 0.0)
    return _explained(reference, current, square, fourth, both)


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
)
def median_absolute_error(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """The absolute error that half of the predictions do not exceed, in the unit of the target.

    No outlier moves it. It is ``error_quantile`` at a share of 0.5, with the same interval, from 30
    labels on.

    Formula: F^-1(1/2), F the distribution of |prediction - truth|.

    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(45.0)
    >>> told = truth + np.tile([1.0, -2.0, 9.0], 15)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), told, truth)
    >>> median_absolute_error.compute(outcome, outcome).value
    2.0
    """
    return _of_size(reference, current, 0.5)


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.15, 0.4),
    relative=True,
    cause="performance",
    default=False,
)
def error_quantile(
    reference: RegressionOutcome, current: RegressionOutcome, *, share: float = 0.9
) -> Stat:
    """The absolute error that a ``share`` of the predictions does not exceed.

    Errors are counted in cells 1.6 % wide, within which they count as evenly spread; whole numbers
    up to 128 have cells of their own. The interval is that of order statistics, from 30 labels on,
    and from as many as the share needs.

    Formula: F^-1(q), with the errors of the ranks n q -+ z sqrt(n q (1 - q)) for interval.
    Source: Wilks 1948 (Bull. Am. Math. Soc. 54).

    >>> from checks.plan import RegressionPlan
    >>> errors = np.arange(1.0, 101.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), errors, np.zeros(100))
    >>> error_quantile.compute(outcome, outcome).value
    90.0
    """
    return _of_size(reference, current, share)


@check(
    RegressionOutcome,
    direction="above",
    slack=(1.0, 3.0),
    relative=True,
    cause="performance",
    default=False,
)
def max_error(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """The largest absolute error of the window, which one row decides.

    It grows with the number of labels, and has no interval: watch ``error_quantile`` where you can.

    Formula: max |prediction - truth|.

    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(40.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.tile([3.0, -7.0], 20), truth)
    >>> max_error.compute(outcome, outcome).value
    7.0
    """
    n = labelled(current, FEWEST_ERRORS)
    stat = Stat(current.size.maximum, n_reference=reference.labelled, n_current=n)
    return enough(stat, n, FEWEST_ERRORS)


def _of_size(reference: RegressionOutcome, current: RegressionOutcome, share: float) -> Stat:
    """A quantile of the absolute error."""
    n = labelled(current, FEWEST_ERRORS)
    return enough(quantile.compute(reference.size, current.size, share=share), n, FEWEST_ERRORS)


def root_of_squares(
    squares: float,
    fourth: float,
    reference: RegressionOutcome,
    current: RegressionOutcome,
    rows: float | None = None,
) -> Stat:
    """The root of the mean of squares, whose own squares add up to ``fourth``.

    They are of so many ``rows`` (None: of all that have labels).
    """
    n = current.labelled if rows is None else rows
    stat = measured(
        math.sqrt(squares / n),
        lambda z: intervals.rmse(squares, fourth, n, z),
        n_reference=reference.labelled,
        n_current=int(n),
        where=_where(squares, fourth, n) or ("" if rows is None else _note(current)),
    )
    return enough(stat, n, FEWEST_SQUARES)


def _where(squares: float, fourth: float, n: float) -> str:
    return OPTIMISTIC if intervals.kurtosis(squares, fourth, n) > HEAVY_TAILS else ""


def _varied(outcome: RegressionOutcome) -> tuple[int, float]:
    """Labels, and the variance of the truth over them, which must not be 0."""
    n = labelled(outcome, FEWEST_SQUARES)
    variance = outcome.y2 / n - (outcome.y / n) ** 2
    if variance <= _ROUNDING * outcome.y2 / n:
        reason = f"not computed: the truth does not vary over {n} labelled rows"
        raise NotEnoughData(reason, 0, 2, among=n)
    return n, variance


def _crossed(o: RegressionOutcome) -> float:
    """The mean of e² (y-ȳ)²."""
    n, middle = o.labelled, o.y / o.labelled
    return (o.e2y2 - 2 * middle * o.e2y + middle * middle * o.e2) / n


def _explained(
    reference: RegressionOutcome,
    current: RegressionOutcome,
    square: float,
    fourth: float,
    both: float,
) -> Stat:
    """One less the mean square of errors over the variance of the truth.

    ``fourth`` is the mean of the errors' fourth powers, ``both`` that of e² (y-ȳ)².
    """
    n, variance = _varied(current)
    unexplained = square / variance
    spread = _spread(current, square, fourth, both, variance)

    def interval(z: float) -> Interval:
        return Interval(
            1 - unexplained * float(np.exp(z * spread)),
            1 - unexplained * float(np.exp(-z * spread)),
        )

    stat = measured(1 - unexplained, interval, n_reference=reference.labelled, n_current=n)
    return enough(stat, n, FEWEST_SQUARES)


def _spread(
    o: RegressionOutcome, square: float, fourth: float, both: float, variance: float
) -> float:
    """Standard error of ln(MSE / var(y)): the mean square of e²/MSE - (y-ȳ)²/var(y), over n."""
    n, middle = o.labelled, o.y / o.labelled
    if not square:
        return 0.0
    truths = (o.y4 - 4 * middle * o.y3 + 6 * middle**2 * o.y2) / n - 3 * middle**4
    parts = fourth / square / square - 2 * both / square / variance + truths / variance / variance
    return float(np.sqrt(max(parts, 0.0) / n))


def labelled(outcome: RegressionOutcome, need: int) -> int:
    """Labelled rows, of which there are some.

    Raises:
        NotEnoughData: there are none, or sums over them are too large.
    """
    if outcome.labelled:
        return _finite(outcome)
    if not outcome.rows:
        reason = "no rows"
    elif outcome.unpredicted == outcome.rows:
        reason = "no predictions"
    else:
        reason = "no labels yet"
    raise NotEnoughData(reason, 0, need, among=outcome.rows)


def enough(stat: Stat, n: float, need: int) -> Stat:
    """The number, if so many labels were enough for it."""
    if n < need:
        raise NotEnoughData(f"{int(n)} labels, {need} needed", int(n), need, stat=stat)
    return stat


def _mean(outcome: RegressionOutcome, place: int, need: int) -> Mean:
    """The mean of e, |e| or e^2 over labelled rows, each of which counts by its weight if any."""
    n, weighted = labelled(outcome, need), outcome.weighted
    if weighted is None:
        sums = (outcome.e, outcome.e2), (outcome.abs_e, outcome.e2), (outcome.e2, outcome.e4)
        return Mean(n, *sums[place])
    if not np.isfinite(weighted.table).all():
        reason = "not computed: weighted errors are too large for double precision"
        raise NotEnoughData(reason, 0, need, among=n)
    mean = weighted_mean(weighted.table[place], weighted.rows)
    if mean is None:
        raise NotEnoughData(f"no usable weight above 0 among {n} labels", 0, need, among=n)
    return mean


def _note(outcome: RegressionOutcome) -> str:
    return "" if outcome.weighted is None else left_out(outcome.weighted)


def _finite(outcome: RegressionOutcome) -> int:
    if not np.isfinite([outcome.e4, outcome.y4, outcome.e2y2]).all():
        reason = "not computed: values beyond 1e77 are too large for double precision"
        raise NotEnoughData(reason, 0, 1, among=outcome.labelled)
    return outcome.labelled
