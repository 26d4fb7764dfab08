"""Performance of a regression, with errors as shares of what they are errors of."""

from __future__ import annotations

import math

from checks.check import NotEnoughData, Stat, check
from checks.intervals import mean_of
from checks.outcome import RegressionOutcome
from checks.regression import (
    FEWEST_ERRORS,
    FEWEST_SQUARES,
    enough,
    labelled,
    root_of_squares,
)

_NEAR_ZERO = 1e6
"""A mean share that only truths at or next to 0 bring about."""


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    unit="ratio",
    cause="performance",
    default=False,
    within=(0.0, math.inf),
)
def mape(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Mean absolute percentage error: by which share of the truth a prediction is off.

    0.1 is 10 %. It punishes what is predicted too high harder than what is too low, and a truth of
    0 counts as 2.2e-16, as in scikit-learn: where there are any, use ``smape`` or ``mae``. The
    interval is that of a mean (Student, 1908), from 30 labels on.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> truth = np.tile([10.0, 20.0], 20)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), truth + np.tile([1.0, -4.0], 20), truth)
    >>> round(mape.compute(outcome, outcome).value, 12)
    0.15

    Formula: the mean of |prediction - truth| / |truth|.
    """
    n = labelled(current, FEWEST_ERRORS)
    note = "truths at or next to 0: use smape or mae" if current.ape > n * _NEAR_ZERO else ""
    return _mean(current.ape, current.ape2, reference, current, note)


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    unit="ratio",
    cause="performance",
    default=False,
    within=(0.0, 2.0),
)
def smape(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Symmetric mean absolute percentage error: errors as shares of the middle of both sides.

    From 0 to 2; where prediction and truth are both 0 the error is 0. The interval is that of a
    mean (Student, 1908), from 30 labels on.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> truth = np.full(40, 10.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), np.full(40, 30.0), truth)
    >>> smape.compute(outcome, outcome).value
    1.0

    Formula: the mean of 2 |prediction - truth| / (|prediction| + |truth|). Source: Makridakis 1993
    (Int. J. Forecast. 9).
    """
    labelled(current, FEWEST_ERRORS)
    return _mean(current.sape, current.sape2, reference, current)


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
)
def rmsle(reference: RegressionOutcome, current: RegressionOutcome) -> Stat:
    """Root mean squared logarithmic error: about the typical error as a share of the truth.

    For what is not negative and spans orders of magnitude; what is predicted too low weighs more.
    It is not defined where a prediction or a truth is -1 or below. The interval is that of
    ``rmse``, from 100 labels on.

    >>> import numpy as np
    >>> from checks.plan import RegressionPlan
    >>> truth = np.full(100, np.e - 1.0)
    >>> outcome = RegressionOutcome.of(RegressionPlan(), np.full(100, np.e**3 - 1.0), truth)
    >>> round(rmsle.compute(outcome, outcome).value, 12)
    2.0

    Formula: the root of the mean of (ln(1 + prediction) - ln(1 + truth))^2.
    """
    n = labelled(current, FEWEST_SQUARES)
    if current.unlogged:
        reason = (
            f"{current.unlogged:,} of {n:,} predictions or truths are -1 or below: no logarithm"
        )
        raise NotEnoughData(reason, 0, 1, among=n)
    return root_of_squares(current.sle, current.sle2, reference, current)


def _mean(
    total: float,
    squares: float,
    reference: RegressionOutcome,
    current: RegressionOutcome,
    where: str = "",
) -> Stat:
    n = current.labelled
    if not (math.isfinite(total) and math.isfinite(squares)):
        raise NotEnoughData("not computed: the errors are too large for double precision", among=n)
    stat = mean_of(total, squares, n, n_reference=reference.labelled, where=where)
    return enough(stat, n, FEWEST_ERRORS)
