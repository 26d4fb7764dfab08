"""What the metrics of a classifier share: the labels and scores that each of them needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from checks.check import NotEnoughData, Stat
from checks.intervals import share_of
from checks.outcome import BinaryOutcome
from checks.outcome_class_weights import WeightedAssignments
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_weights import (
    Decisions,
    Mean,
    WeightedClasses,
    WeightedErrors,
    share_row,
    weighted_mean,
)

FEWEST_ROWS = 50
"""Rows from which the interval of a share holds what it promises."""

FEWEST_PER_CLASS = 30
"""Labels of each class from which the interval of a measure of ranking does."""

FEWEST_LOSSES = 30
"""Labelled scores from which the mean of a loss is close to normal."""

Classified = BinaryOutcome | MulticlassOutcome

_C = TypeVar("_C", bound=Classified)


def share(
    counts: Callable[[_C | Decisions], tuple[float, float]], reference: _C, current: _C, what: str
) -> Stat:
    """A share of labelled rows with Wilson's interval, from 50 rows (``what`` they are) on.

    ``counts`` tells the hits, and the rows among which they were looked for. Where rows have
    weights, it is asked for sums of these, and it takes as many rows as they are worth.
    """
    require_labels(current, FEWEST_ROWS)
    if current.weighted is not None:
        mean = weighted_share(current.weighted, counts, what, current)
        note = left_out(current.weighted)
        stat = share_of(mean.total, mean.n, n_reference=int(counts(reference)[1]), where=note)
        return enough(stat, int(mean.n), FEWEST_ROWS, f"{what} by their weights")
    hits, n = counts(current)
    if not n:
        raise none_of(what, current, FEWEST_ROWS)
    stat = share_of(hits, n, n_reference=int(counts(reference)[1]))
    return enough(stat, int(n), FEWEST_ROWS, what)


def weighted_share(
    weighted: WeightedClasses | WeightedAssignments,
    counts: Callable[[Decisions], tuple[float, float]],
    what: str,
    outcome: Classified,
) -> Mean:
    """A share of weighted rows, as a mean of hits (1) and misses (0)."""
    sides = zip(*(counts(weighted.decisions(power)) for power in (1, 2)), strict=True)
    mean = weighted_mean(share_row(*sides), counts(_rows_of(outcome))[1])
    if mean is None:
        raise none_of(f"{what} of any weight", outcome, FEWEST_ROWS)
    return mean


def _rows_of(outcome: Classified) -> Decisions:
    if isinstance(outcome, BinaryOutcome):
        return Decisions(*map(float, outcome.matrix))
    return Decisions(outcome.right, outcome.labelled - outcome.right, 0.0, 0.0)


def left_out(weighted: WeightedClasses | WeightedAssignments | WeightedErrors) -> str:
    """How many rows have no weight that is one; nothing where all have one."""
    if not weighted.unusable:
        return ""
    n = weighted.rows + weighted.unusable
    return f"{weighted.unusable:,} of {n:,} labels left out: no usable weight"


def enough(stat: Stat, have: int, need: int, what: str) -> Stat:
    """The number, unless it is to be shown only."""
    if have < need:
        raise NotEnoughData(f"{have} {what}, {need} needed", have, need, stat=stat)
    return stat


def none_of(what: str, outcome: Classified, need: int) -> NotEnoughData:
    """That the labels have none of what a metric divides by."""
    labelled = outcome.labelled
    return NotEnoughData(f"no {what} among {labelled} labels", 0, need, among=labelled)


def one_class(outcome: BinaryOutcome, positives: int, negatives: int) -> NotEnoughData:
    """That the labels are all of one class."""
    only = outcome.plan.positive if positives else outcome.plan.negative
    return one_of(only, positives + negatives, "labels")


def one_of(only: str, n: int, what: str) -> NotEnoughData:
    """That all of so many labels or predictions are of one class."""
    reason = f"not computed: one class among {n} {what} ({only})"
    return NotEnoughData(reason, 0, FEWEST_PER_CLASS, among=n)


def enough_of_each(stat: Stat, positives: int, negatives: int) -> Stat:
    """The number, unless it is to be shown only for want of labels of the rarer class."""
    rarer = "positive labels" if positives < negatives else "negative labels"
    return enough(stat, min(positives, negatives), FEWEST_PER_CLASS, rarer)


def require_labels(outcome: Classified, need: int) -> None:
    """Say why there is no label with a prediction."""
    if outcome.labelled:
        return
    if not outcome.rows:
        reason = "no rows"
    elif outcome.unpredicted == outcome.rows:
        reason = "no predictions"
    elif outcome.strange:
        classes = " and ".join(outcome.plan.classes)
        reason = f"none of {outcome.strange} labels is one of the classes {classes}"
    else:
        reason = "no labels yet"
    raise NotEnoughData(reason, 0, need, among=outcome.rows)


def require_scores(outcome: Classified, need: int) -> None:
    """Say why there is no label with a score."""
    require_labels(outcome, need)
    if not outcome.scored:
        reason = "no scores between 0 and 1" if outcome.invalid else "no scores"
        raise NotEnoughData(reason, 0, need, among=outcome.labelled)
