"""Outcomes of scores by the database: counts and losses of rows by the cell of their score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, case, func

from checks.grid import Cells, Counts
from checks.outcome import POSITIVE, UNKNOWN, BinaryOutcome
from checks.outcome_classes import INVALID, NOTHING, UNSCORED, MulticlassOutcome
from checks.plan import BinaryPlan, MulticlassPlan
from checks.profile import frozen
from checks.summing import CALIBRATION_BINS
from monitor.sources._arrow import Bools
from monitor.sources._columns import Rows
from monitor.sources._sql.dialects import DIALECTS
from monitor.sources._sql.grid import NULL, STRANGE, Gridded
from monitor.sources._sql.losses import Losses, calibration_bin, losses

_KEYS = 3
_LOSSES = tuple(each.name for each in fields(Losses))


def keys(name: str, plan: BinaryPlan, cells: Gridded, dialect: str) -> list[ColumnElement[Any]]:
    """Score cell, calibration bin and whether the score reaches the threshold."""
    score, number = cells.valid[name], DIALECTS[dialect].number
    reached = case((score >= number(plan.threshold), 1), else_=0)
    return [cells.scores[name], calibration_bin(score, dialect), reached]


def sums(name: str, cells: Gridded, dialect: str) -> list[ColumnElement[Any]]:
    """The sum of the scores, and of the losses if the truth is 0, and if it is 1."""
    score = cells.valid[name]
    terms = [score]
    for label in (0, 1):
        loss = losses(score, label, dialect)
        terms += [getattr(loss, name) for name in _LOSSES]
    return [func.sum(term) for term in terms]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Groups of rows of a binary classifier with scores, with their `keys` and `sums`.

    ``predicted`` and ``label`` are classes, ``strange`` labels that are neither.
    """

    plan: BinaryPlan
    rows: Counts
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]
    strange: Bools
    keys: Sequence[NDArray[np.int64]]
    sums: Sequence[NDArray[np.float64]]

    @classmethod
    def of(
        cls,
        plan: BinaryPlan,
        rows: Counts,
        predicted: NDArray[np.int64],
        label: NDArray[np.int64],
        strange: Bools,
        answer: Sequence[Sequence[Any]],
    ) -> Scored:
        """``answer`` is what the database said of each group: `keys`, then `sums`."""
        found = [integers(each) for each in answer[:_KEYS]]
        told = [np.array(each, np.float64) for each in answer[_KEYS:]]
        return cls(plan, rows, predicted, label, strange, found, told)

    @property
    def labelled(self) -> Bools:
        return np.not_equal(self.label, UNKNOWN)

    def outcome(self, chosen: Rows) -> BinaryOutcome:
        """The outcome of these groups."""
        cell, bins, reached = (each[chosen] for each in self.keys)
        rows, label, predicted = self.rows[chosen], self.label[chosen], self.predicted[chosen]
        valid = ~np.isin(cell, (NULL, STRANGE))
        predicted = np.where((predicted == UNKNOWN) & valid, reached, predicted)
        usable = predicted != UNKNOWN
        confusion = np.bincount(predicted[usable] * 3 + label[usable], rows[usable], 6)
        scored = usable & valid
        cells, table = _table(cell[scored], predicted[scored], label[scored], rows[scored])
        known = np.flatnonzero(scored & (label != UNKNOWN))
        return BinaryOutcome(
            self.plan,
            frozen(cells),
            frozen(table),
            frozen(confusion.reshape(2, 3).astype(np.int64)),
            frozen(self._calibration(chosen, bins, known)),
            scored=int(rows[known].sum()),
            **self._losses(chosen, known),
            invalid=int(rows[cell == STRANGE].sum()),
            unscored=int(rows[cell == NULL].sum()),
            unpredicted=int(rows[~usable].sum()),
            strange=int(rows[self.strange[chosen]].sum()),
        )

    def _sum(self, place: int, chosen: Rows) -> NDArray[np.float64]:
        return self.sums[place][chosen]

    def _calibration(
        self, chosen: Rows, bins: NDArray[np.int64], known: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        rows = self.rows[chosen][known]
        positive = rows * (self.label[chosen][known] == POSITIVE)
        weights = (rows, self._sum(0, chosen)[known], positive)
        return np.array(
            [np.bincount(bins[known], each, CALIBRATION_BINS) for each in weights], np.float64
        )

    def _losses(self, chosen: Rows, known: NDArray[np.intp]) -> dict[str, Any]:
        """Sums of the losses, each of them for the truth that is."""
        positive = self.label[chosen][known] == POSITIVE
        parts = (
            np.where(
                positive,
                self._sum(1 + len(_LOSSES) + place, chosen)[known],
                self._sum(1 + place, chosen)[known],
            )
            for place in range(len(_LOSSES))
        )
        return {name: float(part.sum()) for name, part in zip(_LOSSES, parts, strict=True)}


def bins(name: str, cells: Gridded, dialect: str) -> list[ColumnElement[Any]]:
    """Score cell and calibration bin."""
    return [cells.scores[name], calibration_bin(cells.valid[name], dialect)]


@dataclass(frozen=True, slots=True, eq=False)
class Promised:
    """Groups of rows of a classifier with several classes and scores, with their `bins`.

    ``predicted`` and ``label`` are numbers of classes, ``bins`` and ``cells`` as
    `MulticlassOutcome.binned` takes them, ``scores`` the sums of the scores of each group.
    """

    plan: MulticlassPlan
    rows: Counts
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]
    bins: NDArray[np.int64]
    cells: NDArray[np.int64]
    scores: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        plan: MulticlassPlan,
        rows: Counts,
        predicted: NDArray[np.int64],
        label: NDArray[np.int64],
        answer: Sequence[Sequence[Any]],
    ) -> Promised:
        """``answer`` is what the database said of each group: `bins`, then the sum of scores."""
        cells, place = map(integers, answer[:2])
        found = np.select([cells == NULL, cells == STRANGE], [UNSCORED, INVALID], place)
        sums = np.nan_to_num(np.array(answer[2], np.float64))
        return cls(plan, rows, predicted, label, found, cells, sums)

    @property
    def labelled(self) -> Bools:
        return np.not_equal(self.label, NOTHING)

    def outcome(self, chosen: Rows) -> MulticlassOutcome:
        """The outcome of these groups."""
        return MulticlassOutcome.binned(
            self.plan,
            self.predicted[chosen],
            self.label[chosen],
            self.bins[chosen],
            self.cells[chosen],
            self.scores[chosen],
            counts=self.rows[chosen],
        )


def integers(cells: Sequence[Any]) -> NDArray[np.int64]:
    """Whole numbers of an answer, 0 where there is none."""
    return np.array([0 if cell is None else int(cell) for cell in cells], np.int64)


def _table(
    cell: NDArray[np.int64], predicted: NDArray[np.int64], label: NDArray[np.int64], rows: Counts
) -> tuple[Cells, Counts]:
    cells, place = np.unique(cell, return_inverse=True)
    table = np.bincount(place * 6 + predicted * 3 + label, rows, 6 * len(cells))
    return cells.astype(np.int32), table.reshape(-1, 2, 3).astype(np.int64)
