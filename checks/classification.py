"""Performance of a binary classifier, from the counts and sums of its outcome profile."""

from __future__ import annotations

from collections.abc import Callable

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.intervals import Interval, measured
from checks.outcome import BinaryOutcome

FEWEST_ROWS = 50
"""Rows from which the interval of a share holds what it promises."""

FEWEST_PER_CLASS = 30
"""Labels of each class from which DeLong's interval does."""

FEWEST_LOSSES = 30
"""Labelled scores from which the mean of a loss is close to normal."""

_Counts = Callable[[BinaryOutcome], tuple[int, int]]


@check(BinaryOutcome, direction="below", slack=(0.03, 0.12), unit="ratio", cause="performance")
def accuracy(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Share of predictions that turned out right: (tp + tn) / n.

    The interval is Wilson's (1927), from 50 labels on. Rare positives make it look good: a model
    that never says yes is right as often as the answer is no.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 60 + [0] * 40), np.array([1] * 50 + [0] * 50)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> accuracy.compute(outcome, outcome).value
    0.9
    """

    def right(outcome: BinaryOutcome) -> tuple[int, int]:
        tp, _, _, tn = outcome.matrix
        return tp + tn, outcome.labelled

    return _share(right, reference, current, "labels")


@check(BinaryOutcome, direction="below", slack=(0.05, 0.25), unit="ratio", cause="performance")
def precision(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Share of predicted positives that were positive: tp / (tp + fp).

    The interval is Wilson's (1927), from 50 predicted positives on. It falls when positives get
    rarer, even where the model is as good as before.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 60 + [0] * 40), np.array([1] * 50 + [0] * 50)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> round(precision.compute(outcome, outcome).value, 6)
    0.833333
    """

    def hits(outcome: BinaryOutcome) -> tuple[int, int]:
        tp, fp, _, _ = outcome.matrix
        return tp, tp + fp

    return _share(hits, reference, current, "predicted positives")


@check(BinaryOutcome, direction="below", slack=(0.05, 0.25), unit="ratio", cause="performance")
def recall(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Share of positives that were predicted: tp / (tp + fn).

    The interval is Wilson's (1927), from 50 positive labels on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 40 + [0] * 60), np.array([1] * 50 + [0] * 50)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> recall.compute(outcome, outcome).value
    0.8
    """

    def found(outcome: BinaryOutcome) -> tuple[int, int]:
        tp, _, fn, _ = outcome.matrix
        return tp, tp + fn

    return _share(found, reference, current, "positive labels")


@check(BinaryOutcome, direction="below", slack=(0.05, 0.25), unit="ratio", cause="performance")
def f1(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn).

    The interval is Wilson's of tp / (tp + fp + fn), carried over (compare Takahashi et al., 2022),
    from 50 rows on that are positive or predicted to be. Like precision it falls when positives
    get rarer.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 60 + [0] * 40), np.array([1] * 50 + [0] * 50)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> round(f1.compute(outcome, outcome).value, 6)
    0.909091
    """
    _require_labels(current, FEWEST_ROWS)
    tp, fp, fn, _ = current.matrix
    n = tp + fp + fn
    what = "true or predicted positives"
    if not n:
        raise _none(what, current, FEWEST_ROWS)
    stat = measured(
        2 * tp / (2 * tp + fp + fn),
        lambda z: intervals.f1(tp, fp, fn, z),
        n_reference=sum(reference.matrix[:3]),
        n_current=n,
    )
    return _enough(stat, n, FEWEST_ROWS, what)


@check(BinaryOutcome, direction="below", slack=(0.03, 0.08), unit="ratio", cause="performance")
def roc_auc(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Chance that a positive scores higher than a negative, both drawn at random.

    Ties count half; scores are as fine as the cells of the score grid (an error of some 1e-4).
    The interval is that of DeLong, DeLong & Clarke-Pearson (1988) on the logit, from 30 labels of
    each class on: 95 % are 94 to 96 there, but 88 to 91 for an area of 0.96 with 30 positives among
    hundreds of negatives.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 30), np.repeat([0, 1, 0, 1], 30)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> roc_auc.compute(outcome, outcome).value
    0.75
    """
    _require_scores(current, 2 * FEWEST_PER_CLASS)
    positives, negatives = current.by_class()
    p, q = int(positives.sum()), int(negatives.sum())
    if not p or not q:
        only = current.plan.positive if p else current.plan.negative
        reason = f"not computed: one class among {p + q} labels ({only})"
        raise NotEnoughData(reason, 0, FEWEST_PER_CLASS, among=p + q)
    stat = measured(
        intervals.delong(positives, negatives)[0],
        lambda z: intervals.auc(positives, negatives, z),
        n_reference=reference.scored,
        n_current=p + q,
    )
    rarer = "positive labels" if p < q else "negative labels"
    return _enough(stat, min(p, q), FEWEST_PER_CLASS, rarer)


@check(BinaryOutcome, direction="above", slack=(0.2, 1.0), relative=True, cause="performance")
def log_loss(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Mean of -ln(probability that the score gave to what happened), in nats.

    Scores of 0 and 1 are moved by 2.2e-16, as scikit-learn does it. The interval is that of a mean
    (Student, 1908), from 30 labelled scores on. One sure and wrong score weighs as much as many
    good ones.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> truth = np.repeat([0, 1], 20)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, np.full(40, 0.5))
    >>> round(log_loss.compute(outcome, outcome).value, 6)
    0.693147
    """
    _require_scores(current, FEWEST_LOSSES)
    return _loss(current.log_loss, current.log_loss_squared, reference, current)


@check(BinaryOutcome, direction="above", slack=(0.2, 1.0), relative=True, cause="performance")
def brier(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Mean squared distance between score and truth (Brier, 1950): 0 is perfect, 0.25 a coin.

    The interval is that of a mean (Student, 1908), from 30 labelled scores on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> truth = np.repeat([0, 1], 20)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, np.full(40, 0.5))
    >>> brier.compute(outcome, outcome).value
    0.25
    """
    _require_scores(current, FEWEST_LOSSES)
    return _loss(current.brier, current.brier_squared, reference, current)


def _share(counts: _Counts, reference: BinaryOutcome, current: BinaryOutcome, what: str) -> Stat:
    _require_labels(current, FEWEST_ROWS)
    hits, n = counts(current)
    if not n:
        raise _none(what, current, FEWEST_ROWS)
    stat = measured(
        hits / n,
        lambda z: intervals.wilson(hits, n, z),
        n_reference=counts(reference)[1],
        n_current=n,
    )
    return _enough(stat, n, FEWEST_ROWS, what)


def _loss(total: float, squares: float, reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    n = current.scored

    def interval(z: float) -> Interval:
        low, high = intervals.mean(total, squares, n, z)
        return Interval(max(low, 0.0), high)

    stat = measured(total / n, interval, n_reference=reference.scored, n_current=n)
    return _enough(stat, n, FEWEST_LOSSES, "labelled scores")


def _enough(stat: Stat, have: int, need: int, what: str) -> Stat:
    if have < need:
        raise NotEnoughData(f"{have} {what}, {need} needed", have, need, stat=stat)
    return stat


def _none(what: str, outcome: BinaryOutcome, need: int) -> NotEnoughData:
    labelled = outcome.labelled
    return NotEnoughData(f"no {what} among {labelled} labels", 0, need, among=labelled)


def _require_labels(outcome: BinaryOutcome, need: int) -> None:
    if outcome.labelled:
        return
    classes = f"{outcome.plan.negative} and {outcome.plan.positive}"
    if not outcome.rows:
        reason = "no rows"
    elif outcome.unpredicted == outcome.rows:
        reason = "no predictions"
    elif outcome.strange:
        reason = f"none of {outcome.strange} labels is one of the classes {classes}"
    else:
        reason = "no labels yet"
    raise NotEnoughData(reason, 0, need, among=outcome.rows)


def _require_scores(outcome: BinaryOutcome, need: int) -> None:
    _require_labels(outcome, need)
    if not outcome.scored:
        reason = "no scores between 0 and 1" if outcome.invalid else "no scores"
        raise NotEnoughData(reason, 0, need, among=outcome.labelled)
