"""Outcome profiles: what is kept of predictions and the truth that came for them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.plan import BinaryPlan, RegressionPlan
from checks.profile import PlanMismatch, frozen

NEGATIVE, POSITIVE, UNKNOWN = 0, 1, 2
CALIBRATION_BINS = 10
_CLIP = float(np.finfo(np.float64).eps)  # a sure and wrong score costs 36, not infinity


@dataclass(frozen=True, slots=True, eq=False)
class BinaryOutcome:
    """What is kept of a binary classifier.

    ``confusion[p, y]`` counts rows of predicted class p (0, 1) and truth y (0, 1, 2 = not known).
    ``table[b, p, y]`` splits the rows with a valid score by the cell ``cells[b]`` of the mirrored
    score grid. Losses are sums over labelled rows with a valid score; ``calibration`` holds, for
    ten equal score bins, rows, sum of scores and positives. ``invalid`` counts scores outside
    [0, 1] or not finite, ``unscored`` missing ones, ``unpredicted`` rows with neither class nor
    score, ``strange`` labels outside the two known classes (they count as not known).
    """

    plan: BinaryPlan
    cells: Cells
    table: Counts
    confusion: Counts
    calibration: Floats
    scored: int = 0
    log_loss: float = 0.0
    log_loss_squared: float = 0.0
    brier: float = 0.0
    brier_squared: float = 0.0
    invalid: int = 0
    unscored: int = 0
    unpredicted: int = 0
    strange: int = 0

    @classmethod
    def of(
        cls,
        plan: BinaryPlan,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        score: Floats | None = None,
        *,
        strange: int = 0,
    ) -> BinaryOutcome:
        """The profile of rows.

        ``predicted`` is 0 or 1, or 2 where there is no predicted class (the score then decides);
        ``label`` is 0, 1 or 2 (not known); ``score`` the probability of the positive class, NaN
        where missing.
        """
        if score is None:
            score = np.full(len(predicted), np.nan)
            unscored = 0
        else:
            unscored = int(np.isnan(score).sum())
        valid = (score >= 0.0) & (score <= 1.0)
        invalid = len(score) - int(np.isnan(score).sum()) - int(valid.sum())
        predicted = np.where(
            (predicted == UNKNOWN) & valid, (score >= plan.threshold).astype(np.int64), predicted
        ).astype(np.int64)
        usable = predicted != UNKNOWN
        confusion = np.bincount(predicted[usable] * 3 + label[usable], minlength=6).reshape(2, 3)
        rows = usable & valid
        cells, table = _score_table(score[rows], predicted[rows], label[rows])
        known = rows & (label != UNKNOWN)
        losses = _losses(score[known], label[known])
        return cls(
            plan,
            frozen(cells),
            frozen(table),
            frozen(confusion.astype(np.int64)),
            frozen(_calibration(score[known], label[known])),
            scored=int(known.sum()),
            log_loss=float(losses[0].sum()),
            log_loss_squared=float(np.square(losses[0]).sum()),
            brier=float(losses[1].sum()),
            brier_squared=float(np.square(losses[1]).sum()),
            invalid=invalid,
            unscored=unscored,
            unpredicted=int(len(usable) - usable.sum()),
            strange=strange,
        )

    @property
    def rows(self) -> int:
        return int(self.confusion.sum()) + self.unpredicted

    @property
    def labelled(self) -> int:
        """Rows with a predicted class whose truth is known."""
        return int(self.confusion[:, :UNKNOWN].sum())

    @property
    def matrix(self) -> tuple[int, int, int, int]:
        """True positives, false positives, false negatives, true negatives."""
        (tn, fn), (fp, tp) = self.confusion[:, :UNKNOWN].tolist()
        return tp, fp, fn, tn

    def by_class(self) -> tuple[Counts, Counts]:
        """Positives and negatives per occupied score cell, in ascending order of the score."""
        by_label = self.table.sum(axis=1)
        return by_label[:, POSITIVE], by_label[:, NEGATIVE]

    def merge(self, other: BinaryOutcome) -> BinaryOutcome:
        """The profile of both sets of rows."""
        if self.plan != other.plan:
            raise PlanMismatch(f"cannot add outcomes of {other.plan} to those of {self.plan}")
        cells, place = np.unique(np.concatenate((self.cells, other.cells)), return_inverse=True)
        table = np.zeros((len(cells), 2, 3), np.int64)
        np.add.at(table, place, np.concatenate((self.table, other.table)))
        arrays = {
            "cells": frozen(cells.astype(np.int32)),
            "table": frozen(table),
            "confusion": frozen(self.confusion + other.confusion),
            "calibration": frozen(self.calibration + other.calibration),
        }
        return replace(self, **arrays, **_sums(self, other))  # type: ignore[arg-type]


def _score_table(
    score: Floats, predicted: NDArray[np.integer], label: NDArray[np.integer]
) -> tuple[Cells, Counts]:
    cells, place = np.unique(grid.score_cells(score), return_inverse=True)
    key = place * 6 + predicted * 3 + label
    return cells.astype(np.int32), np.bincount(key, minlength=6 * len(cells)).reshape(-1, 2, 3)


def _losses(score: Floats, label: NDArray[np.integer]) -> tuple[Floats, Floats]:
    clipped = np.clip(score, _CLIP, 1 - _CLIP)
    log_loss = -np.where(label == POSITIVE, np.log(clipped), np.log1p(-clipped))
    return log_loss, (score - label) ** 2


def _calibration(score: Floats, label: NDArray[np.integer]) -> Floats:
    bins = np.minimum((score * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    weights = (np.ones(len(score)), score, (label == POSITIVE).astype(np.float64))
    return np.array([np.bincount(bins, w, CALIBRATION_BINS) for w in weights], np.float64)


@dataclass(frozen=True, slots=True)
class RegressionOutcome:
    """What is kept of a regression: sums over labelled rows, e = prediction - truth.

    Truth y and prediction p are summed about the plan's centre, so that R2 does not lose digits;
    ``e2y2`` is the sum of e^2 y^2, and so on. ``rows`` counts all rows, ``unpredicted`` those
    without a finite prediction. Sums of errors beyond 1e77 are infinite.
    """

    plan: RegressionPlan
    rows: int = 0
    unpredicted: int = 0
    labelled: int = 0
    e: float = 0.0
    abs_e: float = 0.0
    e2: float = 0.0
    e4: float = 0.0
    y: float = 0.0
    y2: float = 0.0
    p: float = 0.0
    p2: float = 0.0
    py: float = 0.0
    y3: float = 0.0
    y4: float = 0.0
    e2y: float = 0.0
    e2y2: float = 0.0

    @classmethod
    def of(cls, plan: RegressionPlan, predicted: Floats, label: Floats) -> RegressionOutcome:
        """The profile of rows; a label of NaN is not known yet.

        >>> told, truth = np.array([1.0, 5.0]), np.array([2.0, np.nan])
        >>> outcome = RegressionOutcome.of(RegressionPlan(), told, truth)
        >>> outcome.rows, outcome.labelled, outcome.e
        (2, 1, -1.0)
        """
        usable = np.isfinite(predicted)
        known = usable & np.isfinite(label)
        sums = _sums_of_errors(plan, predicted[known], label[known])
        unpredicted = int(len(predicted) - usable.sum())
        return cls(plan, len(predicted), unpredicted, int(known.sum()), **sums)

    def merge(self, other: RegressionOutcome) -> RegressionOutcome:
        """The profile of both sets of rows."""
        if self.plan != other.plan:
            raise PlanMismatch(f"cannot add outcomes of {other.plan} to those of {self.plan}")
        return replace(self, **_sums(self, other))  # type: ignore[arg-type]


def _sums_of_errors(plan: RegressionPlan, predicted: Floats, label: Floats) -> dict[str, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        p, y, e = predicted - plan.centre, label - plan.centre, predicted - label
        e2, y2 = e * e, y * y
        terms = {
            "e": e,
            "abs_e": np.abs(e),
            "e2": e2,
            "e4": e2 * e2,
            "y": y,
            "y2": y2,
            "p": p,
            "p2": p * p,
            "py": p * y,
            "y3": y2 * y,
            "y4": y2 * y2,
            "e2y": e2 * y,
            "e2y2": e2 * y2,
        }
        return {name: float(values.sum()) for name, values in terms.items()}


Outcome = BinaryOutcome | RegressionOutcome


def _sums(a: Outcome, b: Outcome) -> dict[str, int | float]:
    names = [f.name for f in fields(a) if isinstance(getattr(a, f.name), int | float)]
    return {name: getattr(a, name) + getattr(b, name) for name in names}
