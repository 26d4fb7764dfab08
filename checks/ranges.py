"""Prediction intervals of a regression: whether they hold what they promise, and how wide they are.

They are there where a model names the columns ``lower`` and ``upper``.
"""

from __future__ import annotations

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.intervals import Interval, mean_of, measured, share_of
from checks.labelled import enough
from checks.outcome import RegressionOutcome
from checks.outcome_ranges import RangeOutcome
from checks.regression import FEWEST_ERRORS, labelled

FEWEST_RANGES = 50
"""Intervals from which that of their coverage holds what it promises."""


@check(
    RegressionOutcome,
    direction="both",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    needs="lower",
)
def interval_coverage(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Share of truths that lie in their prediction interval, or on its edge.

    It is judged both ways, around the share of the reference: intervals that hold too much are as
    wrong as those that hold too little. The interval is Wilson's (1927), from 50 truths on;
    ``where`` tells on which side the others lie. Rows without both ends, or with the lower one
    above the upper one, are left out and told.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> from checks.outcome_ranges import RangeOutcome
    >>> truth = np.arange(100.0)
    >>> ranges = RangeOutcome.of(np.zeros(100), np.full(100, 89.0), truth)
    >>> outcome = RegressionOutcome(RegressionPlan(), 100, 0, 100, ranges=ranges)
    >>> stat = interval_coverage.compute(outcome, outcome)
    >>> stat.value, stat.where
    (0.9, 'truths below: 0, above: 10')
    """
    told = _ranges(current, FEWEST_RANGES)
    where = f"truths below: {told.below:,}, above: {told.above:,}{_left_out(told)}"
    stat = share_of(told.inside, told.n, n_reference=_counted(reference), where=where)
    return enough(stat, told.n, FEWEST_RANGES, "intervals")


@check(
    RegressionOutcome,
    direction="both",
    warning=0.05,
    critical=0.15,
    unit="ratio",
    cause="performance",
    default=False,
)
def coverage_gap(
    reference: RegressionOutcome, current: RegressionOutcome, *, level: float = 0.9
) -> Stat:
    """Coverage of the prediction intervals less the ``level`` that they promise.

    Below 0 they hold fewer truths than they say, above 0 more; limits are distances from 0. It is
    ``interval_coverage``, judged by a promise in place of the reference.

    Formula: truths inside / n - level.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> from checks.outcome_ranges import RangeOutcome
    >>> truth = np.arange(100.0)
    >>> ranges = RangeOutcome.of(np.zeros(100), np.full(100, 69.0), truth)
    >>> outcome = RegressionOutcome(RegressionPlan(), 100, 0, 100, ranges=ranges)
    >>> round(coverage_gap.compute(outcome, outcome, level=0.8).value, 9)
    -0.1
    """
    _require_level(level)
    told = _ranges(current, FEWEST_RANGES)

    def interval(z: float) -> Interval:
        low, high = intervals.wilson(told.inside, told.n, z)
        return Interval(low - level, high - level)

    stat = measured(
        told.inside / told.n - level,
        interval,
        n_reference=_counted(reference),
        n_current=told.n,
        where=f"truths below: {told.below:,}, above: {told.above:,}{_left_out(told)}",
    )
    return enough(stat, told.n, FEWEST_RANGES, "intervals")


@check(
    RegressionOutcome,
    direction="both",
    slack=(0.1, 0.25),
    relative=True,
    cause="predictions",
    needs="lower",
)
def interval_width(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Mean width of the prediction intervals, in the unit of the target.

    Wider intervals say that the model has become less sure, narrower ones of the same coverage that
    it has become better. Of rows with a truth, so that it is that of the intervals of
    ``interval_coverage``. The interval is that of a mean (Student, 1908), from 30 on.

    Formula: the mean of upper - lower.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> from checks.outcome_ranges import RangeOutcome
    >>> lower = np.zeros(40)
    >>> ranges = RangeOutcome.of(lower, lower + np.tile([2.0, 4.0], 20), lower)
    >>> outcome = RegressionOutcome(RegressionPlan(), 40, 0, 40, ranges=ranges)
    >>> interval_width.compute(outcome, outcome).value
    3.0
    """
    told = _ranges(current, FEWEST_ERRORS)
    where = _left_out(told).removeprefix("; ")
    stat = mean_of(told.width, told.width2, told.n, n_reference=_counted(reference), where=where)
    return enough(stat, told.n, FEWEST_ERRORS, "intervals")


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
)
def interval_score(
    reference: RegressionOutcome, current: RegressionOutcome, *, level: float = 0.9
) -> Stat:
    """Winkler's score of prediction intervals: their width, and a fine for each truth outside.

    One number for both faults of an interval: being wide, and missing the truth. It is least for
    intervals between the quantiles (1 - level) / 2 and (1 + level) / 2. ``level`` is what the
    intervals promise. The interval is that of a mean (Student, 1908), from 30 labels on.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> from checks.outcome_ranges import RangeOutcome
    >>> lower = np.zeros(40)
    >>> ranges = RangeOutcome.of(lower, lower + 2.0, np.tile([1.0, 3.0], 20))
    >>> outcome = RegressionOutcome(RegressionPlan(), 40, 0, 40, ranges=ranges)
    >>> interval_score.compute(outcome, outcome, level=0.75).value
    6.0

    Formula: the mean of upper - lower + 2 d / (1 - level), d how far outside the truth is.
    Source: Winkler 1972 (J. Am. Stat. Assoc. 67); Gneiting and Raftery 2007.
    """
    _require_level(level)
    told, fine = _ranges(current, FEWEST_ERRORS), 2.0 / (1.0 - level)
    total = told.width + fine * told.miss
    squares = told.width2 + 2.0 * fine * told.width_miss + fine * fine * told.miss2
    where = _left_out(told).removeprefix("; ")
    stat = mean_of(total, squares, told.n, n_reference=_counted(reference), where=where)
    return enough(stat, told.n, FEWEST_ERRORS, "intervals")


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
)
def pinball_loss(
    reference: RegressionOutcome, current: RegressionOutcome, *, quantile: float = 0.5
) -> Stat:
    """Mean loss of a model that predicts a quantile: it is least where that is the true one.

    ``quantile`` is the share of truths that should not exceed their prediction. At 0.5 it is half
    the mean absolute error. The interval is that of a mean (Student, 1908), from 30 labels on.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(40.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.tile([3.0, -1.0], 20), truth)
    >>> round(pinball_loss.compute(outcome, outcome, quantile=0.9).value, 9)
    0.6

    Formula: the mean of q (y - p) where the truth y is above the prediction p, else (1 - q)(p - y).
    Source: Koenker and Bassett 1978 (Econometrica 46).
    """
    _require_quantile(quantile)
    n = labelled(current, FEWEST_ERRORS)
    over, under = (current.abs_e + current.e) / 2.0, (current.abs_e - current.e) / 2.0
    under2 = max(current.e2 - current.over2, 0.0)
    total = quantile * max(under, 0.0) + (1.0 - quantile) * max(over, 0.0)
    squares = quantile**2 * under2 + (1.0 - quantile) ** 2 * current.over2
    stat = mean_of(total, squares, n, n_reference=reference.labelled)
    return enough(stat, n, FEWEST_ERRORS, "labels")


@check(
    RegressionOutcome,
    direction="both",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
)
def quantile_coverage(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Share of truths that do not exceed their prediction: of a 90 % quantile it should be 0.9.

    The interval is Wilson's (1927), from 50 labels on.

    Formula: truths y <= p / n.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> truth = np.arange(100.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), np.full(100, 89.0), truth)
    >>> quantile_coverage.compute(outcome, outcome).value
    0.9
    """
    n = labelled(current, FEWEST_RANGES)
    stat = share_of(current.reached, n, n_reference=reference.labelled)
    return enough(stat, n, FEWEST_RANGES, "labels")


def _require_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level:g}; give one between 0 and 1, such as 0.9")


def _require_quantile(quantile: float) -> None:
    if not 0.0 < quantile < 1.0:
        raise ValueError(f"quantile is {quantile:g}; give one between 0 and 1")


def _ranges(outcome: RegressionOutcome, need: int) -> RangeOutcome:
    """What is kept of prediction intervals, of which there are some."""
    told = outcome.ranges
    if told is None:
        reason = "no prediction intervals: columns.lower and columns.upper name their ends"
        raise NotEnoughData(reason, 0, need, among=outcome.rows)
    if not told.n:
        if not outcome.rows:
            reason = "no rows"
        elif told.unbounded or told.crossed:
            reason = f"no usable prediction intervals{_left_out(told)}"
        else:
            reason = "no labels yet"
        raise NotEnoughData(reason, 0, need, among=outcome.rows)
    return told


def _counted(outcome: RegressionOutcome) -> int:
    return 0 if outcome.ranges is None else outcome.ranges.n


def _left_out(told: RangeOutcome) -> str:
    parts = [f"{told.unbounded:,} without both ends"] if told.unbounded else []
    parts += [f"{told.crossed:,} with the lower end above the upper one"] if told.crossed else []
    return "; left out: " + ", ".join(parts) if parts else ""
