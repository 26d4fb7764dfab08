"""Performance of a regression, with errors as shares of what they are errors of."""

from __future__ import annotations

import math

from checks.check import NotEnoughData, Stat, check
from checks.intervals import mean_of
from checks.outcome import RegressionOutcome
from checks.outcome_weights import RELATIVE, Mean
from checks.regression import (
    FEWEST_ERRORS,
    FEWEST_SQUARES,
    enough,
    labelled,
    note_of,
    root_of_squares,
    weighed,
)

_FIRST = len(("e", "|e|", "e2"))  # of weighted sums, before the relative errors
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
    weighted=True,
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
    labelled(current, FEWEST_ERRORS)
    m = _mean("ape", current, FEWEST_ERRORS)
    note = "truths at or next to 0: use smape or mae" if m.total > m.n * _NEAR_ZERO else ""
    return _of_shares(m, reference, current, note or note_of(current))


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    unit="ratio",
    cause="performance",
    default=False,
    within=(0.0, 2.0),
    weighted=True,
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
    m = _mean("sape", current, FEWEST_ERRORS)
    return _of_shares(m, reference, current, note_of(current))


@check(
    RegressionOutcome,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
    weighted=True,
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
    m = _mean("sle", current, FEWEST_SQUARES)
    rows = None if current.weighted is None else m.n
    return root_of_squares(m.total, m.squares, reference, current, rows)


def _mean(name: str, outcome: RegressionOutcome, need: int) -> Mean:
    """The mean of a relative error over labelled rows."""
    if outcome.weighted is not None:
        place = _FIRST + RELATIVE.index(name)
        return weighed(outcome.weighted, place, outcome.labelled, need)
    return Mean(outcome.labelled, getattr(outcome, name), getattr(outcome, f"{name}2"))


def _of_shares(
    m: Mean, reference: RegressionOutcome, current: RegressionOutcome, where: str
) -> Stat:
    if not (math.isfinite(m.total) and math.isfinite(m.squares)):
        reason = "not computed: the errors are too large for double precision"
        raise NotEnoughData(reason, among=current.labelled)
    stat = mean_of(m.total, m.squares, m.n, n_reference=reference.labelled, where=where)
    return enough(stat, m.n, FEWEST_ERRORS)
