"""The weights of rows, where a model names a column of them."""

from __future__ import annotations

from checks.check import NotEnoughData, Stat, check
from checks.intervals import counted, proven
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome

Weighed = BinaryOutcome | MulticlassOutcome | RegressionOutcome


@check(
    BinaryOutcome,
    MulticlassOutcome,
    RegressionOutcome,
    slack=(0.0, 0.05),
    unit="ratio",
    cause="schema",
    needs="weight",
)
def unusable_weights(reference: Weighed, current: Weighed) -> Stat:
    """Share of labelled rows whose weight is missing, negative, infinite or above 1e60.

    Such rows are left out of every metric that counts rows by their weights. A weight of 0 is one.
    The interval is Wilson's (1927).

    >>> import numpy as np
    >>> from checks.outcome_weights import WeightedErrors
    >>> from checks.plan import RegressionPlan
    >>> sides = np.arange(4.0), np.zeros(4)
    >>> weighted = WeightedErrors.of(np.array([1.0, 0.0, -1.0, np.nan]), *sides)
    >>> outcome = RegressionOutcome(RegressionPlan(), 4, 0, 4, weighted=weighted)
    >>> unusable_weights.compute(outcome, outcome).value
    0.5
    """
    weighted = current.weighted
    if weighted is None:
        reason = "no weights: columns.weight names the column that holds them"
        raise NotEnoughData(reason, among=current.rows)
    n = weighted.rows + weighted.unusable
    if not n:
        raise NotEnoughData("no labels yet" if current.rows else "no rows", among=current.rows)
    where = counted(weighted.unusable, n, "labels")
    return proven(weighted.unusable, n, n_reference=reference.labelled, where=where)
