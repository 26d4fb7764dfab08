"""Labelled rows by the cells of their scores: how many reach a score, or are at the top."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.labelled import FEWEST_ROWS, none_of
from checks.outcome import BinaryOutcome
from checks.outcome_weights import ratio, share_row, weighted_mean

_LEAST = 1e-9
_DIGITS = 9  # whole rows, of which parts were added up
_BESIDE = 1.25  # a top so much larger or smaller tells of the rows where it ends


def rows_at_top(outcome: BinaryOutcome, k: float) -> int:
    """How many rows the top share of the labelled rows holds."""
    if not 0.0 < k <= 1.0:
        raise ValueError(f"the top is a share of the rows above 0 and up to 1, not {k:g}")
    return ceil(k * outcome.scored - _LEAST)


def rows_reaching(outcome: BinaryOutcome, threshold: float) -> int:
    """Labelled rows from the threshold's cell on."""
    some = outcome.cells >= _cell(threshold)
    return sum(int(each[some].sum()) for each in outcome.by_class())


def _cell(threshold: float) -> Cells:
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"a threshold lies between 0 and 1, not at {threshold:g}")
    return grid.score_cells(np.array([threshold]))


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCells:
    """Positives and negatives (two columns) by score cell: rows, or their weights and squares.

    ``tables`` are both of these; where rows have no weights, both count rows.
    """

    outcome: BinaryOutcome
    cells: Cells
    tables: tuple[Counts | Floats, Counts | Floats]

    @classmethod
    def of(cls, outcome: BinaryOutcome) -> ScoreCells:
        """Those of an outcome that has labelled scores."""
        weighted = outcome.weighted
        if weighted is None:
            counts = np.stack(outcome.by_class(), axis=1)
            return cls(outcome, outcome.cells, (counts, counts))
        sums, squares = np.moveaxis(weighted.by_score[:, ::-1], -1, 0)
        if not squares.any():
            raise none_of("scores of any weight", outcome, FEWEST_ROWS)
        return cls(outcome, weighted.cells, (sums, squares))

    @property
    def positives(self) -> NDArray[np.number]:
        """Of all cells, in both tables."""
        return np.array([each[:, 0].sum() for each in self.tables])

    def reaching(self, threshold: float) -> tuple[NDArray[np.number], str]:
        """Both classes from the threshold's cell on, in each table; how many that leaves open."""
        cell = _cell(threshold)
        low, high = map(float, np.concatenate(grid.score_bounds(cell)))
        # From one half on, cells hold their upper edge.
        exact = low == high or low == threshold < 0.5
        scored = np.stack(self.outcome.by_class(), axis=1)
        unsure = 0 if exact else int(scored[self.outcome.cells == cell].sum())
        where = f"{unsure} of {self.outcome.scored} rows share the threshold's cell"
        found = [each[self.cells >= cell].sum(axis=0) for each in self.tables]
        return np.array(found), where if unsure else ""

    def top(self, k: float) -> NDArray[np.number]:
        """Both classes among the top share by score, in each table."""
        rows = self.tables[0].sum(axis=1)[::-1]
        most = rows_at_top(self.outcome, k) * rows.sum() / self.outcome.scored
        room = np.clip(most - (np.cumsum(rows) - rows), 0.0, rows)
        return np.array([ratio(room, rows) @ each[::-1] for each in self.tables])

    def found_at_top(self, k: float) -> tuple[float, float]:
        """Positives among the top share, and among how many: as equal rows.

        Heavy rows move the score at which the top begins, and with it the share by as much as
        positives are frequent there; rows next to it tell how frequent that is.
        """
        top = self.top(k)
        hits, n = self.share(top[:, 0], self.positives)
        if self.outcome.weighted is None or not 0.0 < hits < n:
            return hits, n
        recall, (inside, outside) = hits / n, (top[1], self.tables[1].sum(axis=0) - top[1])
        band = self.top(min(k * _BESIDE, 1.0))[0] - self.top(k / _BESIDE)[0]
        moved = float(ratio(band[0], band.sum()))
        up = np.array([1.0 - recall, 0.0]) - moved * (1.0 - k)
        down = moved * k - np.array([recall, 0.0])
        doubt = float(inside @ up**2 + outside @ down**2) / float(self.positives[0]) ** 2
        n = min(n, recall * (1.0 - recall) / doubt) if doubt else n
        return recall * n, n

    def share(self, hits: NDArray[np.number], whole: NDArray[np.number]) -> tuple[float, float]:
        """Hits and rows of a share, both given as in each table; 0 of 0 where nothing weighs."""
        if self.outcome.weighted is None:
            return float(hits[0]), round(float(whole[0]), _DIGITS)
        mean = weighted_mean(share_row(hits.tolist(), whole.tolist()), self.outcome.scored)
        return (0.0, 0.0) if mean is None else (mean.total, mean.n)
