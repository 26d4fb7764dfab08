"""Estimated performance of a binary classifier, from its scores alone, before labels come.

Confidence-based performance estimation (CBPE; Białek and others, 2023): what scores meant in the
reference, by isotonic calibration, gives the chance that each row of the window is positive, and so
the confusion matrix to expect.

It is blind to concept drift: where a score no longer means what it meant in the reference, the
estimate stays and the model is wrong. So these checks have no limits of their own and are shown,
not judged, unless the configuration sets limits.

The interval says how far the metric of the window may come out from its estimate by chance: that of
the window's labels, and that of the reference labels that the calibration was learnt from. It says
nothing of what a score may come to mean, so realised metrics lie outside it more often than one
time in twenty. Scores below or above all of the reference's are taken for its outermost cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from checks.check import NotEnoughData, Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured
from checks.isotonic import Calibration, middles, shares_at
from checks.labelled import FEWEST_PER_CLASS, FEWEST_ROWS, enough
from checks.outcome import BinaryOutcome
from checks.resampling import DRAWS, generator, neighbours, percentiles

BLIND = "estimate: blind to concept drift"

_Measure = Callable[[NDArray[np.number], NDArray[np.number]], Floats]
"""A metric of positives and of negatives by score cell and predicted class, for each table."""


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_accuracy(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Accuracy to expect of the window's scores, without its labels; blind to concept drift.

    From 50 predictions with scores on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else.

    Formula: the mean chance that the predicted class is right, by calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 70, 30])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> score, unknown = np.repeat([0.1, 0.9], [30, 90]), np.full(120, 2)
    >>> now = BinaryOutcome.of(BinaryPlan("1", "0"), unknown, unknown, score)
    >>> round(estimated_accuracy.compute(then, now).value, 9)
    0.725
    """
    expected = _Expected.of(reference, current)
    return enough(expected.stat(_accuracy), expected.rows, FEWEST_ROWS, _SCORED)


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_precision(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Precision to expect of the window's scores, without its labels; blind to concept drift.

    From 50 predicted positives with scores on. The interval covers the chance in the labels to come
    and in those of the reference; not that scores come to mean something else.

    Formula: the mean chance to be positive, by calibrated scores, of the predicted positives.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 70, 30])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_precision.compute(then, then).value, 9)
    0.7
    """
    expected = _Expected.of(reference, current)
    told = int(expected.counts[:, 1].sum())
    if not told:
        reason = f"no predicted positives among {expected.rows} {_SCORED}"
        raise NotEnoughData(reason, 0, FEWEST_ROWS, among=expected.rows)
    return enough(expected.stat(_precision), told, FEWEST_ROWS, "predicted positives")


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_recall(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Recall to expect of the window's scores, without its labels; blind to concept drift.

    From 50 positives to expect on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else.

    Formula: the positives to expect among the predicted ones over all positives to expect, by
    calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 60, 40])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_recall.compute(then, then).value, 9)
    0.75
    """
    expected = _Expected.of(reference, current)
    return enough(expected.stat(_recall), expected.positives, FEWEST_ROWS, _AWAITED)


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_f1(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """F1 to expect of the window's scores, without its labels; blind to concept drift.

    From 50 positives to expect on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else.

    Formula: 2 tp / (2 tp + fp + fn) of the confusion matrix to expect by calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [30, 70, 60, 40])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_f1.compute(then, then).value, 6)
    0.631579
    """
    expected = _Expected.of(reference, current)
    return enough(expected.stat(_f1), expected.positives, FEWEST_ROWS, _AWAITED)


@check(
    BinaryOutcome,
    direction="below",
    unit="ratio",
    cause="performance",
    default=False,
    needs="score",
)
def estimated_roc_auc(reference: BinaryOutcome, current: BinaryOutcome) -> Stat:
    """Area under the ROC curve to expect of the window's scores; blind to concept drift.

    From 30 to expect of each class on. The interval covers the chance in the labels to come and in
    those of the reference; not that scores come to mean something else.

    Formula: that of ``roc_auc``, where each row counts as positive and as negative by its chances,
    by calibrated scores.
    Source: Białek and others 2023 (CBPE).

    >>> from checks.plan import BinaryPlan
    >>> score, truth = np.repeat([0.1, 0.9], 100), np.repeat([1, 0, 1, 0], [20, 80, 60, 40])
    >>> then = BinaryOutcome.of(BinaryPlan("1", "0"), np.full(200, 2), truth, score)
    >>> round(estimated_roc_auc.compute(then, then).value, 9)  # (0.75 + 80/120)/2
    0.708333333
    """
    expected = _Expected.of(reference, current)
    negatives = expected.rows - expected.positives
    stat = expected.stat(_area)
    rarer = _AWAITED if expected.positives < negatives else "negatives to expect"
    return enough(stat, min(expected.positives, negatives), FEWEST_PER_CLASS, rarer)


_STRANGE = 0.01  # of a smaller share of rows nothing is said
_SCORED = "predictions with scores"
_AWAITED = "positives to expect"


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
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
    def of(cls, reference: BinaryOutcome, current: BinaryOutcome) -> _Expected:
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

    def stat(self, measure: _Measure) -> Stat:
        """The metric to expect, and how far chance may take it."""
        value = float(measure(*_split(self.counts, self.chances)))
        if not np.isfinite(value):
            reason = "not computed: the scores leave one class to expect"
            raise NotEnoughData(reason, 0, FEWEST_PER_CLASS, among=self.rows)
        drawn = value + self._deviations(measure)

        def interval(z: float) -> Interval:
            low, high = percentiles(value, drawn, z)
            return Interval(max(low, 0.0), min(high, 1.0))

        return measured(
            value, interval, n_reference=self.learnt_from, n_current=self.rows, where=self.where
        )

    def _deviations(self, measure: _Measure) -> Floats:
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


def _require_calibrated(reference: BinaryOutcome) -> None:
    p, q = (int(each.sum()) for each in reference.by_class())
    if min(p, q) < FEWEST_PER_CLASS:
        reason = (
            f"the reference has {p} positive and {q} negative labels with scores, "
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
