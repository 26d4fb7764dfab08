"""A portrait: all profiles of one slice of a log, added, packed and unpacked as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checks.outcome import BinaryOutcome, Outcome, RegressionOutcome
from checks.profile import CategoricalProfile, LogProfile, NumericProfile, PlanMismatch

ColumnProfile = NumericProfile | CategoricalProfile


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """The profiles of the rows of one window (or of many, merged) in one slice.

    ``plan`` is the hash of the plan they were made under; ``columns`` holds one profile for every
    column of that plan, also for one that was absent from the log.
    """

    plan: str
    columns: Mapping[str, ColumnProfile]
    log: LogProfile
    outcome: Outcome | None = None

    @property
    def rows(self) -> int:
        return self.log.rows

    def merge(self, other: Portrait) -> Portrait:
        """The portrait of both sets of rows."""
        if self.plan != other.plan:
            raise PlanMismatch(f"plan {other.plan} does not add to plan {self.plan}")
        columns = {
            name: _merge_columns(profile, other.columns[name])
            for name, profile in self.columns.items()
        }
        return Portrait(self.plan, columns, self.log.merge(other.log), _merge_outcomes(self, other))


def _merge_columns(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    if isinstance(a, NumericProfile) and isinstance(b, NumericProfile):
        return a.merge(b)
    if isinstance(a, CategoricalProfile) and isinstance(b, CategoricalProfile):
        return a.merge(b)
    raise PlanMismatch("a numeric and a categorical profile do not add")


def _merge_outcomes(first: Portrait, second: Portrait) -> Outcome | None:
    a, b = first.outcome, second.outcome
    if a is None or b is None:
        return a or b
    if isinstance(a, BinaryOutcome) and isinstance(b, BinaryOutcome):
        return a.merge(b)
    if isinstance(a, RegressionOutcome) and isinstance(b, RegressionOutcome):
        return a.merge(b)
    raise PlanMismatch("outcomes of two tasks do not add")
