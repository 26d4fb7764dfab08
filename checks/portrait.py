"""A portrait: all profiles of one slice of a log, added, packed and unpacked as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar

from checks.joint import Multivariate
from checks.log import LogProfile
from checks.outcome import Outcome
from checks.profile import CategoricalProfile, NumericProfile, PlanMismatch

ColumnProfile = NumericProfile | CategoricalProfile


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """The profiles of the rows of one window (or of many, merged) in one slice.

    ``plan`` is the hash of the plan they were made under; ``columns`` holds one profile for every
    column of that plan, also for one that was absent from the log; ``multivariate`` what is kept of
    several columns together, of the whole population and where a check asks for it.
    """

    plan: str
    columns: Mapping[str, ColumnProfile]
    log: LogProfile
    outcome: Outcome | None = None
    multivariate: Multivariate | None = None

    @property
    def rows(self) -> int:
        return self.log.rows

    def merge(self, other: Portrait) -> Portrait:
        """The portrait of both sets of rows."""
        return Portrait.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[Portrait]) -> Portrait:
        """The portrait of all rows of the parts, of which there is at least one.

        Each column is added up once, however many parts there are.
        """
        first = parts[0]
        for other in parts:
            if other.plan != first.plan:
                raise PlanMismatch(f"plan {other.plan} does not add to plan {first.plan}")
        columns = {name: _merged([each.columns[name] for each in parts]) for name in first.columns}
        log = reduce(LogProfile.merge, [each.log for each in parts])
        outcomes = [each.outcome for each in parts if each.outcome is not None]
        together = [each.multivariate for each in parts if each.multivariate is not None]
        return cls(
            first.plan,
            columns,
            log,
            _merged(outcomes) if outcomes else None,
            _merged(together) if together else None,
        )


_P = TypeVar(
    "_P",
    bound=NumericProfile | CategoricalProfile | Outcome | Multivariate,
)


def _merged(parts: Sequence[_P]) -> _P:
    kind = type(parts[0])
    if any(type(each) is not kind for each in parts):
        raise PlanMismatch("profiles of two kinds do not add")
    return kind.merged(parts)  # type: ignore[arg-type, return-value]
