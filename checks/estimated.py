"""Estimated performance of a classifier, from its scores alone, before labels come.

Confidence-based performance estimation (CBPE; Białek and others, 2023): what scores meant in the
reference, by isotonic calibration, gives the chance that each row of the window is positive, and so
the confusion matrix to expect. Of several classes only the score of the predicted one is known: it
is calibrated by how often such predictions were right, which tells accuracy and nothing else.

It is blind to concept drift: where a score no longer means what it meant in the reference, the
estimate stays and the model is wrong. So these checks have no limits of their own and are shown,
not judged, unless the configuration sets limits.

The interval says how far the metric of the window may come out from its estimate by chance: that of
the window's labels, and that of the reference labels that the calibration was learnt from. It says
nothing of what a score may come to mean, so realised metrics lie outside it more often than one
time in twenty. Scores below or above all of the reference's are taken for its outermost cell.
"""

from __future__ import annotations

import numpy as np

from checks.check import NotEnoughData, Stat, check
from checks.expected import AWAITED, MEASURES, SCORED, Expected, labelled, rightness
from checks.intervals import Interval, measured
from checks.labelled import FEWEST_PER_CLASS, FEWEST_ROWS, Classified, enough
from checks.outcome import BinaryOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.resampling import percentiles


@check(
    BinaryOutcome,
    MulticlassOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_accuracy(reference: Classified, current: Classified) -> Stat:
    """Accuracy to expect of the window's scores, without its labels; blind to concept drift.

    From 50 predictions with scores on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else. Of several classes the
    score is that of the predicted one, and what is calibrated is how often such a prediction is
    right.

    Formula: the mean chance that the predicted class is right, by calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 70, 30])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> score, unknown = np.repeat([0.1, 0.9], [30, 90]), np.full(120, 2)
    >>> now = BinaryOutcome.of(BinaryPlan("1", "0"), unknown, unknown, score)
    >>> round(estimated_accuracy.compute(then, now).value, 9)
    0.725
    """
    expected = Expected.of(rightness(reference), rightness(current))
    return enough(expected.stat(MEASURES["accuracy"]), expected.rows, FEWEST_ROWS, SCORED)


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_precision(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Precision to expect of the window's scores, without its labels; blind to concept drift.

    From 50 predicted positives with scores on. The interval covers the chance in the labels to come
    and in those of the reference; not that scores come to mean something else.

    Formula: the mean chance to be positive, by calibrated scores, of the predicted positives.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 70, 30])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_precision.compute(then, then).value, 9)
    0.7
    """
    expected = Expected.of(reference, current)
    told = int(expected.counts[:, 1].sum())
    if not told:
        reason = f"no predicted positives among {expected.rows} {SCORED}"
        raise NotEnoughData(reason, 0, FEWEST_ROWS, among=expected.rows)
    return enough(expected.stat(MEASURES["precision"]), told, FEWEST_ROWS, "predicted positives")


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_recall(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Recall to expect of the window's scores, without its labels; blind to concept drift.

    From 50 positives to expect on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else.

    Formula: the positives to expect among the predicted ones over all positives to expect, by
    calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 60, 40])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_recall.compute(then, then).value, 9)
    0.75
    """
    expected = Expected.of(reference, current)
    return enough(expected.stat(MEASURES["recall"]), expected.positives, FEWEST_ROWS, AWAITED)


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_f1(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """F1 to expect of the window's scores, without its labels; blind to concept drift.

    From 50 positives to expect on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else.

    Formula: 2 tp / (2 tp + fp + fn) of the confusion matrix to expect by calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [30, 70, 60, 40])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_f1.compute(then, then).value, 6)
    0.631579
    """
    expected = Expected.of(reference, current)
    return enough(expected.stat(MEASURES["f1"]), expected.positives, FEWEST_ROWS, AWAITED)


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_roc_auc(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Area under the ROC curve to expect of the window's scores; blind to concept drift.

    From 30 to expect of each class on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else.

    Formula: that of ``roc_auc``, where each row counts as positive and as negative by its chances,
    by calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 60, 40])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_roc_auc.compute(then, then).value, 9)  # (0.75 + 80/120)/2
    0.708333333
    """
    expected = Expected.of(reference, current)
    negatives = expected.rows - expected.positives
    stat = expected.stat(MEASURES["roc_auc"])
    rarer = AWAITED if expected.positives < negatives else "negatives to expect"
    return enough(stat, min(expected.positives, negatives), FEWEST_PER_CLASS, rarer)


@check(
    BinaryOutcome,
    MulticlassOutcome,
    direction="both",
    warning=0.03,
    critical=0.1,
    unit="ratio",
    cause="performance",
    default=False,
    needs="all labels",
)
def estimate_error(reference: Classified, current: Classified, *, of: str = "accuracy") -> Stat:
    """How far a metric came out from its estimate, of the window's rows whose labels have come.

    0 where scores mean what they meant in the reference; below 0 the model is worse than its scores
    make believe: that is concept drift, which no estimate sees. ``of`` is accuracy, precision,
    recall, f1 or roc_auc, of several classes accuracy alone. The interval covers the chance in
    these labels and in those of the reference, from 50 labelled scores on. It is judged when no
    more labels are waited for; while it is beyond its limits, estimates are withdrawn.

    Formula: metric by labels - metric by calibrated scores, of the same rows.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [30, 70, 70, 30])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> now = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth[::-1], score)
    >>> round(estimate_error.compute(then, now).value, 9)
    -0.4
    """
    measure = MEASURES.get(of)
    if measure is None:
        raise ValueError(f"of is {of!r}; give one of {', '.join(MEASURES)}")
    if isinstance(current, MulticlassOutcome) and of != "accuracy":
        raise NotEnoughData(f"of several classes only accuracy is estimated, not {of}", have=1)
    before, now = rightness(reference), labelled(rightness(current))
    expected = Expected.of(before, now)
    promised = expected.stat(measure)
    positives, negatives = now.table[:, :, 1], now.table[:, :, 0]
    realised = float(measure(positives, negatives))
    if not np.isfinite(realised):
        reason = f"{of} is not defined by these labels"
        raise NotEnoughData(reason, 0, FEWEST_PER_CLASS, among=expected.rows)
    value, drawn = realised - promised.value, expected.deviations(measure)

    def interval(z: float) -> Interval:
        low, high = percentiles(0.0, drawn, z)
        return Interval(value - high, value - low)

    found = measured(
        value,
        interval,
        n_reference=before.scored,
        n_current=expected.rows,
        where=f"{of} {realised:.4g}, estimated {promised.value:.4g}",
    )
    return enough(found, expected.rows, FEWEST_ROWS, "labelled scores")
