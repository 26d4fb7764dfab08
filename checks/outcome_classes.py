"""The outcome profile of a classifier with several classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.outcome_class_weights import WeightedAssignments
from checks.outcome_scores import ClassScores
from checks.plan import MulticlassPlan
from checks.profile import frozen
from checks.summing import (
    CALIBRATION_BINS,
    add_by_cell,
    calibration_bins,
    require_one_plan,
    rows_of,
    sums,
)

NOTHING = -1
"""The number of no class: there is no prediction, or the truth is not known."""

UNSCORED, INVALID = -1, -2
"""In place of a score's bin: there is no score, or it is no probability."""

WRONG, RIGHT, OPEN = 0, 1, 2
"""What came of a prediction; of the last the truth is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class MulticlassOutcome:
    """What is kept of a classifier with several classes.

    ``confusion[p, y]`` counts rows of predicted class p and truth y, both by their place among the
    plan's classes; behind these comes one place for all other classes together, and of the truth
    one more for rows where it is not known. ``agreed`` counts the rows of other classes whose
    prediction is their truth. ``calibration`` holds, for ten equal bins of the score (the
    probability of the predicted class), labelled rows, sum of scores and right predictions.
    ``table[b, k]`` counts the predictions whose score lies in the cell ``cells[b]`` of the mirrored
    score grid and that were `WRONG` or `RIGHT`, or of which that is `OPEN`.
    ``valid`` counts scores in [0, 1], ``invalid`` any others, ``unscored`` missing ones,
    ``unpredicted`` rows without a prediction. ``scores`` is kept where every class has one,
    ``weighted`` where rows have weights.
    """

    plan: MulticlassPlan
    confusion: Counts
    calibration: Floats
    agreed: int = 0
    scored: int = 0
    valid: int = 0
    invalid: int = 0
    unscored: int = 0
    unpredicted: int = 0
    cells: Cells = field(default_factory=lambda: frozen(np.empty(0, np.int32)))
    table: Counts = field(default_factory=lambda: frozen(np.empty((0, 3), np.int64)))
    scores: ClassScores | None = None
    weighted: WeightedAssignments | None = None

    @classmethod
    def of(
        cls,
        plan: MulticlassPlan,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        score: Floats | None = None,
        *,
        counts: Counts | None = None,
    ) -> MulticlassOutcome:
        """The profile of rows.

        ``predicted`` and ``label`` are places among the plan's classes; larger numbers are other
        classes, each with its own, and -1 stands for none. ``score`` is the probability of the
        predicted class, NaN where missing. ``counts``, of the same length, says how many rows each
        stands for (None: one).

        >>> plan = MulticlassPlan(("a", "b"))
        >>> told, truth = np.array([0, 1, 1, 5]), np.array([0, 0, -1, 5])
        >>> outcome = MulticlassOutcome.of(plan, told, truth, counts=np.array([3, 2, 1, 1]))
        >>> outcome.confusion.tolist(), outcome.right, outcome.labelled
        ([[3, 0, 0, 0], [2, 0, 0, 1], [0, 0, 1, 0]], 4, 6)
        """
        if score is None:
            return cls.binned(plan, predicted, label, counts=counts)
        valid = (score >= 0.0) & (score <= 1.0)
        bins = np.where(np.isnan(score), UNSCORED, INVALID)
        bins[valid] = calibration_bins(score[valid])
        scores = np.where(valid, score, 0.0)
        cells = grid.score_cells(scores)
        scores = scores if counts is None else scores * counts
        return cls.binned(plan, predicted, label, bins, cells, scores, counts=counts)

    @classmethod
    def binned(
        cls,
        plan: MulticlassPlan,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        bins: NDArray[np.integer] | None = None,
        score_cells: NDArray[np.integer] | None = None,
        scores: Floats | None = None,
        *,
        counts: Counts | None = None,
    ) -> MulticlassOutcome:
        """The same from the bin of each score, or `UNSCORED` or `INVALID`, its cell, and sums."""
        other = len(plan.classes)
        told = predicted != NOTHING
        truth = np.where(label == NOTHING, other + 1, np.minimum(label, other))
        pairs = np.minimum(predicted, other) * (other + 2) + truth
        rows = None if counts is None else counts[told]
        confusion = np.bincount(pairs[told], rows, (other + 1) * (other + 2))
        right = told & (predicted == label)
        outcome = cls(
            plan,
            frozen(confusion.reshape(other + 1, -1).astype(np.int64)),
            frozen(np.zeros((3, CALIBRATION_BINS))),
            agreed=rows_of(right & (predicted >= other), counts),
            unpredicted=rows_of(~told, counts),
        )
        if bins is None or scores is None or score_cells is None:
            return outcome
        known = told & (label != NOTHING) & (bins >= 0)
        came = np.where(label == NOTHING, OPEN, np.where(right, RIGHT, WRONG))
        cells, table = _score_table(score_cells, came, told & (bins >= 0), counts)
        return replace(
            outcome,
            calibration=frozen(_calibration(bins, scores, right, known, counts)),
            scored=rows_of(known, counts),
            valid=rows_of(bins >= 0, counts),
            invalid=rows_of(bins == INVALID, counts),
            unscored=rows_of(bins == UNSCORED, counts),
            cells=frozen(cells),
            table=frozen(table),
        )

    def weighed(
        self,
        weight: Floats,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        score: Floats | None = None,
    ) -> MulticlassOutcome:
        """This profile with weighted sums of its rows, which are given as to ``of``."""
        score = np.full(len(predicted), np.nan) if score is None else score
        known = (predicted != NOTHING) & (label != NOTHING)
        sides = weight[known], predicted[known], label[known], score[known]
        return replace(self, weighted=WeightedAssignments.of(*sides, len(self.plan.classes)))

    @property
    def rows(self) -> int:
        return int(self.confusion.sum()) + self.unpredicted

    @property
    def labelled(self) -> int:
        """Rows with a prediction whose truth is known."""
        return int(self.square.sum())

    @property
    def right(self) -> int:
        """Labelled rows whose prediction is their truth."""
        return int(np.trace(self.square[:-1])) + self.agreed

    @property
    def strange(self) -> int:
        """Labelled rows whose truth is none of the plan's classes."""
        return int(self.square[:, -1].sum())

    @property
    def square(self) -> Counts:
        """Labelled rows by prediction and truth; the last of both are the other classes."""
        return self.confusion[:, :-1]

    def merge(self, other: MulticlassOutcome) -> MulticlassOutcome:
        """The profile of both sets of rows."""
        return MulticlassOutcome.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[MulticlassOutcome]) -> MulticlassOutcome:
        """The profile of all rows of the parts, of which there is at least one."""
        require_one_plan(parts)
        cells, table = add_by_cell([p.cells for p in parts], [p.table for p in parts])
        return replace(
            parts[0],
            confusion=frozen(np.sum([each.confusion for each in parts], 0)),
            calibration=frozen(np.sum([each.calibration for each in parts], 0)),
            cells=cells,
            table=table,
            **sums(parts),  # type: ignore[arg-type]
        )


def _calibration(
    bins: NDArray[np.integer],
    scores: Floats,
    right: NDArray[np.bool_],
    known: NDArray[np.bool_],
    counts: Counts | None,
) -> Floats:
    bins, right = bins[known], right[known]
    rows = np.ones(len(bins)) if counts is None else counts[known]
    weights = (rows, scores[known], rows * right)
    return np.array([np.bincount(bins, each, CALIBRATION_BINS) for each in weights], np.float64)


def _score_table(
    cells: NDArray[np.integer],
    came: NDArray[np.integer],
    usable: NDArray[np.bool_],
    counts: Counts | None,
) -> tuple[Cells, Counts]:
    """The cells of usable scores, and the rows in them by what came of the prediction."""
    usable = usable if counts is None else usable & (counts > 0)
    found, place = np.unique(cells[usable], return_inverse=True)
    rows = None if counts is None else counts[usable]
    table = np.bincount(place * 3 + came[usable], rows, 3 * len(found))
    return found.astype(np.int32), table.reshape(-1, 3).astype(np.int64)
