"""Agreement of predictions and truth, in which every class counts or chance is taken out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from checks.check import Stat, check
from checks.grid import Counts, Floats
from checks.intervals import mean_of_shares, measured
from checks.labelled import (
    FEWEST_PER_CLASS,
    Classified,
    enough,
    enough_of_each,
    none_of,
    one_of,
    require_labels,
)
from checks.matrix import TOLD, TRUE, Matrix
from checks.outcome import BinaryOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.resampling import percentiles, perfect


@check(
    BinaryOutcome,
    MulticlassOutcome,
    direction="below",
    slack=(0.04, 0.15),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def balanced_accuracy(reference: Classified, current: Classified) -> Stat:
    """Mean over the classes of the share of their rows that were told: the macro average of recall.

    A model that always says the same has one part in as many as there are classes, however rare
    some are. Classes without a label in the window, and such as the baseline did not know, are left
    out. The interval adds the squares of the distances to the ends of the classes' Wilson
    intervals, from 30 labels of each of two classes on, of more classes from 30 labels beside those
    of the most frequent one on.

    Formula: Σ_k recall_k / K; of two classes (recall + specificity) / 2.
    Source: Newcombe 1998.

    >>> from checks.plan import BinaryPlan
    >>> told, truth = np.array([1] * 40 + [0] * 60), np.array([1] * 50 + [0] * 50)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> balanced_accuracy.compute(outcome, outcome).value
    0.9
    """
    matrix = _varied(current)
    known = len(current.plan.classes)
    hits, trials = (each[:known] for each in matrix.hits(TRUE))
    some = trials > 0
    if not some.any():
        raise none_of("labels of the known classes", current, FEWEST_PER_CLASS)
    told, among = hits[some], trials[some]
    stat = measured(
        float(np.mean(told / among)),
        lambda z: mean_of_shares(told, among, z),
        n_reference=reference.labelled,
        n_current=matrix.n,
        where=matrix.note,
    )
    return _enough(stat, current, matrix)


@check(
    BinaryOutcome,
    MulticlassOutcome,
    direction="below",
    slack=(0.06, 0.25),
    unit="ratio",
    cause="performance",
    default=False,
    within=(-1.0, 1.0),
    weighted=True,
)
def mcc(reference: Classified, current: Classified) -> Stat:
    """Correlation of predicted and true class (Matthews, 1975): 1 is perfect, 0 mere chance.

    The interval holds the middle of 200 resamples of the matrix, from 30 labels of each of two
    classes on (95 % are 92 to 95 there), of more classes from 30 labels beside those of the most
    frequent one on. Classes that the baseline did not know count as one.

    Formula: (n Σ hits_k - Σ t_k p_k) / √((n² - Σ t_k²)(n² - Σ p_k²)), t_k and p_k the labels and
    predictions of class k; of two classes that is
    (tp tn - fp fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn)).
    Source: Matthews 1975; Gorodkin 2004.

    >>> from checks.plan import BinaryPlan
    >>> rows = [40, 10, 10, 40]
    >>> told, truth = np.repeat([1, 1, 0, 0], rows), np.repeat([1, 0, 1, 0], rows)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, truth)
    >>> round(mcc.compute(outcome, outcome).value, 9)
    0.6
    """
    matrix = _varied(current)
    _require_two_told(current, matrix)
    return _resampled(_correlation, reference, current, matrix)


@check(
    BinaryOutcome,
    MulticlassOutcome,
    direction="below",
    slack=(0.06, 0.25),
    unit="ratio",
    cause="performance",
    default=False,
    within=(-1.0, 1.0),
    weighted=True,
)
def cohen_kappa(reference: Classified, current: Classified) -> Stat:
    """How far predictions agree with the truth beyond chance: 1 is perfect, 0 mere chance.

    Chance is what predictions and labels that know nothing of each other would agree in. The
    interval holds the middle of 200 resamples of the matrix, from 30 labels of each of two classes
    on, of more classes from 30 labels beside those of the most frequent one on. Classes that the
    baseline did not know count as one.

    Formula: (p_o - p_e) / (1 - p_e), p_o the accuracy, p_e = Σ t_k p_k / n² with t_k and p_k the
    labels and predictions of class k.
    Source: Cohen 1960.

    >>> from checks.plan import BinaryPlan
    >>> rows = [20, 5, 10, 15]  # Cohen's kappa of this matrix is (0.7 - 0.5) / (1 - 0.5)
    >>> told, truth = np.repeat([1, 1, 0, 0], rows), np.repeat([1, 0, 1, 0], rows)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), np.tile(told, 2), np.tile(truth, 2))
    >>> round(cohen_kappa.compute(outcome, outcome).value, 9)
    0.4
    """
    return _resampled(_kappa, reference, current, _varied(current))


def _varied(outcome: Classified) -> Matrix:
    """The labelled rows by prediction and truth, if there are labels of two classes."""
    require_labels(outcome, 2 * FEWEST_PER_CLASS)
    matrix = Matrix.of(outcome, 2 * FEWEST_PER_CLASS)
    labels = matrix.worth_of(TRUE)
    if np.count_nonzero(labels) == 1:
        raise one_of(_name(outcome, int(labels.argmax())), matrix.n, "labels")
    return matrix


def _require_two_told(outcome: Classified, matrix: Matrix) -> None:
    """Say that all predictions are of one class, where they are."""
    told = matrix.worth_of(TOLD)
    if np.count_nonzero(told) > 1:
        return
    if isinstance(outcome, BinaryOutcome):
        what = "predicted negatives" if told[1] else "predicted positives"
        raise none_of(what, outcome, FEWEST_PER_CLASS)
    raise one_of(_name(outcome, int(told.argmax())), matrix.n, "predictions")


def _name(outcome: Classified, place: int) -> str:
    return (*outcome.plan.classes, "unknown classes")[place]


def _resampled(
    number: Callable[[Counts | Floats], Floats],
    reference: Classified,
    current: Classified,
    matrix: Matrix,
) -> Stat:
    value, drawn = float(number(matrix.sums)), number(matrix.draws())
    trials = _beside(matrix)
    stat = measured(
        value,
        lambda z: perfect(value, trials, z) or percentiles(value, drawn, z),
        n_reference=reference.labelled,
        n_current=matrix.n,
        where=matrix.note,
    )
    return _enough(stat, current, matrix)


def _beside(matrix: Matrix) -> int:
    """Labels beside those of the most frequent class."""
    labels = matrix.worth_of(TRUE)
    return int(labels.sum() - labels.max())


def _enough(stat: Stat, outcome: Classified, matrix: Matrix) -> Stat:
    """The number, unless it is to be shown only for want of labels beside the commonest class."""
    labels, by = matrix.worth_of(TRUE), " by their weights" if matrix.weighted else ""
    if isinstance(outcome, BinaryOutcome):
        return enough_of_each(stat, int(labels[1]), int(labels[0]))
    what = f"labels beside the most frequent class{by}"
    return enough(stat, _beside(matrix), FEWEST_PER_CLASS, what)


def _marginals(squares: Counts | Floats) -> tuple[Floats, Floats, Floats]:
    """Hits, chance hits times all rows, and all rows of each table of a stack; sums in doubles."""
    tables = squares.astype(np.float64)
    told, true = tables.sum(axis=-1), tables.sum(axis=-2)
    return np.trace(tables, axis1=-2, axis2=-1), (told * true).sum(-1), told.sum(-1)


def _correlation(squares: Counts | Floats) -> Floats:
    """Of each table of a stack; NaN where all predictions or all labels are of one class."""
    hits, chance, n = _marginals(squares)
    told, true = (n**2 - (squares.sum(axis=side) ** 2.0).sum(-1) for side in (-1, -2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((n * hits - chance) / np.sqrt(told) / np.sqrt(true))


def _kappa(squares: Counts | Floats) -> Floats:
    """Of each table of a stack; NaN where everything is of one class."""
    hits, chance, n = _marginals(squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((n * hits - chance) / (n**2 - chance))
