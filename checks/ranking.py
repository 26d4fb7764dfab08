"""Ranking by the scores of a binary classifier: positives above negatives, the best on top."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from checks import intervals
from checks.check import Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured, share_of
from checks.labelled import (
    FEWEST_PER_CLASS,
    FEWEST_ROWS,
    enough,
    enough_of_each,
    left_out,
    none_of,
    one_class,
    require_scores,
)
from checks.outcome import BinaryOutcome
from checks.outcome_weights import ratio, worth
from checks.resampling import (
    Statistic,
    neighbours,
    of_weights,
    percentiles,
    perfect,
    reflected,
)
from checks.score_cells import ScoreCells, rows_at_top, rows_reaching

_metric = partial(
    check, BinaryOutcome, direction="below", slack=(0.05, 0.25), unit="ratio", cause="performance"
)


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.03, 0.08),
    unit="ratio",
    cause="performance",
    weighted=True,
)
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
    area, variance, p, q = _area(current)
    stat = measured(
        area,
        lambda z: intervals.area_within(area, variance, min(p, q), z),
        n_reference=reference.scored,
        n_current=p + q,
        where=_note(current),
    )
    return enough_of_each(stat, p, q)


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def average_precision(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Mean precision over the positives, each at its own score: area under precision and recall.

    A ranking by chance has the share of positives, so it falls when they get rarer. Scores are as
    fine as the cells of the score grid. The interval holds the middle of 200 resamples of the
    cells, from 30 labels of each class on; 95 % are 91 to 93 there.

    Formula: the sum of (R_i - R_{i-1}) P_i over falling scores, as scikit-learn has it.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 30), np.repeat([0, 1, 0, 1], 30)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> round(average_precision.compute(outcome, outcome).value, 6)
    0.833333
    """
    counts, squares, p, q = _ranked(current)
    value, drawn = _resampled(_average_precision, counts, squares)
    stat = measured(
        value,
        lambda z: perfect(value, min(p, q), z) or _within(percentiles(value, drawn, z)),
        n_reference=reference.scored,
        n_current=p + q,
        where=_note(current),
    )
    return enough_of_each(stat, p, q)


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.06, 0.16),
    unit="ratio",
    cause="performance",
    default=False,
    within=(-1.0, 1.0),
    weighted=True,
)
def gini(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Accuracy ratio of the ranking, as credit scoring has it: 2 AUC - 1, 0 for one by chance.

    The interval is that of ``roc_auc`` (DeLong, DeLong & Clarke-Pearson, 1988), carried over, from
    30 labels of each class on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 30), np.repeat([0, 1, 0, 1], 30)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> gini.compute(outcome, outcome).value
    0.5
    """
    area, variance, p, q = _area(current)

    def interval(z: float) -> Interval:
        low, high = intervals.area_within(area, variance, min(p, q), z)
        return Interval(2 * low - 1, 2 * high - 1)

    stat = measured(
        2 * area - 1,
        interval,
        n_reference=reference.scored,
        n_current=p + q,
        where=_note(current),
    )
    return enough_of_each(stat, p, q)


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.06, 0.2),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def ks_score(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Largest gap between the shares of positives and of negatives above one score.

    Known as KS in credit scoring; not the drift test of the same name. The interval holds the
    middle of 200 resamples of the cells, mirrored, because a maximum is larger by chance; from 30
    labels of each class on. 95 % are 83 to 92 there: it is shorter than it should be where
    positives are few.

    Formula: max(TPR - FPR) over all thresholds.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 30), np.repeat([0, 1, 0, 1], 30)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> ks_score.compute(outcome, outcome).value
    0.5
    """
    counts, squares, p, q = _ranked(current)
    value, drawn = _resampled(_largest_gap, counts, squares)
    stat = measured(
        value,
        lambda z: perfect(value, min(p, q), z) or _within(reflected(value, drawn, z)),
        n_reference=reference.scored,
        n_current=p + q,
        where=_note(current),
    )
    return enough_of_each(stat, p, q)


@_metric(default=False, weighted=True)
def precision_at(
    reference: BinaryOutcome, current: BinaryOutcome, *, threshold: float = 0.5
) -> Stat:
    """Share of positives among rows whose score reaches a threshold of your own: tp / (tp + fp).

    Read off the score cells: a row that shares the threshold's cell (0.4 % of the distance to the
    nearer of 0 and 1 wide, or less) counts as reaching it, and ``where`` says how many do. The
    interval is Wilson's (1927), from 50 such rows on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 30), np.repeat([0, 1, 0, 1], 30)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> precision_at.compute(outcome, outcome, threshold=0.7).value
    0.5
    """
    require_scores(current, FEWEST_ROWS)
    told, what = ScoreCells.of(current), "rows that reach the threshold"
    reached, where = told.reaching(threshold)
    hits, n = told.share(reached[:, 0], reached.sum(axis=1))
    if not n:
        raise none_of(what, current, FEWEST_ROWS)
    n_reference = rows_reaching(reference, threshold)
    where = where or _note(current)
    stat = share_of(hits, n, n_reference=n_reference, where=where)
    return enough(stat, int(n), FEWEST_ROWS, f"{what}{_by(current)}")


@_metric(default=False, weighted=True)
def recall_at(reference: BinaryOutcome, current: BinaryOutcome, *, threshold: float = 0.5) -> Stat:
    """Share of positives whose score reaches a threshold of your own: tp / (tp + fn).

    Read off the score cells, as in ``precision_at``. The interval is Wilson's (1927), from 50
    positive labels on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 30), np.repeat([0, 1, 0, 1], 30)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> recall_at.compute(outcome, outcome, threshold=0.7).value
    0.5
    """
    require_scores(current, FEWEST_ROWS)
    told = ScoreCells.of(current)
    reached, where = told.reaching(threshold)
    hits, n = told.share(reached[:, 0], told.positives)
    if not n:
        raise none_of("positive labels", current, FEWEST_ROWS)
    where = where or _note(current)
    stat = share_of(hits, n, n_reference=_positives(reference), where=where)
    return enough(stat, int(n), FEWEST_ROWS, f"positive labels{_by(current)}")


@_metric(default=False, weighted=True)
def precision_at_k(reference: BinaryOutcome, current: BinaryOutcome, *, k: float = 0.1) -> Stat:
    """Share of positives among the top share ``k`` of the labelled rows by score.

    The top holds ⌈k n⌉ rows; those of one cell at its edge count by the share of them that fits.
    The interval is Wilson's (1927), from 50 rows at the top on.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 60), np.repeat([0, 1, 0, 1], 60)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> precision_at_k.compute(outcome, outcome, k=0.5).value
    0.5
    """
    require_scores(current, FEWEST_ROWS)
    told = ScoreCells.of(current)
    top = told.top(k)
    hits, n = told.share(top[:, 0], top.sum(axis=1))
    if not n:
        raise none_of("rows of any weight", current, FEWEST_ROWS)
    n_reference = rows_at_top(reference, k)
    stat = share_of(hits, n, n_reference=n_reference, where=_note(current))
    return enough(stat, int(n), FEWEST_ROWS, f"rows at the top{_by(current)}")


@_metric(default=False, weighted=True)
def recall_at_k(reference: BinaryOutcome, current: BinaryOutcome, *, k: float = 0.1) -> Stat:
    """Share of the positives that the top share ``k`` of the labelled rows by score holds.

    The top is that of ``precision_at_k``. The interval is Wilson's (1927), from 50 positive labels
    on; it is on the wide side, for more positives also raise the score at which the top begins.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 60), np.repeat([0, 1, 0, 1], 60)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> recall_at_k.compute(outcome, outcome, k=0.5).value
    0.5
    """
    return _found_at_top(reference, current, k, 1.0)


@check(
    BinaryOutcome,
    direction="below",
    slack=(0.1, 0.3),
    relative=True,
    cause="performance",
    default=False,
    weighted=True,
)
def lift_at_k(reference: BinaryOutcome, current: BinaryOutcome, *, k: float = 0.1) -> Stat:
    """How many times as frequent positives are at the top as among all labelled rows.

    The top and the interval are those of ``recall_at_k``, from 50 positive labels on.

    Formula: precision at the top / share of positives; 1 for a ranking by chance, 1/k at most.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.2, 0.6, 0.7, 0.9], 60), np.repeat([0, 0, 0, 1], 60)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, score)
    >>> lift_at_k.compute(outcome, outcome, k=0.5).value
    2.0
    """
    require_scores(current, FEWEST_ROWS)
    return _found_at_top(reference, current, k, current.scored / rows_at_top(current, k))


def _found_at_top(reference: BinaryOutcome, current: BinaryOutcome, k: float, times: float) -> Stat:
    """The share of positives at the top, so many times."""
    require_scores(current, FEWEST_ROWS)
    told = ScoreCells.of(current)
    hits, n = told.found_at_top(k)
    if not n:
        raise none_of("positive labels", current, FEWEST_ROWS)

    def interval(z: float) -> Interval:
        low, high = intervals.wilson(hits, n, z)
        return Interval(low * times, high * times)

    stat = measured(
        hits / n * times,
        interval,
        n_reference=_positives(reference),
        n_current=int(n),
        where=_note(current),
    )
    return enough(stat, int(n), FEWEST_ROWS, f"positive labels{_by(current)}")


def _area(outcome: BinaryOutcome) -> tuple[float, float, int, int]:
    """Area and variance, and positives and negatives: of weighted ones, how many they are worth."""
    counts, _, p, q = _ranked(outcome)
    if outcome.weighted is None:
        return *intervals.delong(*counts.T), p, q
    return *intervals.weighted_area(outcome.weighted.by_score), p, q


def _note(outcome: BinaryOutcome) -> str:
    return "" if outcome.weighted is None else left_out(outcome.weighted)


def _by(outcome: BinaryOutcome) -> str:
    return "" if outcome.weighted is None else " by their weights"


def _ranked(outcome: BinaryOutcome) -> tuple[Counts | Floats, Counts | Floats, int, int]:
    """Positives and negatives of each score cell (two columns), and the squares of their weights.

    Besides there are both, and how many rows they are worth.
    """
    require_scores(outcome, 2 * FEWEST_PER_CLASS)
    p, q = (int(each.sum()) for each in outcome.by_class())
    if not p or not q:
        raise one_class(outcome, p, q)
    told = ScoreCells.of(outcome)
    positives, negatives = worth(*(each.sum(axis=0) for each in told.tables)).tolist()
    if not positives or not negatives:
        raise none_of("scores of any weight in one of the classes", outcome, FEWEST_PER_CLASS)
    return *told.tables, int(positives), int(negatives)


def _resampled(
    statistic: Statistic, counts: Counts | Floats, squares: Counts | Floats
) -> tuple[float, Floats]:
    """The number of these cells, and that of 200 resamples of them."""
    starts, value = neighbours(counts), float(statistic(counts))
    fewer, doubts = (np.add.reduceat(each, starts, axis=0) for each in (counts, squares))
    return value, statistic(of_weights(fewer, doubts)) + (value - float(statistic(fewer)))


def _within(interval: Interval) -> Interval:
    return Interval(max(interval.low, 0.0), min(interval.high, 1.0))


def _average_precision(counts: NDArray[np.number]) -> Floats:
    """Of each table of cells by class in a stack."""
    falling = counts[..., ::-1, :]
    found, rows = np.cumsum(falling[..., 0], axis=-1), np.cumsum(falling.sum(-1), axis=-1)
    terms = falling[..., 0] * ratio(found, rows)
    with np.errstate(invalid="ignore"):
        return np.asarray(terms.sum(-1) / found[..., -1])


def _largest_gap(counts: NDArray[np.number]) -> Floats:
    """Of each table of cells by class in a stack."""
    below = np.cumsum(counts, axis=-2)
    with np.errstate(invalid="ignore"):
        positives, negatives = np.moveaxis(below / below[..., -1:, :], -1, 0)
    return np.asarray(np.maximum((negatives - positives).max(-1), 0.0))


def _positives(outcome: BinaryOutcome) -> int:
    return int(outcome.by_class()[0].sum())
