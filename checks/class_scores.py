"""Performance of a classifier by the scores that it gives every one of several classes.

They are there where a model names a column for each: ``scores = { cat = "p_cat", dog = "p_dog" }``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.grid import Floats
from checks.intervals import counted, mean_of, measured, proven, share_of
from checks.labelled import (
    FEWEST_LOSSES,
    FEWEST_PER_CLASS,
    FEWEST_ROWS,
    enough,
    require_labels,
)
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_scores import MOST_RANKS, ClassScores
from checks.outcome_weights import Mean, share_row, weighted_mean, worth


@check(
    MulticlassOutcome,
    direction="above",
    slack=(0.2, 1.0),
    relative=True,
    cause="performance",
    needs="scores",
    weighted=True,
)
def class_log_loss(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Mean of -ln(score of the class that came true), in nats.

    Scores of 0 and 1 are moved by 2.2e-16, as scikit-learn does it. The interval is that of a mean
    (Student, 1908), from 30 labelled rows with scores on. Rows whose truth has no score, or whose
    scores are no probabilities, are left out and told.

    >>> from dataclasses import replace
    >>> from checks.plan import MulticlassPlan
    >>> kept = ClassScores.of(("a", "b"), np.full((40, 2), 0.5), np.zeros(40, np.int64))
    >>> plan, rows = MulticlassPlan(("a", "b")), np.zeros(40, np.int64)
    >>> outcome = replace(MulticlassOutcome.of(plan, rows, rows), scores=kept)
    >>> round(class_log_loss.compute(outcome, outcome).value, 6)
    0.693147
    """
    told = _scores(current, FEWEST_LOSSES)
    return _loss(0, told.log_loss, told.log_loss_squared, reference, told)


@check(
    MulticlassOutcome,
    direction="above",
    slack=(0.2, 1.0),
    relative=True,
    cause="performance",
    default=False,
    weighted=True,
)
def class_brier(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Squared distance between the scores of a row and its truth, over all classes: 0 to 2.

    Of two classes it is twice ``brier``. The interval is that of a mean (Student, 1908), from 30
    labelled rows with scores on.

    Formula: the mean of Σ_k (p_k - y_k)², y_k 1 for the class that came true. Source: Brier 1950.

    >>> from dataclasses import replace
    >>> from checks.plan import MulticlassPlan
    >>> kept = ClassScores.of(("a", "b"), np.full((40, 2), 0.5), np.zeros(40, np.int64))
    >>> plan, rows = MulticlassPlan(("a", "b")), np.zeros(40, np.int64)
    >>> outcome = replace(MulticlassOutcome.of(plan, rows, rows), scores=kept)
    >>> class_brier.compute(outcome, outcome).value
    0.5
    """
    told = _scores(current, FEWEST_LOSSES)
    return _loss(1, told.brier, told.brier_squared, reference, told)


@check(
    MulticlassOutcome,
    direction="below",
    slack=(0.03, 0.12),
    unit="ratio",
    cause="performance",
    default=False,
    weighted=True,
)
def top_k_accuracy(reference: MulticlassOutcome, current: MulticlassOutcome, *, k: int = 3) -> Stat:
    """Share of rows whose truth is among the ``k`` classes with the highest scores, 1 to 10.

    A class with the same score as the truth counts as before it, so that equal scores say nothing.
    The interval is Wilson's (1927), from 50 labelled rows with scores on.

    >>> from dataclasses import replace
    >>> from checks.plan import MulticlassPlan
    >>> scores = np.tile([[0.5, 0.3, 0.2]], (60, 1))
    >>> kept = ClassScores.of(("a", "b", "c"), scores, np.repeat([0, 1, 2], 20))
    >>> plan, rows = MulticlassPlan(("a", "b", "c")), np.zeros(60, np.int64)
    >>> outcome = replace(MulticlassOutcome.of(plan, rows, rows), scores=kept)
    >>> round(top_k_accuracy.compute(outcome, outcome, k=2).value, 6)
    0.666667

    Formula: rows with at most k - 1 other classes at or above the truth's score / n.
    """
    if not 1 <= k <= MOST_RANKS:
        raise ValueError(f"k is {k}; give a whole number from 1 to {MOST_RANKS}")
    told = _scores(current, FEWEST_ROWS)
    hits, n, what = float(told.ranks[:k].sum()), float(told.rows), _ROWS
    if told.weighted is not None:
        ranks = told.weighted.ranks
        row, what = share_row(ranks[:, :k].sum(axis=1), ranks.sum(axis=1)), f"{what}{_WEIGHED}"
        n, hits, _ = _mean(told, row, FEWEST_ROWS)
    stat = share_of(hits, n, n_reference=_labels(reference), where=_left_out(told))
    return enough(stat, int(n), FEWEST_ROWS, what)


@check(
    MulticlassOutcome,
    direction="below",
    slack=(0.03, 0.08),
    unit="ratio",
    cause="performance",
    needs="scores",
    weighted=True,
)
def roc_auc_macro(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Mean over the classes of the area under the ROC curve of one class against all others.

    Each class counts the same, however rare; classes that have no label in the window, or all of
    them, are left out, and ``where`` names the worst of the others. Scores are as fine as the cells
    of the score grid. The interval is that of DeLong, DeLong & Clarke-Pearson (1988) with the mean
    of the classes' standard errors, which is right if they err together and too wide otherwise,
    from 30 labels of the rarest class on.

    Formula: Σ_k AUC_k / K, AUC_k the chance that a row of class k scores higher for k than another.

    >>> from dataclasses import replace
    >>> from checks.plan import MulticlassPlan
    >>> p = np.repeat([0.9, 0.7, 0.6, 0.2], 30)
    >>> kept = ClassScores.of(("a", "b"), np.stack([p, 1 - p], 1), np.repeat([0, 1, 0, 1], 30))
    >>> plan, rows = MulticlassPlan(("a", "b")), np.zeros(120, np.int64)
    >>> outcome = replace(MulticlassOutcome.of(plan, rows, rows), scores=kept)
    >>> roc_auc_macro.compute(outcome, outcome).value
    0.75
    """
    told = _scores(current, FEWEST_PER_CLASS)
    found = list(_areas(told))
    if not found:
        reason = f"not computed: one class among {told.rows} labels with scores"
        if told.weighted is not None:
            reason = f"{reason} of any weight"
        raise NotEnoughData(reason, 0, FEWEST_PER_CLASS, among=told.rows)
    areas = np.array([area for _, area, _, _ in found])
    error = float(np.mean([math.sqrt(variance) for _, _, variance, _ in found]))
    fewest = int(min(n for _, _, _, n in found))
    value, worst = float(areas.mean()), found[int(areas.argmin())]
    stat = measured(
        value,
        lambda z: intervals.area_within(value, error * error, fewest, z),
        n_reference=_labels(reference),
        n_current=_rows(told),
        where=f"lowest: {worst[0]} with {worst[1]:.4g}",
    )
    by = "" if told.weighted is None else _WEIGHED
    return enough(stat, fewest, FEWEST_PER_CLASS, f"labels of the rarest class{by}")


@check(MulticlassOutcome, slack=(0.0, 0.05), unit="ratio", cause="schema", needs="scores")
def class_score_range(reference: MulticlassOutcome, current: MulticlassOutcome) -> Stat:
    """Share of rows whose class scores are no probabilities: outside [0, 1], or not adding up to 1.

    They may add up to 0.98 to 1.02, for the sake of rounding; a row that lacks some of its scores
    counts as well, one that has none does not. The interval is Wilson's (1927).

    >>> from dataclasses import replace
    >>> from checks.plan import MulticlassPlan
    >>> scores = np.array([[0.5, 0.5], [0.5, 0.4], [50.0, 50.0], [0.0, 1.0]])
    >>> kept = ClassScores.of(("a", "b"), scores, np.zeros(4, np.int64))
    >>> plan, rows = MulticlassPlan(("a", "b")), np.zeros(4, np.int64)
    >>> outcome = replace(MulticlassOutcome.of(plan, rows, rows), scores=kept)
    >>> class_score_range.compute(outcome, outcome).value
    0.5
    """
    told = current.scores
    if told is None:
        raise NotEnoughData(_NONE, among=current.rows)
    n = current.rows - told.unscored
    if n <= 0:
        raise NotEnoughData("no scores" if current.rows else "no rows", among=current.rows)
    where = counted(told.invalid, n, "rows with scores")
    return proven(told.invalid, n, n_reference=reference.rows, where=where)


_ROWS, _WEIGHED = "labelled rows with scores", " by their weights"
_NONE = "no scores of classes: columns.scores names the column of each class"


def _scores(outcome: MulticlassOutcome, need: int) -> ClassScores:
    """What is kept of scores, of which some meet a truth."""
    told = outcome.scores
    if told is None:
        raise NotEnoughData(_NONE, 0, need, among=outcome.rows)
    if not told.rows:
        require_labels(outcome, need)
        note = _left_out(told) or "no scores"
        raise NotEnoughData(f"no label with usable scores: {note}", 0, need, among=outcome.rows)
    return told


def _areas(told: ClassScores) -> Iterator[tuple[str, float, float, float]]:
    """Of each class that can be measured its area and variance, and rows on the rarer side."""
    for place, name in enumerate(told.classes):
        if told.weighted is not None:
            table = told.weighted_class(place)
            fewest = float(worth(*table.sum(axis=0).T).min())
            if fewest:
                yield name, *intervals.weighted_area(table), fewest
            continue
        positives, negatives = told.of_class(place)
        fewest = float(min(positives.sum(), negatives.sum()))
        if fewest:
            yield name, *intervals.delong(positives, negatives), fewest


def _left_out(told: ClassScores) -> str:
    parts = [f"{told.invalid:,} with scores that are no probabilities"] if told.invalid else []
    parts += [f"{told.strange:,} whose truth has no score"] if told.strange else []
    light = 0 if told.weighted is None else told.rows - told.weighted.rows
    parts += [f"{light:,} without a usable weight"] if light else []
    return "left out: " + ", ".join(parts) if parts else ""


def _loss(
    place: int, total: float, squares: float, reference: MulticlassOutcome, told: ClassScores
) -> Stat:
    """The mean of a loss, which has this place among the weighted ones."""
    n, what = float(told.rows), _ROWS
    if told.weighted is not None:
        what = f"{what}{_WEIGHED}"
        n, total, squares = _mean(told, told.weighted.table[place], FEWEST_LOSSES)
    stat = mean_of(total, squares, n, n_reference=_labels(reference), where=_left_out(told))
    return enough(stat, int(n), FEWEST_LOSSES, what)


def _mean(told: ClassScores, row: Floats, need: int) -> Mean:
    """The mean of one row of sums by powers of weight and value."""
    mean = weighted_mean(row, told.rows)
    if mean is None:
        reason = f"no {_ROWS} of any weight among {told.rows}"
        raise NotEnoughData(reason, 0, need, among=told.rows)
    return mean


def _rows(told: ClassScores) -> int:
    """How many rows with scores and a truth there are, or are worth."""
    if told.weighted is None:
        return told.rows
    return int(worth(*told.weighted.ranks.sum(axis=1)))


def _labels(reference: MulticlassOutcome) -> int:
    return 0 if reference.scores is None else reference.scores.rows
