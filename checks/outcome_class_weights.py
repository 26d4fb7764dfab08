"""Outcomes of rows of several classes that have weights: sums in which each counts by its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from checks.grid import Cells, Floats
from checks.outcome_weights import Decisions, calibration_sums, powers, usable
from checks.profile import frozen
from checks.summing import add_by_cell, sums


@dataclass(frozen=True, slots=True, eq=False)
class WeightedAssignments:
    """Weighted sums of a classifier with several classes, over labelled rows with a usable weight.

    ``confusion[k, p, y]`` sums the weights (k = 0) and their squares (k = 1) of rows of predicted
    class p and truth y, the last of both all other classes together; ``agreed`` and
    ``agreed_squared`` those of rows of other classes whose prediction is their truth.
    ``calibration`` holds the `calibration_sums` of the score of the predicted class, which comes
    where the prediction is right. ``rows`` and ``scored`` count the rows in either, ``unusable``
    labelled rows without a usable weight.
    """

    confusion: Floats
    calibration: Floats
    agreed: float = 0.0
    agreed_squared: float = 0.0
    rows: int = 0
    scored: int = 0
    unusable: int = 0

    @classmethod
    def of(
        cls,
        weight: Floats,
        predicted: NDArray[np.integer],
        label: NDArray[np.integer],
        score: Floats,
        other: int,
    ) -> WeightedAssignments:
        """The sums of labelled rows with a prediction; places from ``other`` on are other classes.

        ``score`` is NaN or outside [0, 1] where it is none.

        >>> told, truth = np.array([0, 1, 5]), np.array([0, 0, 5])
        >>> kept = WeightedAssignments.of(np.array([1.0, 3.0, 0.5]), told, truth, told * np.nan, 2)
        >>> kept.confusion[0].tolist(), kept.agreed
        ([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.5]], 0.5)
        """
        fine, size = usable(weight), other + 1
        w, told, truth, s = weight[fine], predicted[fine], label[fine], score[fine]
        right, valid = told == truth, (s >= 0.0) & (s <= 1.0)
        place = np.minimum(told, other) * size + np.minimum(truth, other)
        sums_of = [np.bincount(place, w**k, size * size).reshape(size, size) for k in (1, 2)]
        strangers = w[right & (told >= other)]
        return cls(
            frozen(np.array(sums_of, np.float64)),
            frozen(calibration_sums(w[valid], s[valid], right[valid])),
            float(strangers.sum()),
            float(np.square(strangers).sum()),
            rows=len(w),
            scored=int(np.count_nonzero(valid)),
            unusable=len(weight) - len(w),
        )

    def decisions(self, power: int) -> Decisions:
        """What is right (as tp) and what is wrong (as fp), in sums of this power of the weights."""
        table = self.confusion[power - 1]
        agreed = (self.agreed, self.agreed_squared)[power - 1]
        right = float(np.trace(table[:-1])) + agreed
        return Decisions(right, float(table.sum()) - right, 0.0, 0.0)

    def merge(self, other: WeightedAssignments) -> WeightedAssignments:
        """The sums of both sets of rows."""
        return WeightedAssignments.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[WeightedAssignments]) -> WeightedAssignments:
        """The sums of all rows of the parts, of which there is at least one."""
        added = {
            name: frozen(np.asarray(np.sum([getattr(each, name) for each in parts], 0)))
            for name in ("confusion", "calibration")
        }
        return replace(parts[0], **added, **sums(parts))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class WeightedScores:
    """Weighted sums of the scores of all classes, over rows with these, a truth and a weight.

    ``table`` holds, by `POWERS`, log loss and Brier loss. ``ranks[k, r]`` sums the weights (k = 0)
    and their squares (k = 1) of rows whose truth has the place r + 1 by score, the last those
    further behind. ``by_score[b, y, k]`` parts both by the cell ``cells[b]`` of a class's score and
    by whether that class is the truth, in the cells of the scores. ``rows`` counts the rows.
    """

    table: Floats
    ranks: Floats
    cells: Cells
    by_score: Floats
    rows: int = 0

    @classmethod
    def of(
        cls,
        weight: Floats,
        losses: Sequence[Floats],
        ranks: NDArray[np.integer],
        keys: NDArray[np.integer],
        size: int,
    ) -> WeightedScores:
        """The sums of rows: ``losses`` and ``ranks`` of each, of which there are ``size``.

        ``keys[row, class]`` is twice the cell of the score of a class, and 1 more for the truth.
        """
        fine = usable(weight)
        w = weight[fine]
        by_rank = [np.bincount(ranks[fine], w**k, size) for k in (1, 2)]
        found, at = np.unique(keys[fine].ravel() // 2, return_inverse=True)
        place = at * 2 + keys[fine].ravel() % 2
        each = np.repeat(w, keys.shape[1])
        by_score = [np.bincount(place, each**k, 2 * len(found)) for k in (1, 2)]
        return cls(
            frozen(powers(w, [loss[fine] for loss in losses])),
            frozen(np.array(by_rank, np.float64)),
            frozen(found.astype(np.int32)),
            frozen(np.stack(by_score, axis=1).reshape(-1, 2, 2).astype(np.float64)),
            rows=len(w),
        )

    def merge(self, other: WeightedScores) -> WeightedScores:
        """The sums of both sets of rows."""
        return WeightedScores.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[WeightedScores]) -> WeightedScores:
        """The sums of all rows of the parts, of which there is at least one."""
        cells, by_score = add_by_cell([p.cells for p in parts], [p.by_score for p in parts])
        return replace(
            parts[0],
            table=frozen(np.asarray(np.sum([each.table for each in parts], 0))),
            ranks=frozen(np.asarray(np.sum([each.ranks for each in parts], 0))),
            cells=cells,
            by_score=by_score,
            **sums(parts),  # type: ignore[arg-type]
        )
