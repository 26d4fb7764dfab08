"""Which columns of a log a plan needs, how each must be read, and the reading itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from checks.plan import (
    Beside,
    BinaryPlan,
    ForecastPlan,
    MulticlassPlan,
    MultilabelPlan,
    NumericPlan,
    Plan,
    RankingPlan,
    RegressionPlan,
)
from monitor.sources import Columns
from monitor.sources._columns import Levels, Numbers
from monitor.sources._ranked import keys_of
from monitor.sources._reading import Reading
from monitor.sources._sets import sets_of

Form = Literal["", "key", "set"]


@dataclass(frozen=True, slots=True)
class Need:
    """A column of the log and how it must be read.

    The ``form`` "key" asks for a number that stands for each value, "set" for sets of labels.
    """

    name: str
    numeric: bool
    form: Form = ""

    def read(
        self, array: pa.Array | None, length: int, plan: Plan, typed: bool
    ) -> Numbers | Levels:
        """The column of a batch of ``length`` rows; all of it absent where the batch has none."""
        if array is None:
            return self.absent(length)
        if self.form == "key":
            return keys_of(array)
        reading = Reading(plan.found.get(self.name, ""), typed)
        if self.form == "set" and isinstance(plan.outcome, MultilabelPlan):
            return sets_of(array, plan.outcome.separator, reading)
        return reading.numbers(array) if self.numeric else reading.levels(array)

    def absent(self, length: int) -> Numbers | Levels:
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
    group: Need | None = None
    besides: Mapping[str, Need] = field(default_factory=dict)
    embeddings: Mapping[str, Need] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, columns: Columns) -> Needs:
        watched = {n: Need(n, isinstance(p, NumericPlan)) for n, p in plan.columns.items()}
        labelled = isinstance(plan.outcome, RegressionPlan | RankingPlan)
        form: Form = "set" if isinstance(plan.outcome, MultilabelPlan) else ""
        label = _need(columns.label, labelled, form)
        ranked = isinstance(plan.outcome, RankingPlan)
        scored = isinstance(plan.outcome, BinaryPlan | MulticlassPlan) or ranked
        told = plan.outcome is not None and not ranked
        if plan.outcome is None and columns.label is not None:
            label = watched.get(columns.label, label)
        return cls(
            watched,
            {name: Need(name, numeric=False) for name in plan.segments},
            _need(columns.version, numeric=False),
            _need(columns.prediction, labelled, form) if told else None,
            _need(columns.score, numeric=True) if scored else None,
            label,
            _group(plan, columns),
            _besides(plan, columns),
            {name: Need(name, numeric=False) for name in plan.embeddings},
        )

    def __iter__(self) -> Iterator[Need]:
        """Each once."""
        parts = (self.version, self.prediction, self.score, self.label, self.group)
        named = (*self.watched.values(), *self.segments.values(), *filter(None, parts))
        named = (*named, *self.besides.values(), *self.embeddings.values())
        return iter(dict.fromkeys(named))


def _need(name: str | None, numeric: bool, form: Form = "") -> Need | None:
    return None if name is None else Need(name, numeric, form)


_KEPT: Mapping[str, Beside] = {"lower": "ranges", "upper": "ranges", "weight": "weights"}


def _besides(plan: Plan, columns: Columns) -> dict[str, Need]:
    """Columns that tell more of outcomes, by the key that names each."""
    return {
        key: Need(name, numeric=True)
        for key, name in columns.besides
        if _KEPT.get(key, "scores") in plan.besides
    }


def _group(plan: Plan, columns: Columns) -> Need | None:
    """The column whose equal values belong together, where the task has one."""
    if isinstance(plan.outcome, RankingPlan):
        return _need(columns.query, numeric=True, form="key")
    if isinstance(plan.outcome, ForecastPlan):
        return _need(columns.horizon, numeric=False)
    return None
