"""What scores lead one to expect of a classifier: cells of scores, and the chances they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import floor

import numpy as np
from numpy.typing import NDArray

from checks.check import NotEnoughData, Stat
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured
from checks.isotonic import Calibration, middles, shares_at
from checks.labelled import FEWEST_PER_CLASS, FEWEST_ROWS, Classified
from checks.outcome import UNKNOWN, BinaryOutcome
from checks.plan import BinaryPlan
from checks.profile import frozen
from checks.resampling import DRAWS, generator, neighbours, percentiles

BLIND = "estimate: blind to concept drift"

Measure = Callable[[NDArray[np.number], NDArray[np.number]], Floats]
"""A metric of positives and of negatives by score cell and predicted class, for each table."""

_STRANGE = 0.01  # of a smaller share of rows nothing is said
SCORED = "predictions with scores"
AWAITED = "positives to expect"
_RIGHT = BinaryPlan("right", "wrong")


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A window without labels: rows by score cell and predicted class, and what cells stand for.

    ``places`` are those of the cells among the blocks of the calibration, ``beyond`` the share of
    rows with lower or higher scores than it was ``learnt_from``.
    """

    calibration: Calibration
    counts: Counts
    places: Floats
    learnt_from: int
    beyond: float

    @classmethod
    def of(cls, reference: BinaryOutcome, current: BinaryOutcome) -> Expected:
        _require_calibrated(reference)
        _require_predictions(current)
        calibration = Calibration.of(reference)
        scores, counts = middles(current.cells), current.table.sum(axis=2)
        beyond = (scores < calibration.first[0]) | (scores > calibration.last[-1])
        strange = float(counts[beyond].sum() / counts.sum())
        return cls(calibration, counts, calibration.places(scores), reference.scored, strange)

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def chances(self) -> Floats:
        """The chance of each cell's rows to be positive."""
        return shares_at(self.places, self.calibration.shares)

    @property
    def positives(self) -> int:
        """Positives to expect, not rounded up."""
        return floor(float(self.counts.sum(axis=1) @ self.chances) + 1e-9)

    @property
    def where(self) -> str:
        if self.beyond < _STRANGE:
            return BLIND
        return f"{BLIND}; {self.beyond:.0%} of rows score beyond those of the reference"

    def stat(self, measure: Measure) -> Stat:
        """The metric to expect, and how far chance may take it."""
        value = float(measure(*_split(self.counts, self.chances)))
        if not np.isfinite(value):
            reason = "not computed: the scores leave one class to expect"
            raise NotEnoughData(reason, 0, FEWEST_PER_CLASS, among=self.rows)
        drawn = value + self.deviations(measure)

        def interval(z: float) -> Interval:
            low, high = percentiles(value, drawn, z)
            return Interval(max(low, 0.0), min(high, 1.0))

        return measured(
            value, interval, n_reference=self.learnt_from, n_current=self.rows, where=self.where
        )

    def deviations(self, measure: Measure) -> Floats:
        """How far the metric comes out from its estimate, with labels drawn by drawn shares.

        The share of a block is drawn from what its labels leave possible (a beta distribution,
        Jeffreys' prior), the labels of rows by the share of their cell.
        """
        rng, hits, rows = generator(), self.calibration.hits, self.calibration.rows
        starts = neighbours(self.counts)
        counts = np.add.reduceat(self.counts, starts, axis=0)
        weights = self.counts.sum(axis=1)
        places = np.add.reduceat(self.places * weights, starts) / counts.sum(axis=1)
        shares = rng.beta(hits + 0.5, rows - hits + 0.5, (DRAWS, len(rows)))
        positives = rng.binomial(counts, shares_at(places, shares)[..., None])
        usual = _split(counts, shares_at(places, self.calibration.shares))
        return measure(positives, counts - positives) - measure(*usual)


def _split(counts: Counts, chances: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives to expect, by cell and predicted class."""
    positives = counts * chances[:, None]
    return positives, counts - positives


def _matrix(positives: NDArray[np.number], negatives: NDArray[np.number]) -> tuple[Floats, ...]:
    """True positives, false positives, false negatives and true negatives, of each table."""
    (fn, tp), (tn, fp) = (np.moveaxis(each.sum(-2), -1, 0) for each in (positives, negatives))
    return tp, fp, fn, tn


def _ratio(part: Floats, whole: Floats) -> Floats:
    """A share; NaN of nothing."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.divide(part, whole))


def _accuracy(positives: NDArray[np.number], negatives: NDArray[np.number]) -> Floats:
    tp, fp, fn, tn = _matrix(positives, negatives)
    return _ratio(tp + tn, tp + fp + fn + tn)


def _precision(positives: NDArray[np.number], negatives: NDArray[np.number]) -> Floats:
    tp, fp, _, _ = _matrix(positives, negatives)
    return _ratio(tp, tp + fp)


def _recall(positives: NDArray[np.number], negatives: NDArray[np.number]) -> Floats:
    tp, _, fn, _ = _matrix(positives, negatives)
    return _ratio(tp, tp + fn)


def _f1(positives: NDArray[np.number], negatives: NDArray[np.number]) -> Floats:
    tp, fp, fn, _ = _matrix(positives, negatives)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _area(positives: NDArray[np.number], negatives: NDArray[np.number]) -> Floats:
    p, q = positives.sum(-1), negatives.sum(-1)
    below = np.cumsum(q, axis=-1) - q / 2
    return _ratio((p * below).sum(-1), p.sum(-1) * q.sum(-1))


MEASURES: Mapping[str, Measure] = {
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "roc_auc": _area,
}


def rightness(outcome: Classified) -> BinaryOutcome:
    """An outcome of two classes; of several, those of right and wrong, with right always told."""
    if isinstance(outcome, BinaryOutcome):
        return outcome
    table = np.zeros((len(outcome.cells), 2, 3), np.int64)
    table[:, 1] = outcome.table
    return BinaryOutcome(
        _RIGHT,
        outcome.cells,
        frozen(table),
        frozen(table.sum(axis=0)),
        outcome.calibration,
        scored=outcome.scored,
        invalid=outcome.invalid,
        unscored=outcome.unscored,
        unpredicted=outcome.unpredicted,
    )


def labelled(outcome: BinaryOutcome) -> BinaryOutcome:
    """The labelled rows with scores of an outcome, without all others."""
    table = np.where(np.arange(3) == UNKNOWN, 0, outcome.table)
    kept = np.flatnonzero(table.sum(axis=(1, 2)))
    if not len(kept) and outcome.rows:
        reason = "no labels yet" if len(outcome.cells) else "no scores"
        raise NotEnoughData(reason, 0, FEWEST_ROWS, among=outcome.rows)
    return replace(outcome, cells=outcome.cells[kept], table=table[kept])


def _require_calibrated(reference: BinaryOutcome) -> None:
    p, q = (int(each.sum()) for each in reference.by_class())
    if min(p, q) < FEWEST_PER_CLASS:
        several = reference.plan is _RIGHT
        yes, no = ("right", "wrong") if several else ("positive", "negative")
        kind = "predictions" if several else "labels"
        reason = (
            f"the reference has {p} {yes} and {q} {no} {kind} with scores, "
            f"{FEWEST_PER_CLASS} of each needed"
        )
        raise NotEnoughData(reason, min(p, q), FEWEST_PER_CLASS, among=reference.rows)


def _require_predictions(current: BinaryOutcome) -> None:
    if len(current.cells):
        return
    if not current.rows:
        reason = "no rows"
    elif current.unpredicted == current.rows:
        reason = "no predictions"
    else:
        reason = "no scores between 0 and 1" if current.invalid else "no scores"
    raise NotEnoughData(reason, 0, FEWEST_ROWS, among=current.rows)
