"""Strata: how many rows each segment has and how wrong the model is on them, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from checks.grid import Counts, Floats
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.profile import frozen

Lossy = BinaryOutcome | MulticlassOutcome | RegressionOutcome
"""Outcomes that say of each row how wrong the model was."""

OTHERS = "all others"
"""The name of the rows that are in none of the segments."""


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Labelled rows by the value of one segment column, which part all rows; the last is the rest.

    ``counts`` are the rows whose truth is known; ``loss`` and ``squares`` sum how wrong the model
    was on them: of classes 0 or 1, of amounts the absolute error.
    """

    names: tuple[str, ...]
    counts: Counts
    loss: Floats
    squares: Floats

    @classmethod
    def of(cls, whole: Lossy, parts: Mapping[str, Lossy]) -> Strata:
        """The segments, and what they leave of the whole.

        >>> from checks.outcome import BinaryOutcome
        >>> from checks.plan import BinaryPlan
        >>> plan, right = BinaryPlan("1", "0"), np.array([1, 1, 0])
        >>> whole = BinaryOutcome.of(plan, right, np.array([1, 0, 0]))
        >>> strata = Strata.of(whole, {"a": BinaryOutcome.of(plan, right[:1], right[:1])})
        >>> strata.names, strata.counts.tolist(), strata.loss.tolist()
        (('a', 'all others'), [1, 2], [0.0, 1.0])
        """
        sums = np.array([_sums(each) for each in parts.values()]).reshape(-1, 3)
        with np.errstate(invalid="ignore"):
            rest = np.maximum(np.array(_sums(whole)) - sums.sum(axis=0), 0.0)
        counts, loss, squares = np.vstack((sums, rest)).T
        if not counts[-1]:  # what the sums leave there is rounding
            loss[-1] = squares[-1] = 0.0
        return cls((*parts, OTHERS), frozen(counts.astype(np.int64)), frozen(loss), frozen(squares))

    @property
    def labelled(self) -> int:
        """Rows whose truth is known."""
        return int(self.counts.sum())


def _sums(outcome: Lossy) -> tuple[float, float, float]:
    """Labelled rows, their loss and its square, summed."""
    if isinstance(outcome, RegressionOutcome):
        return float(outcome.labelled), outcome.abs_e, outcome.e2
    wrong = float(outcome.labelled - outcome.right)
    return float(outcome.labelled), wrong, wrong
