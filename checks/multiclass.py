"""Performance of a classifier with several classes, class by class and on average."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured
from checks.labelled import FEWEST_ROWS, enough, none_of, require_labels
from checks.matrix import TOLD, TRUE, Matrix
from checks.outcome_classes import MulticlassOutcome
from checks.resampling import percentiles

_metric = partial(
    check,
    MulticlassOutcome,
    direction="below",
    slack=(0.05, 0.2),
    unit="ratio",
    cause="performance",
)


@_metric(weighted=True)
def f1_macro(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Mean F1 of the classes, each of which counts the same, however rare.

    Classes that are neither predicted nor true in the window are left out, as are those that the
    baseline did not know; ``where`` names the worst. The interval is the middle of 200 resamples of
    the matrix, from 50 labels on: 95 % are 93 to 96, but 87 to 92 where a class has fewer than ten
    rows.

    Formula: Σ_k F1_k / K, F1_k = 2 tp_k / (2 tp_k + fp_k + fn_k).
    Source: Manning, Raghavan and Schütze 2008; Efron 1979.

    >>> from checks.plan import MulticlassPlan
    >>> told, truth = np.repeat([0, 1, 1, 2], 20), np.repeat([0, 0, 1, 2], 20)
    >>> outcome = MulticlassOutcome.of(MulticlassPlan(("a", "b", "c")), told, truth)
    >>> stat = f1_macro.compute(outcome, outcome)
    >>> round(stat.value, 6), stat.where
    (0.777778, 'lowest: a with 0.6667')
    """
    return _average(_f1, _evenly, reference, current)


@_metric(default=False, weighted=True)
def f1_weighted(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Mean F1 of the classes, each of which counts as often as it is the truth.

    Classes that the baseline did not know are left out; ``where`` names the worst. The interval is
    the middle of 200 resamples of the matrix, from 50 labels on.

    Formula: Σ_k n_k F1_k / Σ_k n_k, n_k the labels of class k.
    Source: Manning, Raghavan and Schütze 2008; Efron 1979.

    >>> from checks.plan import MulticlassPlan
    >>> told, truth = np.repeat([0, 1, 1, 2], 20), np.repeat([0, 0, 1, 2], 20)
    >>> outcome = MulticlassOutcome.of(MulticlassPlan(("a", "b", "c")), told, truth)
    >>> round(f1_weighted.compute(outcome, outcome).value, 6)
    0.75
    """
    return _average(_f1, _by_labels, reference, current)


@_metric(default=False, weighted=True)
def precision_macro(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Mean precision of the classes, each of which counts the same, however rare.

    A class that is true in the window but never predicted has precision 0, as scikit-learn has it;
    one that is neither is left out, as are classes that the baseline did not know. ``where`` names
    the worst. The interval is the middle of 200 resamples of the matrix, from 50 labels on.

    Formula: Σ_k precision_k / K, precision_k = tp_k / (tp_k + fp_k).
    Source: Manning, Raghavan and Schütze 2008; Efron 1979.

    >>> from checks.plan import MulticlassPlan
    >>> told, truth = np.repeat([0, 1, 1, 2], 20), np.repeat([0, 0, 1, 2], 20)
    >>> outcome = MulticlassOutcome.of(MulticlassPlan(("a", "b", "c")), told, truth)
    >>> round(precision_macro.compute(outcome, outcome).value, 6)
    0.833333
    """
    return _average(_precision, _evenly, reference, current)


@_metric(default=False, weighted=True)
def precision_weighted(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Mean precision of the classes, each of which counts as often as it is the truth.

    A class that is never predicted has precision 0, as scikit-learn has it. ``where`` names the
    worst. The interval is the middle of 200 resamples of the matrix, from 50 labels on.

    Formula: Σ_k n_k precision_k / Σ_k n_k, n_k the labels of class k.
    Source: Manning, Raghavan and Schütze 2008; Efron 1979.

    >>> from checks.plan import MulticlassPlan
    >>> told, truth = np.repeat([0, 1, 1, 2], 20), np.repeat([0, 0, 1, 2], 20)
    >>> outcome = MulticlassOutcome.of(MulticlassPlan(("a", "b", "c")), told, truth)
    >>> precision_weighted.compute(outcome, outcome).value
    0.875
    """
    return _average(_precision, _by_labels, reference, current)


@check(
    MulticlassOutcome,
    direction="below",
    slack=(0.05, 0.25),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def class_recall(reference: MulticlassOutcome, current: MulticlassOutcome, *, of: str = "") -> Stat:
    """Share of the rows of a class that were told: tp / (tp + fn), of one class or of the worst.

    ``of`` names the class; without it the lowest recall counts of all classes with 50 labels or
    more, and ``where`` names its class. The interval is Wilson's, its upper end that of as many
    shares at once as there are such classes, from 50 labels of the class on.

    Source: Wilson 1927; Dunn 1961.

    >>> from checks.plan import MulticlassPlan
    >>> told, truth = np.repeat([0, 1, 1, 2], 50), np.repeat([0, 0, 1, 2], 50)
    >>> outcome = MulticlassOutcome.of(MulticlassPlan(("a", "b", "c")), told, truth)
    >>> stat = class_recall.compute(outcome, outcome)
    >>> stat.value, stat.where, class_recall.compute(outcome, outcome, of="c").value
    (0.5, 'a', 1.0)
    """
    return _lowest(TRUE, "labels", reference, current, of)


@check(
    MulticlassOutcome,
    direction="below",
    slack=(0.05, 0.25),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def class_precision(
    reference: MulticlassOutcome, current: MulticlassOutcome, *, of: str = ""
) -> Stat:
    """Share of the predictions of a class that were right: tp / (tp + fp), of one or of the worst.

    ``of`` names the class; without it the lowest precision counts of all classes that 50 labelled
    rows or more were predicted to be, and ``where`` names its class. The interval is Wilson's, its
    upper end that of as many shares at once as there are such classes, from 50 predictions of the
    class on.

    Source: Wilson 1927; Dunn 1961.

    >>> from checks.plan import MulticlassPlan
    >>> told, truth = np.repeat([0, 1, 1, 2], 50), np.repeat([0, 0, 1, 2], 50)
    >>> outcome = MulticlassOutcome.of(MulticlassPlan(("a", "b", "c")), told, truth)
    >>> stat = class_precision.compute(outcome, outcome)
    >>> stat.value, stat.where
    (0.5, 'b')
    """
    return _lowest(TOLD, "predictions", reference, current, of)


_DOUBT = 1e-12
"""A mean of ones may be 1 but for its last digit."""


class _Classes(NamedTuple):
    """Hits, predictions and labels of the plan's classes, along the last axis."""

    hits: NDArray[np.number]
    told: Counts | Floats
    true: Counts | Floats

    @classmethod
    def of(cls, squares: Counts | Floats) -> _Classes:
        """Those of a table of labelled rows, or of a stack of them."""
        hits = np.diagonal(squares, axis1=-2, axis2=-1)
        sums = squares.sum(axis=-1), squares.sum(axis=-2)
        return cls(hits[..., :-1], sums[0][..., :-1], sums[1][..., :-1])


def _f1(each: _Classes) -> Floats:
    return _ratio(2 * each.hits, each.told + each.true)


def _precision(each: _Classes) -> Floats:
    found = _ratio(each.hits, each.told)
    found[(each.told == 0) & (each.true > 0)] = 0.0
    return found


def _ratio(part: NDArray[np.number], whole: Counts | Floats) -> Floats:
    """NaN where there is nothing."""
    with np.errstate(invalid="ignore"):
        return np.asarray(part / whole)


def _evenly(each: _Classes) -> Counts | Floats:
    return np.ones_like(each.true)


def _by_labels(each: _Classes) -> Counts | Floats:
    return each.true


def _average(
    metric: Callable[[_Classes], Floats],
    weights: Callable[[_Classes], Counts | Floats],
    reference: MulticlassOutcome,
    current: MulticlassOutcome,
) -> Stat:
    """The mean of a metric over the classes, with the interval of resampled rows."""
    require_labels(current, FEWEST_ROWS)
    matrix = Matrix.of(current, FEWEST_ROWS)
    classes = _Classes.of(matrix.sums)
    each, counts = metric(classes), weights(classes)
    value = float(_mean(each, counts))
    if np.isnan(value):
        raise none_of("known classes", current, FEWEST_ROWS)
    drawn = _Classes.of(matrix.draws())
    draws = _mean(metric(drawn), weights(drawn))

    def interval(z: float) -> Interval:
        if _DOUBT < value < 1.0 - _DOUBT:
            return percentiles(value, draws, z)
        # All draws are the same and tell nothing: so many trials without a failure, or a hit, do.
        rows = np.maximum(matrix.worth_of(TOLD), matrix.worth_of(TRUE))[:-1]
        trials = rows[np.isfinite(each) & (counts > 0)]
        return intervals.mean_of_shares(trials * round(value), trials, z)

    stat = measured(
        value,
        interval,
        n_reference=reference.labelled,
        n_current=matrix.n,
        where="; ".join(filter(None, (_worst(current, each), matrix.note))),
    )
    by = " by their weights" if matrix.weighted else ""
    return enough(stat, matrix.n, FEWEST_ROWS, f"labels{by}")


def _mean(values: Floats, weights: Counts | Floats) -> Floats:
    """Along the last axis, of the values that are numbers; NaN where there is none of weight."""
    known = np.isfinite(values)
    weighted = np.where(known, values, 0.0) * weights
    return _ratio(weighted.sum(axis=-1), (weights * known).sum(axis=-1))


def _worst(outcome: MulticlassOutcome, each: Floats) -> str:
    place = int(np.nanargmin(each))
    return f"lowest: {outcome.plan.classes[place]} with {each[place]:.4g}"


def _lowest(
    side: int,
    what: str,
    reference: MulticlassOutcome,
    current: MulticlassOutcome,
    of: str,
) -> Stat:
    """The lowest share of hits of the classes asked for, among their predictions or labels."""
    require_labels(current, FEWEST_ROWS)
    matrix = Matrix.of(current, FEWEST_ROWS)
    hits, trials = (each[:-1] for each in matrix.hits(side))
    places = _places(current, trials, what, of)
    shares = hits[places] / trials[places]
    place = int(places[shares.argmin()])

    def interval(z: float) -> Interval:
        """A lowest share is as low as one of many by chance, so that its upper end has room."""
        wide = -float(ndtri(ndtr(-z) / len(places)))
        ends = [(float(hits[k]), float(trials[k])) for k in places.tolist()]
        low = min(intervals.wilson(*each, z).low for each in ends)
        return Interval(low, min(intervals.wilson(*each, wide).high for each in ends))

    n, name = int(trials[place]), current.plan.classes[place]
    stat = measured(
        float(shares.min()),
        interval,
        n_reference=int(reference.square.sum(axis=side)[place]),
        n_current=n,
        where="; ".join(filter(None, (name, matrix.note))),
    )
    by = " by their weights" if matrix.weighted else ""
    return enough(stat, n, FEWEST_ROWS, f"{what} of {name}{by}")


def _places(
    outcome: MulticlassOutcome, trials: Counts | Floats, what: str, of: str
) -> NDArray[np.intp]:
    """The class that is asked for, or all with enough rows; the largest where none has enough."""
    if of:
        if of not in outcome.plan.classes:
            known = ", ".join(outcome.plan.classes[:5])
            raise NotEnoughData(f"{of!r} is none of the classes {known}"[:300])
        place = outcome.plan.classes.index(of)
        if not trials[place]:
            raise none_of(f"{what} of {of}", outcome, FEWEST_ROWS)
        return np.array([place])
    if not trials.any():
        raise none_of(f"{what} of the known classes", outcome, FEWEST_ROWS)
    found = np.flatnonzero(trials >= FEWEST_ROWS)
    return found if len(found) else np.array([trials.argmax()])
