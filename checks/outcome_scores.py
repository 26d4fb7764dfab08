"""The outcome of the scores that a classifier gives every one of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.outcome_class_weights import WeightedScores
from checks.profile import PlanMismatch, frozen
from checks.summing import add_by_cell, sums

MOST_RANKS = 10
"""The last place of the truth among the classes that is told from those behind it."""

SUM_TOLERANCE = 0.02
"""How far the scores of a row may add up to something else than 1: they may be rounded."""

_CLIP = float(np.finfo(np.float64).eps)
STRIDE = grid.SCORE_TOP + 1
"""From the first cell of a class to that of the next."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """What is kept of the scores of all classes, over rows with scores and a known truth.

    ``classes`` are those that have a score. ``log_loss`` and ``brier`` (over all classes of a row)
    are sums, with those of their squares. ``ranks[k]`` counts rows whose truth has the place k + 1
    by score, the last those further behind; a class with the same score counts as before it.
    ``table[b, y]`` splits the scores of a class by its mirrored score cell and by whether that
    class is the truth (y = 1); ``cells[b]`` is the cell plus 2^20 + 1 times the number of the
    class. ``invalid`` counts rows whose scores are no probabilities, ``unscored`` rows without any
    score, ``strange`` scored ones of a truth that has no score. ``weighted`` is kept where rows
    have weights.
    """

    classes: tuple[str, ...]
    ranks: Counts
    cells: Cells
    table: Counts
    rows: int = 0
    log_loss: float = 0.0
    log_loss_squared: float = 0.0
    brier: float = 0.0
    brier_squared: float = 0.0
    invalid: int = 0
    unscored: int = 0
    strange: int = 0
    weighted: WeightedScores | None = None

    @classmethod
    def of(
        cls,
        classes: tuple[str, ...],
        scores: Floats,
        truth: NDArray[np.integer],
        weight: Floats | None = None,
    ) -> ClassScores:
        """The profile of rows: ``scores`` is rows x classes, ``truth`` a place among the classes.

        A truth of -1 is not known, one beyond the classes has no score. ``weight`` tells how much
        each row counts (None: they have no weights).

        >>> scores = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.5, 0.9, 0.9]])
        >>> kept = ClassScores.of(("a", "b", "c"), scores, np.array([0, 1, 2]))
        >>> kept.ranks[:4].tolist(), kept.invalid, round(kept.brier, 9)
        ([1, 0, 1, 0], 1, 0.88)
        """
        none = np.isnan(scores).all(axis=1)
        inside = np.all((scores >= 0.0) & (scores <= 1.0), axis=1)
        valid = inside.copy()
        valid[inside] = np.abs(scores[inside].sum(axis=1) - 1.0) <= SUM_TOLERANCE
        known = valid & (truth >= 0) & (truth < len(classes))
        p, y = scores[known], truth[known].astype(np.int64)
        told = p[np.arange(len(p)), y]
        log_loss = -np.log(np.clip(told, _CLIP, 1 - _CLIP))
        brier = np.square(p).sum(1) - 2 * told + 1
        places = np.minimum((p >= told[:, None]).sum(1) - 1, MOST_RANKS)
        keys = _keys(p, y)
        cells, table = _by_class(keys)
        weighted = None
        if weight is not None:
            sides = weight[known], (log_loss, brier), places, keys
            weighted = WeightedScores.of(*sides, MOST_RANKS + 1)
        return cls(
            classes,
            frozen(np.bincount(places, minlength=MOST_RANKS + 1).astype(np.int64)),
            frozen(cells),
            frozen(table),
            len(p),
            log_loss=float(log_loss.sum()),
            log_loss_squared=float(np.square(log_loss).sum()),
            brier=float(brier.sum()),
            brier_squared=float(np.square(brier).sum()),
            invalid=int(np.count_nonzero(~valid & ~none)),
            unscored=int(np.count_nonzero(none)),
            strange=int(np.count_nonzero(valid & (truth >= len(classes)))),
            weighted=weighted,
        )

    def of_class(self, place: int) -> tuple[Counts, Counts]:
        """Rows of this class and of all others per cell of its score, in ascending order."""
        table = self.table[_span(self.cells, place)]
        return table[:, 1], table[:, 0]

    def weighted_class(self, place: int) -> Floats:
        """The same of weighted rows, as ``by_score`` has them."""
        told = self.weighted
        return np.empty((0, 2, 2)) if told is None else told.by_score[_span(told.cells, place)]

    def merge(self, other: ClassScores) -> ClassScores:
        """The profile of both sets of rows."""
        return ClassScores.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[ClassScores]) -> ClassScores:
        """The profile of all rows of the parts, of which there is at least one."""
        if any(each.classes != parts[0].classes for each in parts):
            raise PlanMismatch("scores of different classes do not add")
        cells, table = add_by_cell([p.cells for p in parts], [p.table for p in parts])
        return replace(
            parts[0],
            ranks=frozen(np.sum([each.ranks for each in parts], 0)),
            cells=cells,
            table=table,
            **sums(parts),  # type: ignore[arg-type]
        )


def _span(cells: Cells, place: int) -> slice:
    """Where the cells of the class of this place are."""
    return slice(*np.searchsorted(cells, (place * STRIDE, (place + 1) * STRIDE)).tolist())


def _keys(p: Floats, y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each row and class twice the cell of its score, and 1 more where it is the truth."""
    places = np.arange(p.shape[1])
    cells = grid.score_cells(p.ravel()).reshape(p.shape).astype(np.int64) + places * STRIDE
    return np.asarray(2 * cells + (places == y[:, None]), np.int64)


def _by_class(keys: NDArray[np.int64]) -> tuple[Cells, Counts]:
    """The cells of each class's scores, and in each the rows of other classes and of this one."""
    found, counts = np.unique(keys, return_counts=True)
    cells, at = np.unique(found // 2, return_inverse=True)
    table = np.zeros((len(cells), 2), np.int64)
    table[at, found % 2] = counts
    return cells.astype(np.int32), table
