"""Calibration: whether scores of a classifier mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from checks.check import Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured
from checks.labelled import FEWEST_PER_CLASS, Classified, enough, require_scores
from checks.outcome import BinaryOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.resampling import DRAWS, generator, reflected, resamples

FEWEST_SCORES = 10 * FEWEST_PER_CLASS
"""Labelled scores from which ten bins hold enough to be compared with their labels."""


@check(
    BinaryOutcome,
    MulticlassOutcome,
    direction="above",
    slack=(0.02, 0.1),
    unit="ratio",
    cause="performance",
    default=False,
)
def ece(reference: Classified, current: Classified) -> Stat:
    """Expected calibration error: how far scores are from the share of positives that they promise.

    Chance makes it larger, by some 0.03 for a thousand rows: that is taken out of the corrected
    value. The interval is the middle of 200 resamples of the bins' labels, mirrored, and begins at
    0 where scores that mean what they say would give as much; from 300 labelled scores on.
    Of several classes the score is that of the predicted one, and what it promises is the share of
    right predictions.

    Formula: Σ n_b/n |mean score - share of positives| over ten equal bins of the score.
    Source: Naeini, Cooper and Hauskrecht 2015; Guo, Pleiss, Sun and Weinberger 2017.

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> truth = np.repeat([0, 1, 1, 1], 100)
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), truth, truth, np.full(400, 0.5))
    >>> ece.compute(outcome, outcome).value
    0.25
    """
    require_scores(current, FEWEST_SCORES)
    rows, scores, positives = current.calibration
    labels = np.stack((positives, rows - positives), axis=1).astype(np.int64)
    promised = scores / np.maximum(rows, 1)
    value, drawn = float(_error(labels, promised)), _error(resamples(labels), promised)
    calibrated = _error(_kept(labels.sum(axis=1), promised), promised)

    def interval(z: float) -> Interval:
        low, high = reflected(value, drawn, z)
        by_chance = value <= np.quantile(calibrated, ndtr(z))
        return Interval(0.0 if by_chance else max(low, 0.0), min(high, 1.0))

    stat = measured(
        value,
        interval,
        corrected=max(2 * value - float(drawn.mean()), 0.0),
        n_reference=reference.scored,
        n_current=current.scored,
    )
    return enough(stat, current.scored, FEWEST_SCORES, "labelled scores")


def _error(labels: NDArray[np.number], promised: Floats) -> Floats:
    """Of each table of bins by class (positives first) in a stack."""
    rows = labels.sum(-1)
    gaps = np.abs(labels[..., 0] - rows * promised)
    return np.asarray(gaps.sum(-1) / rows.sum(-1))


def _kept(rows: Counts, promised: Floats) -> Counts:
    """Labels of scores that mean what they say: 200 tables of bins by class."""
    positives = generator().binomial(rows, np.clip(promised, 0.0, 1.0), (DRAWS, len(rows)))
    return np.stack((positives, rows - positives), axis=-1)
