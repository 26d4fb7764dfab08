"""Performance of a classifier, from the counts and sums of its outcome profile."""

from __future__ import annotations

from checks import intervals
from checks.check import Stat, check
from checks.intervals import mean_of, measured
from checks.labelled import (
    FEWEST_LOSSES,
    FEWEST_ROWS,
    Classified,
    enough,
    left_out,
    none_of,
    require_labels,
    require_scores,
    share,
    weighted_share,
)
from checks.outcome import BinaryOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_weights import Decisions, WeightedClasses, weighted_mean


@check(
    BinaryOutcome,
    MulticlassOutcome,
    direction="below",
    slack=(0.03, 0.12),
    unit="ratio",
    cause="performance",
    weighted=True,
)
def accuracy(reference: Classified, current: Classified) -> Stat:
    """Share of predictions that turned out right: right / n, of two classes (tp + tn) / n.

    The interval is Wilson's (1927), from 50 labels on. Rare positives make it look good: a model
    that never says yes is right as often as the answer is no. Of several classes it is also the
    micro average of precision, recall and F1, and the weighted average of recall; a truth that is
    none of the known classes counts as well.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 60 + [0] * 40), np.array([1] * 50 + [0] * 50)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> accuracy.compute(outcome, outcome).value
    0.9
    """

    return share(lambda outcome: (outcome.right, outcome.labelled), reference, current, "labels")


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.05, 0.25),
    unit="ratio",
    cause="performance",
    weighted=True,
)
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

    def hits(outcome: BinaryOutcome | Decisions) -> tuple[float, float]:
        tp, fp, _, _ = outcome.matrix
        return tp, tp + fp

    return share(hits, reference, current, "predicted positives")


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.05, 0.25),
    unit="ratio",
    cause="performance",
    weighted=True,
)
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

    def found(outcome: BinaryOutcome | Decisions) -> tuple[float, float]:
        tp, _, fn, _ = outcome.matrix
        return tp, tp + fn

    return share(found, reference, current, "positive labels")


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.05, 0.25),
    unit="ratio",
    cause="performance",
    weighted=True,
)
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
    require_labels(current, FEWEST_ROWS)
    what = "true or predicted positives"
    if current.weighted is not None:
        return _weighted_f1(current.weighted, reference, current, what)
    tp, fp, fn, _ = current.matrix
    n = tp + fp + fn
    if not n:
        raise none_of(what, current, FEWEST_ROWS)
    stat = measured(
        2 * tp / (2 * tp + fp + fn),
        lambda z: intervals.f1(tp, fp, fn, z),
        n_reference=sum(reference.matrix[:3]),
        n_current=n,
    )
    return enough(stat, n, FEWEST_ROWS, what)


@check(
    BinaryOutcome,
    direction="above",
    slack=(0.2, 1.0),
    relative=True,
    cause="performance",
    weighted=True,
)
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
    require_scores(current, FEWEST_LOSSES)
    return _loss(0, current.log_loss, current.log_loss_squared, reference, current)


@check(
    BinaryOutcome,
    direction="above",
    slack=(0.2, 1.0),
    relative=True,
    cause="performance",
    weighted=True,
)
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
    require_scores(current, FEWEST_LOSSES)
    return _loss(1, current.brier, current.brier_squared, reference, current)


def _weighted_f1(
    weighted: WeightedClasses, reference: BinaryOutcome, current: BinaryOutcome, what: str
) -> Stat:
    """F1 of sums of weights, by that of the share of hits among the rows in play."""

    def hits(outcome: Decisions) -> tuple[float, float]:
        return outcome.tp, outcome.tp + outcome.fp + outcome.fn

    n, found, _ = weighted_share(weighted, hits, what, current)
    stat = measured(
        2 * found / (found + n),
        lambda z: intervals.f1(found, n - found, 0.0, z),
        n_reference=sum(reference.matrix[:3]),
        n_current=int(n),
        where=left_out(weighted),
    )
    return enough(stat, int(n), FEWEST_ROWS, f"{what} by their weights")


def _loss(
    place: int, total: float, squares: float, reference: BinaryOutcome, current: BinaryOutcome
) -> Stat:
    """The mean of a loss, which has this place among the weighted ones."""
    n, what, note = float(current.scored), "labelled scores", ""
    if current.weighted is not None:
        what, note = f"{what} by their weights", left_out(current.weighted)
        mean = weighted_mean(current.weighted.table[place], current.weighted.scored)
        if mean is None:
            raise none_of("scores of any weight", current, FEWEST_LOSSES)
        n, total, squares = mean
    stat = mean_of(total, squares, n, n_reference=reference.scored, where=note)
    return enough(stat, int(n), FEWEST_LOSSES, what)
