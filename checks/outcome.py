"""Outcome profiles: what is kept of predictions and the truth that came for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_labels import MultilabelOutcome
from checks.outcome_ranges import RangeOutcome
from checks.outcome_ranking import RankingOutcome
from checks.outcome_weights import WeightedClasses, WeightedErrors
from checks.plan import BinaryPlan, ForecastPlan, NumericPlan, RegressionPlan
from checks.profile import NumericProfile, frozen
from checks.summing import (
    CALIBRATION_BINS,
    add_by_cell,
    calibration_bins,
    each_once,
    relative_errors,
    require_one_plan,
    rows_of,
    sums,
)

NEGATIVE, POSITIVE, UNKNOWN = 0, 1, 2
SIZES = NumericPlan(shift=1, exact=0)
"""How the sizes of errors are counted."""
_CLIP = float(np.finfo(np.float64).eps)  # a sure and wrong score costs 36, not infinity


def decided(plan: BinaryPlan, predicted: NDArray[np.integer], score: Floats) -> NDArray[np.int64]:
    """The predicted class of each row; where there is none, a score in [0, 1] decides.

    >>> decided(BinaryPlan("1", "0"), np.array([0, 2, 2]), np.array([0.9, 0.5, np.nan])).tolist()
    [0, 1, 2]
    """
    unknown = predicted == UNKNOWN
    if not unknown.any():
        return predicted.astype(np.int64, copy=False)
    unknown &= (score >= 0.0) & (score <= 1.0)
    return np.where(unknown, score >= plan.threshold, predicted).astype(np.int64, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class BinaryOutcome:
    """What is kept of a binary classifier.

    ``confusion[p, y]`` counts rows of predicted class p (0, 1) and truth y (0, 1, 2 = not known).
    ``table[b, p, y]`` splits the rows with a valid score by the cell ``cells[b]`` of the mirrored
    score grid. Losses are sums over labelled rows with a valid score; ``calibration`` holds, for
    ten equal score bins, rows, sum of scores and positives. ``invalid`` counts scores outside
    [0, 1] or not finite, ``unscored`` missing ones, ``unpredicted`` rows with neither class nor
    score, ``strange`` labels outside the two known classes (they count as not known).
    ``weighted`` is kept where rows have weights.
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
    weighted: WeightedClasses | None = None

    @classmethod
    def of(
        cls,
        plan: BinaryPlan,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        score: Floats | None = None,
        *,
        counts: Counts | None = None,
        strange: int = 0,
    ) -> BinaryOutcome:
        """The profile of rows.

        ``predicted`` is 0 or 1, or 2 where there is no predicted class (the score then decides);
        ``label`` is 0, 1 or 2 (not known); ``score`` the probability of the positive class, NaN
        where missing. ``counts``, of the same length, says how many rows each stands for (None:
        one).

        >>> both = np.array([1, 0]), np.array([1, 1])
        >>> BinaryOutcome.of(BinaryPlan("1", "0"), *both, counts=np.array([3, 2])).matrix
        (3, 0, 2, 0)
        """
        unscored = 0 if score is None else rows_of(np.isnan(score), counts)
        score = np.full(len(predicted), np.nan) if score is None else score
        valid = (score >= 0.0) & (score <= 1.0)
        predicted = decided(plan, predicted, score)
        usable = predicted != UNKNOWN
        some = _chosen(usable)
        pairs = predicted[some] * 3 + label[some]
        confusion = np.bincount(pairs, _at(counts, some), 6).reshape(2, 3)
        rows = _chosen(usable & valid)
        cells, table = _score_table(score[rows], predicted[rows], label[rows], _at(counts, rows))
        known = _chosen(usable & valid & (label != UNKNOWN))
        log_loss, brier = _losses(score[known], label[known])
        told = _at(counts, known)
        return cls(
            plan,
            frozen(cells),
            frozen(table),
            frozen(confusion.astype(np.int64)),
            frozen(_calibration(score[known], label[known], told)),
            scored=len(log_loss) if told is None else int(told.sum()),
            log_loss=_sum(log_loss, told),
            log_loss_squared=_sum(np.square(log_loss), told),
            brier=_sum(brier, told),
            brier_squared=_sum(np.square(brier), told),
            invalid=rows_of(~valid, counts) - rows_of(np.isnan(score), counts),
            unscored=unscored,
            unpredicted=rows_of(~usable, counts),
            strange=strange,
        )

    def weighed(
        self,
        weight: Floats,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        score: Floats | None = None,
    ) -> BinaryOutcome:
        """This profile with weighted sums of its rows, which are given as to ``of``."""
        score = np.full(len(predicted), np.nan) if score is None else score
        valid = (score >= 0.0) & (score <= 1.0)
        predicted = decided(self.plan, predicted, score)
        known = (predicted != UNKNOWN) & (label != UNKNOWN)
        truth, told = label[known], score[known]
        losses = _losses(np.where(valid[known], told, 0.5), truth)
        weighted = WeightedClasses.of(weight[known], predicted[known], truth, told, losses)
        return replace(self, weighted=weighted)

    @property
    def rows(self) -> int:
        return int(self.confusion.sum()) + self.unpredicted

    @property
    def labelled(self) -> int:
        """Rows with a predicted class whose truth is known."""
        return int(self.square.sum())

    @property
    def right(self) -> int:
        """Labelled rows whose predicted class is their truth."""
        return int(np.trace(self.square))

    @property
    def valid(self) -> int:
        """Scores in [0, 1] of rows with a predicted class."""
        return int(self.table.sum())

    @property
    def square(self) -> Counts:
        """Labelled rows by predicted class and truth."""
        return self.confusion[:, :UNKNOWN]

    @property
    def matrix(self) -> tuple[int, int, int, int]:
        """True positives, false positives, false negatives, true negatives."""
        (tn, fn), (fp, tp) = self.square.tolist()
        return tp, fp, fn, tn

    def by_class(self) -> tuple[Counts, Counts]:
        """Positives and negatives per occupied score cell, in ascending order of the score."""
        by_label = self.table.sum(axis=1)
        return by_label[:, POSITIVE], by_label[:, NEGATIVE]

    def merge(self, other: BinaryOutcome) -> BinaryOutcome:
        """The profile of both sets of rows."""
        return BinaryOutcome.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[BinaryOutcome]) -> BinaryOutcome:
        """The profile of all rows of the parts, of which there is at least one."""
        require_one_plan(parts)
        cells, table = add_by_cell([p.cells for p in parts], [p.table for p in parts])
        arrays = {
            "cells": cells,
            "table": table,
            "confusion": frozen(np.sum([each.confusion for each in parts], 0)),
            "calibration": frozen(np.sum([each.calibration for each in parts], 0)),
        }
        return replace(parts[0], **arrays, **sums(parts))  # type: ignore[arg-type]


def _chosen(rows: NDArray[np.bool_]) -> NDArray[np.bool_] | slice:
    """An index of these rows; all of them are a view, which spares a copy of each column."""
    return slice(None) if rows.all() else rows


def _at(counts: Counts | None, rows: NDArray[np.bool_] | slice) -> Counts | None:
    return None if counts is None else counts[rows]


def _sum(values: Floats, counts: Counts | None) -> float:
    return float(values.sum() if counts is None else (values * counts).sum())


def _score_table(
    score: Floats, predicted: NDArray[np.integer], label: NDArray[np.integer], n: Counts | None
) -> tuple[Cells, Counts]:
    key = grid.score_cells(score).astype(np.int64) * 6 + predicted * 3 + label
    if n is None:
        found, counts = np.unique(key, return_counts=True)
    else:
        found, place = np.unique(key, return_inverse=True)
        counts = np.bincount(place, n, len(found))
    cells = each_once(found // 6)
    table = np.zeros((len(cells), 6), np.int64)
    table[np.searchsorted(cells, found // 6), found % 6] = counts
    return cells.astype(np.int32), table.reshape(-1, 2, 3)


def _losses(score: Floats, label: NDArray[np.integer]) -> tuple[Floats, Floats]:
    clipped = np.clip(score, _CLIP, 1 - _CLIP)
    log_loss = -np.where(label == POSITIVE, np.log(clipped), np.log1p(-clipped))
    return log_loss, (score - label) ** 2


def _calibration(score: Floats, label: NDArray[np.integer], n: Counts | None) -> Floats:
    bins = calibration_bins(score)
    by_label = np.bincount(bins * 2 + label, n, 2 * CALIBRATION_BINS).reshape(-1, 2)
    scores = np.bincount(bins, score if n is None else score * n, CALIBRATION_BINS)
    return np.array([by_label.sum(1), scores, by_label[:, POSITIVE]], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class RegressionOutcome:
    """What is kept of a regression: sums over labelled rows, e = prediction - truth.

    Truth y and prediction p are summed about the plan's centre, so that R2 does not lose digits;
    ``e2y2`` is the sum of e^2 y^2, and so on. ``ape`` sums |e| / |y|, ``sape`` 2 |e| / (|y| + |p|)
    and ``sle`` (ln(1 + p) - ln(1 + y))^2 of p and y as they are, each with its squares; the last
    leaves out the ``unlogged`` rows, of which p or y is -1 or below. ``rows`` counts all rows,
    ``unpredicted`` those without a finite prediction. Sums of errors beyond 1e77 are infinite.
    ``over2`` sums e^2 of predictions above the truth, ``reached`` counts those not below it,
    ``size`` is the profile of |e|. ``ranges`` and ``weighted`` are kept where predictions come as
    intervals, and where rows have weights.
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
    ape: float = 0.0
    ape2: float = 0.0
    sape: float = 0.0
    sape2: float = 0.0
    sle: float = 0.0
    sle2: float = 0.0
    unlogged: int = 0
    over2: float = 0.0
    reached: int = 0
    size: NumericProfile = field(default_factory=lambda: NumericProfile.of(np.empty(0), SIZES))
    ranges: RangeOutcome | None = None
    weighted: WeightedErrors | None = None

    @classmethod
    def of(
        cls, plan: RegressionPlan, predicted: Floats, label: Floats, *, counts: Counts | None = None
    ) -> RegressionOutcome:
        """The profile of rows; a label of NaN is not known yet.

        ``counts``, of the same length, says how many rows each stands for (None: one).

        >>> told, truth = np.array([1.0, 5.0]), np.array([2.0, np.nan])
        >>> outcome = RegressionOutcome.of(RegressionPlan(), told, truth)
        >>> outcome.rows, outcome.labelled, outcome.e
        (2, 1, -1.0)
        """
        usable = np.isfinite(predicted)
        known = usable & np.isfinite(label)
        n = np.ones(len(predicted), np.int64) if counts is None else counts
        pairs = predicted[known], label[known], n[known]
        found = _sums_of_errors(plan, *pairs) | _sums_of_shares(*pairs)
        unlogged = int(n[known][np.minimum(*pairs[:2]) <= -1.0].sum())
        rows, unpredicted, labelled = (int(each.sum()) for each in (n, n[~usable], n[known]))
        with np.errstate(over="ignore"):
            e = pairs[0] - pairs[1]
        return cls(
            plan,
            rows,
            unpredicted,
            labelled,
            **found,  # type: ignore[arg-type]
            unlogged=unlogged,
            reached=int(n[known][e >= 0.0].sum()),
            size=NumericProfile.of(np.abs(e), SIZES, counts=None if counts is None else pairs[2]),
        )

    def merge(self, other: RegressionOutcome) -> RegressionOutcome:
        """The profile of both sets of rows."""
        return RegressionOutcome.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[RegressionOutcome]) -> RegressionOutcome:
        """The profile of all rows of the parts, of which there is at least one."""
        require_one_plan(parts)
        return replace(parts[0], **sums(parts))  # type: ignore[arg-type]


def _sums_of_errors(
    plan: RegressionPlan, predicted: Floats, label: Floats, n: Counts
) -> dict[str, float]:
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
            "over2": np.where(e > 0.0, e2, 0.0),
        }
        return {name: float((values * n).sum()) for name, values in terms.items()}


def _sums_of_shares(predicted: Floats, label: Floats, n: Counts) -> dict[str, float]:
    """Sums of errors as shares of what they are errors of."""
    with np.errstate(over="ignore", invalid="ignore"):
        ape, sape, sle, _ = relative_errors(predicted, label)
        terms = {"ape": ape, "sape": sape, "sle": sle}
        found = {name: float((values * n).sum()) for name, values in terms.items()}
        return found | {f"{k}2": float((v * v * n).sum()) for k, v in terms.items()}


@dataclass(frozen=True, slots=True, eq=False)
class ForecastOutcome(RegressionOutcome):
    """What is kept of forecasts: that of a regression, and errors by how far ahead they looked.

    ``by_horizon`` holds, for each horizon of the plan and in the last row for any other, labelled
    rows and the sums of |e| and e^2.
    """

    plan: ForecastPlan
    by_horizon: Floats = field(default_factory=lambda: frozen(np.zeros((1, 3))))

    @classmethod
    def by(
        cls,
        plan: ForecastPlan,
        predicted: Floats,
        label: Floats,
        horizon: NDArray[np.integer],
        *,
        counts: Counts | None = None,
    ) -> ForecastOutcome:
        """The profile of rows; ``horizon`` is the place of each among the plan's, or beyond them.

        >>> plan, rows = ForecastPlan(horizons=("1", "2")), (np.array([1.0, 5.0]), np.zeros(2))
        >>> ForecastOutcome.by(plan, *rows, np.array([1, 2])).by_horizon.tolist()
        [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 5.0, 25.0]]
        """
        known = np.isfinite(predicted) & np.isfinite(label)
        n = np.ones(len(predicted)) if counts is None else counts
        with np.errstate(over="ignore"):
            error = np.abs(predicted[known] - label[known])
            terms = (np.ones(len(error)), error, error * error)
        size = len(plan.horizons) + 1
        sums = [np.bincount(horizon[known], term * n[known], size) for term in terms]
        whole = RegressionOutcome.of(plan, predicted, label, counts=counts)
        shared = {each.name: getattr(whole, each.name) for each in fields(whole)}
        return cls(**shared, by_horizon=frozen(np.column_stack(sums).astype(np.float64)))

    @classmethod
    def merged(cls, parts: Sequence[ForecastOutcome]) -> ForecastOutcome:  # type: ignore[override]
        """The profile of all rows of the parts, of which there is at least one."""
        whole = cast("ForecastOutcome", RegressionOutcome.merged(parts))
        return replace(whole, by_horizon=frozen(np.sum([each.by_horizon for each in parts], 0)))

    def merge(self, other: ForecastOutcome) -> ForecastOutcome:  # type: ignore[override]
        """The profile of both sets of rows."""
        return ForecastOutcome.merged([self, other])


Outcome = (
    BinaryOutcome
    | ForecastOutcome  # before the class that it is one of
    | RegressionOutcome
    | MulticlassOutcome
    | RankingOutcome
    | MultilabelOutcome
)
