"""Which columns of a log a plan needs, how each must be read, and the reading itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from checks.plan import BinaryPlan, MulticlassPlan, NumericPlan, Plan, RegressionPlan
from monitor.sources import Columns
from monitor.sources._columns import Column, Levels, Numbers
from monitor.sources._reading import Reading


@dataclass(frozen=True, slots=True)
class Need:
    """A column of the log and how it must be read."""

    name: str
    numeric: bool

    def read(self, array: pa.Array | None, length: int, plan: Plan, typed: bool) -> Column:
        """The column of a batch of ``length`` rows; all of it absent where the batch has none."""
        if array is None:
            return self.absent(length)
        reading = Reading(plan.found.get(self.name, ""), typed)
        return reading.numbers(array) if self.numeric else reading.levels(array)

    def absent(self, length: int) -> Column:
        return Numbers.absent(length) if self.numeric else Levels.absent(length)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a plan needs of a log: the watched columns, and those that play a part."""

    watched: Mapping[str, Need]
    segments: Mapping[str, Need]
    version: Need | None
    prediction: Need | None
    score: Need | None
    label: Need | None

    @classmethod
    def of(cls, plan: Plan, columns: Columns) -> Needs:
        watched = {n: Need(n, isinstance(p, NumericPlan)) for n, p in plan.columns.items()}
        labelled = isinstance(plan.outcome, RegressionPlan)
        label = _need(columns.label, labelled)
        scored = isinstance(plan.outcome, BinaryPlan | MulticlassPlan)
        if plan.outcome is None and columns.label is not None:
            label = watched.get(columns.label, label)
        return cls(
            watched,
            {name: Need(name, numeric=False) for name in plan.segments},
            _need(columns.version, numeric=False),
            _need(columns.prediction, labelled) if plan.outcome else None,
            _need(columns.score, numeric=True) if scored else None,
            label,
        )

    def __iter__(self) -> Iterator[Need]:
        """Each once."""
        parts = (self.version, self.prediction, self.score, self.label)
        named = (*self.watched.values(), *self.segments.values(), *filter(None, parts))
        return iter(dict.fromkeys(named))


def _need(name: str | None, numeric: bool) -> Need | None:
    return None if name is None else Need(name, numeric)
