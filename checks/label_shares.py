"""Shares of labels: precision, recall and F1 of each, their means, and how sure these are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from checks import intervals
from checks.check import NotEnoughData, Stat
from checks.grid import Floats
from checks.intervals import Interval, measured
from checks.outcome_labels import MultilabelOutcome

FEWEST_ROWS = 50
"""Rows from which an interval over them holds what it promises."""

_EDGE = 1e-4


class LabelCounts(NamedTuple):
    """Hits, predictions and truths of each label, as floats."""

    hits: Floats
    told: Floats
    true: Floats

    @classmethod
    def of(cls, outcome: MultilabelOutcome) -> LabelCounts:
        return cls(*(each.astype(float) for each in (outcome.hits, outcome.told, outcome.true)))


class Share(NamedTuple):
    """A share of each label, numerator over denominator, with the slopes of both.

    ``over`` and ``under`` say how hits, predictions and truths add up to them.
    """

    over: tuple[float, float, float]
    under: tuple[float, float, float]


F1 = Share((2.0, 0.0, 0.0), (0.0, 1.0, 1.0))
PRECISION = Share((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
RECALL = Share((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))

_Weights = Callable[[LabelCounts], Floats]


def evenly(counts: LabelCounts) -> Floats:
    """Each label counts the same."""
    return np.ones_like(counts.true)


def by_truth(counts: LabelCounts) -> Floats:
    """Each label counts as often as it is true."""
    return counts.true


def _of_each(share: Share, counts: LabelCounts) -> tuple[Floats, Floats]:
    """The share of each label, NaN where it is not defined, and its denominator."""
    over, under = (np.array(part) @ np.array(counts) for part in share)
    with np.errstate(invalid="ignore"):
        each = over / np.where(under > 0.0, under, np.nan)
    if share is PRECISION:
        each[(counts.told == 0.0) & (counts.true > 0.0)] = 0.0
    return each, under


def average(
    share: Share, weights: _Weights, reference: MultilabelOutcome, current: MultilabelOutcome
) -> Stat:
    """The mean of a share over the labels."""
    n, counts = labelled(current), LabelCounts.of(current)
    each, under = _of_each(share, counts)
    weight = np.where(np.isfinite(each), weights(counts), 0.0)
    whole = float(weight.sum())
    if not whole:
        raise NotEnoughData("no labels of the plan in these rows", 0, 1, among=n)
    shown = np.where(np.isfinite(each), each, 0.0)
    value = float(weight @ shown) / whole
    safe = np.where(under > 0.0, under, 1.0)
    slopes = [
        weight * (over - shown * below) * (under > 0.0) / safe / whole
        for over, below in zip(*share, strict=True)
    ]
    if weights is by_truth:
        slopes[2] = slopes[2] + np.where(weight > 0.0, shown - value, 0.0) / whole
    even = weights is evenly
    least = _of_singles(shown, under / share.over[0], weight / whole) if even else 0.0
    return _measured(value, np.concatenate(slopes), share, reference, current, least)


def _of_singles(each: Floats, trials: Floats, weight: Floats) -> float:
    """The standard error of a mean of shares, each with one hit and one miss more.

    A few rows of a label that are all alike do not prove that all are.
    """
    likely = (each * trials + 1.0) / (trials + 2.0)
    return float(np.sqrt(weight**2 @ (likely * (1.0 - likely) / np.maximum(trials, 1.0))))


def pooled(share: Share, reference: MultilabelOutcome, current: MultilabelOutcome) -> Stat:
    """A share of all labels taken together."""
    n, counts = labelled(current), LabelCounts.of(current)
    over, under = (float((np.array(part) @ np.array(counts)).sum()) for part in share)
    if not under:
        raise NotEnoughData("no labels of the plan in these rows", 0, 1, among=n)
    value = over / under
    parts = [(a - value * b) / under for a, b in zip(*share, strict=True)]
    slopes = np.repeat(parts, len(current.plan.labels))
    return _measured(value, slopes, share, reference, current)


def _measured(
    value: float,
    slopes: Floats,
    share: Share,
    reference: MultilabelOutcome,
    current: MultilabelOutcome,
    least: float = 0.0,
) -> Stat:
    n, error = current.labelled, max(error_of(current, slopes), least)
    trials = float((np.array(share.under) @ np.array(LabelCounts.of(current))).max())

    def interval(z: float) -> Interval:
        return on_logit(value, error, z, max(min(trials, n), 1.0))

    stat = measured(
        value,
        interval,
        n_reference=reference.labelled,
        n_current=n,
        where=worst(current, share),
    )
    return enough(stat, n)


def error_of(outcome: MultilabelOutcome, slopes: Floats) -> float:
    """The standard error of a function of the sums of rows, by its slopes at these sums."""
    n = outcome.labelled
    sums = np.concatenate(LabelCounts.of(outcome))
    spread = float(slopes @ outcome.crossed @ slopes) - float(slopes @ sums) ** 2 / n
    return float(np.sqrt(max(spread, 0.0) * n / max(n - 1, 1)))


def on_logit(value: float, error: float, z: float, trials: float) -> Interval:
    """An interval of a share on the logit scale.

    Where all rows are alike they tell nothing of the others: so many trials do.
    """
    if not 0.0 < value < 1.0 or error < 1e-12:
        low, high = intervals.wilson(value * trials, trials, z)
        return Interval(min(low, value), max(high, value))
    centre = float(np.clip(value, _EDGE, 1.0 - _EDGE))
    half = z * error / (centre * (1.0 - centre))
    low, high = expit(logit(centre) - half), expit(logit(centre) + half)
    return Interval(min(float(low), value), max(float(high), value))


def worst(outcome: MultilabelOutcome, share: Share) -> str:
    """The label with the lowest share."""
    each, _ = _of_each(share, LabelCounts.of(outcome))
    if not np.isfinite(each).any():
        return ""
    place = int(np.nanargmin(each))
    return f"lowest: {outcome.plan.labels[place][:100]} with {each[place]:.4g}"


def labelled(outcome: MultilabelOutcome) -> int:
    """Rows with a prediction and a truth, of which there are some."""
    if outcome.labelled:
        return outcome.labelled
    if not outcome.rows:
        reason = "no rows"
    elif outcome.unpredicted == outcome.rows:
        reason = "no predictions"
    else:
        reason = "no labels yet"
    raise NotEnoughData(reason, 0, FEWEST_ROWS, among=outcome.rows)


def enough(stat: Stat, n: int) -> Stat:
    """The number, unless it is to be shown only."""
    if n < FEWEST_ROWS:
        raise NotEnoughData(f"{n} labels, {FEWEST_ROWS} needed", n, FEWEST_ROWS, stat=stat)
    return stat
