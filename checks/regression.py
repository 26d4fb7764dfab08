"""Performance of a regression, from the sums of its outcome profile."""

from __future__ import annotations

import math

import numpy as np

from checks import intervals
from checks.check import EXACT, NotEnoughData, Stat, check
from checks.figures import quantile
from checks.intervals import Interval, mean_of, measured
from checks.labelled import left_out
from checks.outcome import RegressionOutcome
from checks.outcome_weights import Mean, WeightedErrors, weighted_mean

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


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    weighted=True,
)
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
    note = note_of(current)
    stat = mean_of(m.total, m.squares, m.n, n_reference=reference.labelled, where=note)
    return enough(stat, m.n, FEWEST_ERRORS)


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    weighted=True,
)
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
    weighted=True,
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

    where = _where(total, squares, n) or note_of(current)
    stat = measured(
        total / n, interval, n_reference=reference.labelled, n_current=int(n), where=where
    )
    return enough(stat, n, FEWEST_SQUARES)


@check(
    RegressionOutcome,
    direction="both",
    slack=(0.5, 1.0),
    relative=True,
    cause="performance",
    weighted=True,
)
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
        where=note_of(current),
        scale=size.total / size.n,
    )
    return enough(stat, m.n, FEWEST_ERRORS)


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
    stat = Stat(current.size.maximum, n_reference=reference.labelled, n_current=n, noise=EXACT)
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
        where=_where(squares, fourth, n) or ("" if rows is None else note_of(current)),
    )
    return enough(stat, n, FEWEST_SQUARES)


def _where(squares: float, fourth: float, n: float) -> str:
    return OPTIMISTIC if intervals.kurtosis(squares, fourth, n) > HEAVY_TAILS else ""


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
    return weighed(weighted, place, n, need)


def weighed(weighted: WeightedErrors, place: int, n: int, need: int) -> Mean:
    """The mean of the errors that have this place among weighted sums, over ``n`` labels."""
    if not np.isfinite(weighted.table[place]).all():
        raise too_large(n, need)
    mean = weighted_mean(weighted.table[place], weighted.rows)
    if mean is None:
        raise weightless(n, need)
    return mean


def too_large(n: int, need: int) -> NotEnoughData:
    """That sums over weighted errors are not finite."""
    reason = "not computed: weighted errors are too large for double precision"
    return NotEnoughData(reason, 0, need, among=n)


def weightless(n: int, need: int) -> NotEnoughData:
    """That no label has a weight above 0."""
    return NotEnoughData(f"no usable weight above 0 among {n} labels", 0, need, among=n)


def note_of(outcome: RegressionOutcome) -> str:
    """How many rows have no usable weight, where rows have weights."""
    return "" if outcome.weighted is None else left_out(outcome.weighted)


def _finite(outcome: RegressionOutcome) -> int:
    if not np.isfinite([outcome.e4, outcome.y4, outcome.e2y2]).all():
        reason = "not computed: values beyond 1e77 are too large for double precision"
        raise NotEnoughData(reason, 0, 1, among=outcome.labelled)
    return outcome.labelled
