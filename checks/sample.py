"""A row sample: the same few rows whoever draws it, kept as they are, from however many parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from checks.plan import MultivariatePlan
from checks.profile import PlanMismatch, frozen

ROWS = 5000
MOST_NAMED = 20
"""Levels of a column that are told apart by name, the most frequent ones."""


def ranks_of(hashes: NDArray[np.uint64]) -> Floats:
    """A number in [0, 1) for each 64-bit hash, as if drawn at random, equal for equal ones.

    It has 53 bits. Source: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).

    >>> ranks_of(np.array([0, 1, 2, 1], np.uint64)).round(3).tolist()
    [0.883, 0.567, 0.591, 0.567]
    """
    mixed = hashes + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """The rows of the lowest ranks, at most ``plan.rows`` of them: a bottom-k sample.

    Every row has a rank of its own in [0, 1) that depends on its identity alone, so the sample of
    all parts of a log is the sample of the log, and as good as drawn at random. ``ranks`` ascend;
    ``values`` (rows x columns) are the numeric columns as logged, NaN where there is none;
    ``codes`` (rows x categories) the levels: 0 none, i the i-th of the column's plan, and one more
    than there are for any other. ``loss`` says how wrong the model was (of classes 0 or 1, of
    amounts the absolute error) and ``score`` what it said (the score, else the predicted class or
    amount), both NaN where that is not known. Source: Cohen and Kaplan 2007 (PODC 26).
    """

    plan: MultivariatePlan
    ranks: Floats
    values: Floats
    codes: Counts
    loss: Floats
    score: Floats

    @classmethod
    def of(
        cls,
        ranks: Floats,
        values: Floats,
        codes: Counts,
        plan: MultivariatePlan,
        loss: Floats | None = None,
        score: Floats | None = None,
    ) -> RowSample:
        """The sample of rows; of those with one rank, which are one row met twice, one is kept.

        Without a ``loss`` or ``score`` it is not known of any row.

        >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=2)
        >>> rows = np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 0), np.int64)
        >>> RowSample.of(np.array([0.5, 0.9, 0.1]), *rows, plan).values.tolist()
        [[3.0], [1.0]]
        """
        loss, score = (np.full(len(ranks), np.nan) if n is None else n for n in (loss, score))
        order = np.argsort(ranks, kind="stable")
        if (np.diff(ranks[order]) == 0).any():
            # Not by the order of coming: a merged sample must not depend on it.
            order = np.lexsort((score, loss, *codes.T[::-1], *values.T[::-1], ranks))
        fresh = np.append(True, np.diff(ranks[order]) > 0)[: len(order)]
        kept = order[fresh][: plan.rows]
        return cls(
            plan,
            frozen(ranks[kept] + 0.0),
            frozen(values[kept] + 0.0),
            frozen(codes[kept].astype(np.int64)),
            frozen(loss[kept] + 0.0),
            frozen(score[kept] + 0.0),
        )

    @classmethod
    def merged(cls, parts: Sequence[RowSample]) -> RowSample:
        """The sample of the rows of all parts."""
        plan = parts[0].plan
        if any(part.plan != plan for part in parts):
            raise PlanMismatch("samples of rows under two plans do not add")
        return cls.of(
            np.concatenate([part.ranks for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.codes for part in parts]),
            plan,
            np.concatenate([part.loss for part in parts]),
            np.concatenate([part.score for part in parts]),
        )

    def merge(self, other: RowSample) -> RowSample:
        return self.merged([self, other])

    def labelled(self) -> RowSample:
        """The rows whose loss is known."""
        rows = np.isfinite(self.loss)
        return RowSample(
            self.plan,
            frozen(self.ranks[rows]),
            frozen(self.values[rows]),
            frozen(self.codes[rows]),
            frozen(self.loss[rows]),
            frozen(self.score[rows]),
        )

    @property
    def n(self) -> int:
        """Rows in the sample."""
        return len(self.ranks)
