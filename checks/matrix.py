"""The confusion matrix that metrics are computed from: of rows, or of their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checks.grid import Counts, Floats
from checks.labelled import Classified, left_out, none_of
from checks.outcome_weights import Mean, share_row, weighted_mean, worth
from checks.resampling import of_weights

TOLD, TRUE = 1, 0
"""The axis along which a matrix is added up to get the predictions, or the labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Labelled rows by prediction and truth.

    ``rows`` counts them, ``sums`` adds up their weights and ``squares`` the squares of these; where
    rows have no weights all three are the same. ``note`` tells of rows that are left out.
    """

    rows: Counts
    sums: Counts | Floats
    squares: Counts | Floats
    note: str = ""

    @classmethod
    def of(cls, outcome: Classified, need: int = 1) -> Matrix:
        """The matrix of an outcome that has labels.

        Raises:
            NotEnoughData: no label has a weight above 0, where ``need`` labels are asked for.
        """
        rows, weighted = outcome.square, outcome.weighted
        if weighted is None:
            return cls(rows, rows, rows)
        sums, squares = weighted.confusion
        if not squares.any():
            raise none_of("labels of any weight", outcome, need)
        return cls(rows, sums, squares, left_out(weighted))

    @property
    def weighted(self) -> bool:
        return self.sums is not self.rows

    @property
    def n(self) -> int:
        """How many rows it is worth."""
        return int(worth(self.sums.sum(), self.squares.sum()))

    def worth_of(self, side: int) -> Floats:
        """As how many rows the predictions (`TOLD`) or labels (`TRUE`) of each class count."""
        return worth(self.sums.sum(axis=side), self.squares.sum(axis=side))

    def hits(self, side: int) -> tuple[Floats, Floats]:
        """Of each class the hits, and among how many predictions or labels, as equal rows."""
        tables: list[tuple[Floats, Floats]] = [
            (np.diagonal(each), each.sum(axis=side)) for each in (self.sums, self.squares)
        ]
        if not self.weighted:
            return tables[0]
        found = np.zeros((2, len(self.sums)))
        for place, rows in enumerate(self.rows.sum(axis=side).tolist()):
            hits, whole = zip(*((of[place], all_[place]) for of, all_ in tables), strict=True)
            mean = weighted_mean(share_row(hits, whole), rows)
            found[:, place] = (0.0, 0.0) if mean is None else (mean.total, mean.n)
        return found[0], found[1]

    def mean(self, values: Floats) -> Mean:
        """The mean over the rows of a value that all rows of a cell have."""
        sums = [
            float((table * values**power).sum())
            for table in (self.sums, self.squares)
            for power in (0, 1, 2)
        ]
        found = weighted_mean(np.array(sums), int(self.rows.sum())) if self.weighted else None
        return Mean(*sums[:3]) if found is None else found

    def draws(self) -> Floats:
        """The sums of 200 resamples of the rows, along a new first axis."""
        return of_weights(self.sums, self.squares)
