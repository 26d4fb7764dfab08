"""Calibration: whether scores of a classifier mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from checks.check import Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured
from checks.labelled import (
    FEWEST_PER_CLASS,
    Classified,
    enough,
    left_out,
    none_of,
    require_scores,
)
from checks.outcome import BinaryOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_weights import ratio, share_row, weighted_mean, worth
from checks.resampling import DRAWS, generator, of_weights, reflected

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
    weighted=True,
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
    told = _Bins.of(current)
    labels, promised = told.sums, told.promised
    value, drawn = float(_error(labels, promised)), _error(told.draws(), promised)
    calibrated = _error(_kept(told, promised), promised)

    def interval(z: float) -> Interval:
        low, high = reflected(value, drawn, z)
        by_chance = value <= np.quantile(calibrated, ndtr(z))
        return Interval(0.0 if by_chance else max(low, 0.0), min(high, 1.0))

    stat = measured(
        value,
        interval,
        corrected=max(2 * value - float(drawn.mean()), 0.0),
        n_reference=reference.scored,
        n_current=told.n,
        where="" if current.weighted is None else left_out(current.weighted),
    )
    by = "" if current.weighted is None else " by their weights"
    return enough(stat, told.n, FEWEST_SCORES, f"labelled scores{by}")


@dataclass(frozen=True, slots=True, eq=False)
class _Bins:
    """Bins of scores by class (what came, then what did not), and the score that is promised.

    ``rows`` counts their rows, ``sums`` adds up the weights of these and ``squares`` the squares.
    """

    promised: Floats
    rows: Counts
    sums: Floats
    squares: Floats

    @classmethod
    def of(cls, outcome: Classified) -> _Bins:
        rows, scores, positives = outcome.calibration
        counts, weighted = np.stack((positives, rows - positives), axis=1), outcome.weighted
        if weighted is None:
            return cls(ratio(scores, rows), rows, counts, counts)
        promised, *of_class = weighted.calibration
        sums, squares = (np.stack(each[::-1], axis=1) for each in (of_class[:2], of_class[2:]))
        if not squares.any():
            raise none_of("scores of any weight", outcome, FEWEST_SCORES)
        return cls(ratio(promised, sums.sum(axis=1)), rows, sums, squares)

    @property
    def n(self) -> int:
        """How many rows they are worth."""
        return int(worth(self.sums.sum(), self.squares.sum()))

    @property
    def trials(self) -> Counts:
        """Of how many equal rows the share of what came is as uncertain, bin by bin."""
        if self.sums is self.squares:
            return self.rows.astype(np.int64)
        sides = zip(self.sums, self.squares, self.rows.tolist(), strict=True)
        found = [weighted_mean(_share(*both), rows) for *both, rows in sides]
        return np.array([0 if each is None else round(each.n) for each in found])

    def draws(self) -> Floats:
        return of_weights(self.sums, self.squares)


def _share(sums: Floats, squares: Floats) -> Floats:
    return share_row((float(sums[0]), float(squares[0])), (float(sums.sum()), float(squares.sum())))


def _error(labels: NDArray[np.number], promised: Floats) -> Floats:
    """Of each table of bins by class (positives first) in a stack."""
    rows = labels.sum(-1)
    gaps = np.abs(labels[..., 0] - rows * promised)
    return np.asarray(gaps.sum(-1) / rows.sum(-1))


def _kept(told: _Bins, promised: Floats) -> Floats:
    """Labels of scores that mean what they say: 200 tables of bins by class."""
    trials, weights = told.trials, told.sums.sum(axis=1)
    positives = generator().binomial(trials, np.clip(promised, 0.0, 1.0), (DRAWS, len(trials)))
    labels = np.stack((positives, trials - positives), axis=-1)
    return labels * ratio(weights, trials)[:, None]
