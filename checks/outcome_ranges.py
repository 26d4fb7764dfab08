"""The outcome of prediction intervals: which truths lie in them, and how wide they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from checks.grid import Floats
from checks.summing import sums

_LARGEST = 1e77
"""Widths beyond it have no sums of fourth powers; such an interval counts as none."""


@dataclass(frozen=True, slots=True)
class RangeOutcome:
    """What is kept of prediction intervals, of the rows whose truth is known.

    ``below`` and ``above`` count truths outside, ``inside`` those in the interval or on its edge.
    ``width`` and ``miss`` (how far outside a truth is) are sums, with those of their squares and of
    their product. ``unbounded`` counts rows that lack an end, or have an infinite one, ``crossed``
    those whose lower end is above the upper one: neither is among the others.
    """

    inside: int = 0
    below: int = 0
    above: int = 0
    width: float = 0.0
    width2: float = 0.0
    miss: float = 0.0
    miss2: float = 0.0
    width_miss: float = 0.0
    unbounded: int = 0
    crossed: int = 0

    @classmethod
    def of(cls, lower: Floats, upper: Floats, label: Floats) -> RangeOutcome:
        """The profile of rows; a label of NaN is not known yet.

        >>> low, high, truth = np.array([[0.0, 0.0, 5.0], [2.0, 2.0, 4.0], [1.0, 5.0, 4.0]])
        >>> outcome = RangeOutcome.of(low, high, truth)
        >>> outcome.inside, outcome.above, outcome.miss, outcome.crossed
        (1, 1, 3.0, 1)
        """
        known = np.isfinite(label)
        lower, upper, label = lower[known], upper[known], label[known]
        ends = np.maximum(np.abs(lower), np.abs(upper))
        there = np.maximum(ends, np.abs(label)) < _LARGEST  # of NaN that is not so
        usable = there & (lower <= upper)
        lower, upper, label = lower[usable], upper[usable], label[usable]
        width = upper - lower
        miss = np.maximum(np.maximum(lower - label, label - upper), 0.0)
        below, above = label < lower, label > upper
        return cls(
            inside=int(np.count_nonzero(~below & ~above)),
            below=int(np.count_nonzero(below)),
            above=int(np.count_nonzero(above)),
            width=float(width.sum()),
            width2=float(np.square(width).sum()),
            miss=float(miss.sum()),
            miss2=float(np.square(miss).sum()),
            width_miss=float((width * miss).sum()),
            unbounded=int(np.count_nonzero(~there)),
            crossed=int(np.count_nonzero(there & ~usable)),
        )

    @property
    def n(self) -> int:
        """Rows with an interval and a truth."""
        return self.inside + self.below + self.above

    def merge(self, other: RangeOutcome) -> RangeOutcome:
        """The profile of both sets of rows."""
        return RangeOutcome.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[RangeOutcome]) -> RangeOutcome:
        """The profile of all rows of the parts, of which there is at least one."""
        return replace(parts[0], **sums(parts))  # type: ignore[arg-type]
