"""Performance of a classifier with sets of labels, label by label and set by set."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import ndtr, ndtri

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.intervals import Interval, mean_share_of, measured, share_of
from checks.label_shares import (
    F1,
    FEWEST_ROWS,
    PRECISION,
    RECALL,
    LabelCounts,
    average,
    by_truth,
    enough,
    error_of,
    evenly,
    labelled,
    on_logit,
    pooled,
    worst,
)
from checks.outcome_labels import MultilabelOutcome

_metric = partial(
    check,
    MultilabelOutcome,
    direction="below",
    slack=(0.05, 0.2),
    unit="ratio",
    cause="performance",
)


@_metric()
def label_f1_macro(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Mean F1 of the labels, each of which counts the same, however rare.

    Labels that are neither predicted nor true in the window are left out; ``where`` names the
    worst. The interval is a delta method over rows on the logit, from 50 labelled rows on; it is as
    wide at least as if each label had a hit and a miss more, for a few rows that are all right (or
    all wrong) prove little.

    Formula: Σ_k F1_k / K, F1_k = 2 tp_k / (2 tp_k + fp_k + fn_k).
    Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> round(label_f1_macro.compute(outcome, outcome).value, 6)
    0.833333
    """
    return average(F1, evenly, reference, current)


@_metric()
def label_f1_micro(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """F1 of all labels of all rows taken together, so that frequent labels count most.

    ``where`` names the worst label. The interval is a delta method over rows on the logit, from 50
    labelled rows on.

    Formula: 2 Σ tp_k / Σ (2 tp_k + fp_k + fn_k). Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> round(label_f1_micro.compute(outcome, outcome).value, 6)
    0.857143
    """
    return pooled(F1, reference, current)


@_metric(default=False)
def label_f1_weighted(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Mean F1 of the labels, each of which counts as often as it is true.

    ``where`` names the worst label. The interval is a delta method over rows on the logit, from 50
    labelled rows on.

    Formula: Σ_k n_k F1_k / Σ_k n_k, n_k the rows that have label k.
    Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> round(label_f1_weighted.compute(outcome, outcome).value, 6)
    0.833333
    """
    return average(F1, by_truth, reference, current)


@_metric(default=False)
def label_precision_macro(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Mean precision of the labels, each of which counts the same, however rare.

    A label that is true but never predicted has precision 0, as scikit-learn has it; one that is
    neither is left out. ``where`` names the worst. The interval is a delta method over rows on the
    logit, from 50 labelled rows on.

    Formula: Σ_k precision_k / K, precision_k = tp_k / (tp_k + fp_k).
    Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> label_precision_macro.compute(outcome, outcome).value
    1.0
    """
    return average(PRECISION, evenly, reference, current)


@_metric(default=False)
def label_precision_micro(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Share of the predicted labels, of all rows together, that were true.

    ``where`` names the worst label. The interval is a delta method over rows on the logit, from 50
    labelled rows on.

    Formula: Σ tp_k / Σ (tp_k + fp_k). Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> label_precision_micro.compute(outcome, outcome).value
    1.0
    """
    return pooled(PRECISION, reference, current)


@_metric(default=False)
def label_precision_weighted(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Mean precision of the labels, each of which counts as often as it is true.

    A label that is true but never predicted has precision 0, as scikit-learn has it. ``where``
    names the worst. The interval is a delta method over rows on the logit, from 50 labelled rows
    on.

    Formula: Σ_k n_k precision_k / Σ_k n_k, n_k the rows that have label k.
    Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> label_precision_weighted.compute(outcome, outcome).value
    1.0
    """
    return average(PRECISION, by_truth, reference, current)


@_metric(default=False)
def label_recall_macro(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Mean recall of the labels, each of which counts the same, however rare.

    Labels that are true nowhere in the window are left out (scikit-learn counts 0 for them).
    ``where`` names the worst. The interval is a delta method over rows on the logit, from 50
    labelled rows on.

    Formula: Σ_k recall_k / K, recall_k = tp_k / (tp_k + fn_k).
    Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> label_recall_macro.compute(outcome, outcome).value
    0.75
    """
    return average(RECALL, evenly, reference, current)


@_metric(default=False)
def label_recall_micro(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Share of the true labels, of all rows together, that were predicted.

    ``where`` names the worst label. With rows for weights it is ``label_recall_weighted`` too. The
    interval is a delta method over rows on the logit, from 50 labelled rows on.

    Formula: Σ tp_k / Σ (tp_k + fn_k). Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> label_recall_micro.compute(outcome, outcome).value
    0.75
    """
    return pooled(RECALL, reference, current)


@_metric(default=False)
def subset_accuracy(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Share of rows whose predicted set is exactly the true one, with labels new to the model.

    The interval is Wilson's (1927), from 50 labelled rows on.

    Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> subset_accuracy.compute(outcome, outcome).value
    0.5
    """
    n = labelled(current)
    stat = share_of(current.exact, n, n_reference=reference.labelled, where=worst(current, F1))
    return enough(stat, n)


@check(
    MultilabelOutcome,
    direction="above",
    slack=(0.02, 0.1),
    unit="ratio",
    cause="performance",
)
def hamming_loss(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Share of all pairs of a row and a label that are wrong: predicted but not true, or missed.

    ``where`` names the worst label by F1. The interval is a delta method over rows on the logit,
    from 50 labelled rows on.

    Formula: Σ (fp_k + fn_k) / (rows · labels). Source: Tsoumakas, Katakis and Vlahavas 2010.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> hamming_loss.compute(outcome, outcome).value
    0.25
    """
    n = labelled(current)
    counts = LabelCounts.of(current)
    pairs = n * len(current.plan.labels)
    wrong = int((counts.told + counts.true - 2 * counts.hits).sum())
    slopes = np.repeat([-2.0, 1.0, 1.0], len(current.plan.labels)) / pairs
    error = error_of(current, slopes)

    def interval(z: float) -> Interval:
        return on_logit(wrong / pairs, error, z, n)

    stat = measured(
        wrong / pairs,
        interval,
        n_reference=reference.labelled,
        n_current=n,
        where=worst(current, F1),
    )
    return enough(stat, n)


@_metric(default=False)
def label_jaccard(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Mean over rows of the share of labels that predicted and true set have in common.

    1 for a row where both are empty (``zero_division=1`` of scikit-learn). Labels new to the model
    count as missed. The interval is that of a mean (Student, 1908), from 50 labelled rows on.

    Formula: mean of |told ∩ true| / |told ∪ true|. Source: Jaccard 1901.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> label_jaccard.compute(outcome, outcome).value
    0.75
    """
    n = labelled(current)
    total, squares = current.jaccard, current.jaccard_squared
    return enough(mean_share_of(total, squares, n, n_reference=reference.labelled), n)


@check(
    MultilabelOutcome,
    warning=0.05,
    critical=0.15,
    unit="ratio",
    cause="predictions",
)
def label_shift(reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """Largest change in how often a label is predicted, as a share of rows; needs no truth.

    ``where`` names the label with both shares. The interval is Newcombe's of a difference of two
    shares, its lower end with room for the largest of so many to be large by chance, from 50 rows
    on either side.

    Formula: max over labels of |share now - share in the reference|.
    Source: Newcombe 1998 (Stat. Med. 17); Dunn 1961.

    >>> from checks.plan import MultilabelPlan
    >>> told, true = [{"b"}, {"a", "b"}] * 30, [{"a", "b"}] * 60
    >>> outcome = MultilabelOutcome.of_sets(MultilabelPlan(("a", "b")), told, true)
    >>> label_shift.compute(outcome, outcome).value
    0.0
    """
    sides = reference, current
    sizes = [each.predicted for each in sides]
    if min(sizes) < FEWEST_ROWS:
        have = min(sizes)
        raise NotEnoughData(
            f"{have} predictions, {FEWEST_ROWS} needed", have, FEWEST_ROWS, among=current.rows
        )
    then, now = (each.said / size for each, size in zip(sides, sizes, strict=True))
    away = np.abs(now - then)
    place = int(away.argmax())

    def interval(z: float) -> Interval:
        pairs = zip(*(each.said.tolist() for each in sides), strict=True)
        wide = -float(ndtri(ndtr(-z) / len(away)))
        ends = [_change(pair, sizes, wide if away[k] else z) for k, pair in enumerate(pairs)]
        return Interval(max(low for low, _ in ends), max(high for _, high in ends))

    label = current.plan.labels[place][:100]
    return measured(
        float(away[place]),
        interval,
        n_reference=sizes[0],
        n_current=sizes[1],
        where=f"{label}: {now[place]:.1%}, was {then[place]:.1%}" if away[place] else "",
    )


def _change(hits: tuple[int, int], sizes: list[int], z: float) -> Interval:
    """Newcombe's interval of the size of a difference of two shares."""
    (p, q), (m, n) = (hits[0] / sizes[0], hits[1] / sizes[1]), sizes
    (low, high), (below, above) = intervals.wilson(hits[0], m, z), intervals.wilson(hits[1], n, z)
    down = q - p - float(np.hypot(q - below, high - p))
    up = q - p + float(np.hypot(above - q, p - low))
    nearest = 0.0 if down <= 0.0 <= up else min(abs(down), abs(up))
    return Interval(nearest, max(abs(down), abs(up)))
