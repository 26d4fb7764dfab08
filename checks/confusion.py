"""Decisions of a binary classifier, from its confusion matrix alone."""

from __future__ import annotations

import numpy as np

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.intervals import measured, share_of
from checks.labelled import (
    FEWEST_ROWS,
    enough,
    require_labels,
    share,
)
from checks.matrix import Matrix
from checks.outcome import BinaryOutcome
from checks.outcome_weights import Decisions


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.03, 0.12),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def specificity(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Share of negatives that were left alone: tn / (tn + fp).

    One minus the false positive rate. The interval is Wilson's (1927), from 50 negative labels on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 40 + [0] * 60), np.array([1] * 20 + [0] * 80)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> specificity.compute(outcome, outcome).value
    0.75
    """

    def spared(outcome: BinaryOutcome | Decisions) -> tuple[float, float]:
        _, fp, _, tn = outcome.matrix
        return tn, tn + fp

    return share(spared, reference, current, "negative labels")


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.03, 0.12),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def negative_predictive_value(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Share of predicted negatives that were negative: tn / (tn + fn).

    The interval is Wilson's (1927), from 50 predicted negatives on. It falls when positives get
    more frequent, even where the model is as good as before.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 40 + [0] * 60), np.array([1] * 55 + [0] * 45)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> negative_predictive_value.compute(outcome, outcome).value
    0.75
    """

    def right(outcome: BinaryOutcome | Decisions) -> tuple[float, float]:
        _, _, fn, tn = outcome.matrix
        return tn, tn + fn

    return share(right, reference, current, "predicted negatives")


@check(
    BinaryOutcome,
    direction="both",
    slack=(0.25, 0.75),
    relative=True,
    unit="ratio",
    cause="predictions",
    default=False,
)
def positive_rate(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Share of rows that were predicted positive: (tp + fp) / n, with or without a label.

    The interval is Wilson's (1927), from 50 predictions on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told = np.array([1] * 15 + [0] * 45)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, np.full(60, 2))
    >>> positive_rate.compute(outcome, outcome).value
    0.25
    """
    n = int(current.confusion.sum())
    if not n:
        reason = "no predictions" if current.rows else "no rows"
        raise NotEnoughData(reason, 0, FEWEST_ROWS, among=current.rows)
    told = int(current.confusion[1].sum())
    stat = share_of(told, n, n_reference=int(reference.confusion.sum()))
    return enough(stat, n, FEWEST_ROWS, "predictions")


@check(
    BinaryOutcome,
    direction="both",
    slack=(0.25, 0.75),
    relative=True,
    unit="ratio",
    cause="labels",
    needs="all labels",
    default=False,
    weighted=True,
)
def base_rate(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Share of labels that are positive: (tp + fn) / n.

    It moves precision, F1 and accuracy even where the model is as good as before. Positives and
    negatives seldom come equally fast, so it is judged when no more labels are waited for. The
    interval is Wilson's (1927), from 50 labels on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> truth = np.array([1] * 15 + [0] * 45)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(60, 1), truth)
    >>> base_rate.compute(outcome, outcome).value
    0.25
    """

    def positives(outcome: BinaryOutcome | Decisions) -> tuple[float, float]:
        tp, _, fn, _ = outcome.matrix
        return tp + fn, outcome.labelled

    return share(positives, reference, current, "labels")


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
    weighted=True,
)
def value(
    reference: BinaryOutcome,
    current: BinaryOutcome,
    *,
    tp: float = 1.0,
    fp: float = -1.0,
    fn: float = -1.0,
    tn: float = 0.0,
) -> Stat:
    """What a labelled row was worth on average, in the money of the four values of an outcome.

    ``tp``, ``fp``, ``fn`` and ``tn`` say what a row of each kind brings; costs are below 0. The
    slack around the reference's own worth is a share of the mean magnitude. The interval is that of
    a mean (Student, 1908), from 50 labels on.

    Formula: (tp TP + fp FP + fn FN + tn TN) / n.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 40 + [0] * 60), np.array([1] * 30 + [0] * 70)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> value.compute(outcome, outcome, tp=10.0, fp=-2.0).value
    2.8
    """
    require_labels(current, FEWEST_ROWS)
    matrix, worth = Matrix.of(current, FEWEST_ROWS), np.array([[tn, fn], [fp, tp]])
    n, total, squares = matrix.mean(worth)
    stat = measured(
        total / n,
        lambda z: intervals.mean(total, squares, n, z),
        n_reference=reference.labelled,
        n_current=int(n),
        where=matrix.note,
        scale=float((matrix.sums * np.abs(worth)).sum() / matrix.sums.sum()),
    )
    by = " by their weights" if matrix.weighted else ""
    return enough(stat, int(n), FEWEST_ROWS, f"labels{by}")
