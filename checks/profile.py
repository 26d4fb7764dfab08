"""Mergeable profiles: what is kept of a window of rows, and how two of them add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from checks import grid
from checks.counting import NumericCount
from checks.grid import Cells, Counts, Floats
from checks.plan import CategoricalPlan, NumericPlan
from checks.stack import Run, Stack, union

ABSENT = "absent"
"""The type family of a column that is not in the log at all."""

MOST_UNSEEN = 20
_LEAST_VARIANCE = 1e-280  # below, squares of doubles have lost their digits

_A = TypeVar("_A", Floats, Counts, Cells)
_T = TypeVar("_T")


def frozen(array: _A) -> _A:
    """The same array, read-only."""
    array.flags.writeable = False
    return array


class PlanMismatch(ValueError):
    """Two profiles were made under different plans and cannot be added."""


class _Summed:
    """Room for what follows from a profile alone, and is asked for time and again."""

    __slots__ = ("_n", "_remembered")
    _n: int
    _remembered: dict[Hashable, Any]

    def remembered(self, what: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make`` gives, which is called once for each ``what``."""
        try:
            known = self._remembered
        except AttributeError:
            known = {}
            object.__setattr__(self, "_remembered", known)
        if what not in known:
            known[what] = make()
        return known[what]  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, eq=False)
class NumericProfile(_Summed):
    """What is kept of a numeric column.

    ``cells`` and ``counts`` are the occupied cells of the plan and the finite values in each;
    ``exact`` and ``exact_counts`` the distinct values themselves while there are few enough of them
    (None otherwise); ``atom_counts`` how often each of the plan's ``atoms``
    occurs. ``total`` and ``squares`` are sums of (x - centre) and its square. ``unparsed`` counts
    cells that hold text which is no number, ``found`` the type families met, ``example`` one
    unparsed text, cut short.
    """

    plan: NumericPlan
    cells: Cells
    counts: Counts
    exact: Floats | None
    exact_counts: Counts | None
    atom_counts: Counts
    total: float = 0.0
    squares: float = 0.0
    minimum: float = np.inf
    maximum: float = -np.inf
    integral: bool = True
    nulls: int = 0
    nan: int = 0
    above: int = 0
    below: int = 0
    unparsed: int = 0
    found: tuple[str, ...] = ()
    example: str = ""

    @classmethod
    def of(
        cls,
        values: Floats,
        plan: NumericPlan,
        *,
        counts: Counts | None = None,
        nulls: int = 0,
        unparsed: int = 0,
        found: tuple[str, ...] = (),
        example: str = "",
    ) -> NumericProfile:
        """The profile of ``values`` (1-d, double; NaN and infinities are counted apart).

        ``counts``, of the same length, says how many rows hold each of them: the profile is then
        that of ``np.repeat(values, counts)``.

        >>> profile = NumericProfile.of(np.array([1.0, 2.0, 2.0, np.nan]), NumericPlan())
        >>> profile.n, profile.nan, profile.mean, profile.exact.tolist()
        (3, 1, 1.6666666666666667, [1.0, 2.0])
        """
        count = NumericCount(plan)
        if counts is None:
            count.add(values)
        else:
            count.add(values[counts > 0], counts[counts > 0])
        return cls.counted(count, nulls=nulls, unparsed=unparsed, found=found, example=example)

    @classmethod
    def counted(
        cls,
        count: NumericCount,
        *,
        nulls: int = 0,
        unparsed: int = 0,
        found: tuple[str, ...] = (),
        example: str = "",
    ) -> NumericProfile:
        """The profile of the values that were counted."""
        cells, counts = count.cells()
        exact, exact_counts = count.distinct() or (None, None)
        return cls(
            count.plan,
            frozen(cells),
            frozen(counts),
            None if exact is None else frozen(exact),
            None if exact_counts is None else frozen(exact_counts),
            frozen(count.atoms()),
            total=count.total,
            squares=count.squares,
            minimum=count.minimum,
            maximum=count.maximum,
            integral=count.integral,
            nulls=nulls,
            nan=count.nan,
            above=count.above,
            below=count.below,
            unparsed=unparsed,
            found=found,
            example=example,
        )

    @property
    def n(self) -> int:
        """Finite values."""
        try:
            return self._n
        except AttributeError:
            object.__setattr__(self, "_n", int(self.counts.sum()))
            return self._n

    @property
    def rows(self) -> int:
        return self.n + self.missing + self.above + self.below + self.unparsed

    @property
    def missing(self) -> int:
        """Nulls and NaN together: engines turn one into the other."""
        return self.nulls + self.nan

    @property
    def mean(self) -> float:
        """Mean of the finite values (NaN without any)."""
        if not self.n:
            return np.nan
        mean = self.plan.centre + self.total / self.n
        return mean if self.exact is None and np.isfinite(mean) else self._moments()[0]

    @property
    def sd(self) -> float:
        """Population standard deviation of the finite values (0 if constant, NaN without any)."""
        if not self.n:
            return np.nan
        if self.minimum == self.maximum:
            return 0.0
        if self.exact is None:
            offset = self.total / self.n
            variance = self.squares / self.n - offset * offset
            if _LEAST_VARIANCE < variance < np.inf:
                return float(np.sqrt(variance))
        return self._moments()[1]

    def _moments(self) -> tuple[float, float]:
        """Mean and deviation of the distinct values or, where they are gone, of the cells' middles.

        Scaled by a power of two, so that neither 1e300 nor 1e-300 leaves the range of a double.
        """
        if self.exact is not None and self.exact_counts is not None:
            values, counts = self.exact, self.exact_counts
        else:
            low, high = np.clip(self.plan.bounds(self.cells), self.minimum, self.maximum)
            values, counts = low / 2 + high / 2, self.counts
        unit = grid.unit_of(self.minimum, self.maximum)
        scaled = values / unit
        near = scaled[len(scaled) // 2]
        weights = counts / counts.sum()
        shift = float((scaled - near) @ weights)
        spread = float(np.sqrt((scaled - near - shift) ** 2 @ weights))
        return float(near + shift) * unit, spread * unit

    def merge(self, other: NumericProfile) -> NumericProfile:
        """The profile of both sets of rows."""
        return NumericProfile.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[NumericProfile]) -> NumericProfile:
        """The profile of all rows of the parts, of which there is at least one."""
        stack = cls.stacked(parts)
        return cls.added([(stack, slice(i, i + 1)) for i in range(len(parts))])[0]

    @classmethod
    def stacked(cls, profiles: Sequence[NumericProfile]) -> Stack:
        """Profiles, of which there is at least one, field by field."""
        return Stack.of(_NAMES, [_fields_of(each) for each in profiles])

    @classmethod
    def added(cls, parts: Sequence[Run]) -> list[NumericProfile]:
        """The sum of each profile of the first part and those at its place in the others."""
        first, *others = [stack.columns["plan"][run] for stack, run in parts]
        for plans in others:
            for plan, other in zip(first, plans, strict=True):
                if other is not plan and other != plan:
                    raise PlanMismatch(f"cannot add a profile of {other} to one of {plan}")
        return [cls(*fields) for fields in Stack.added(parts)]

    def coarsen(self, shift: int) -> NumericProfile:
        """The same profile on a grid with ``shift`` mantissa bits dropped in all.

        Cells between edges stay as they are.
        """
        extra = shift - self.plan.shift
        if extra < 0:
            raise PlanMismatch(f"a grid coarsened by {self.plan.shift} bits cannot become finer")
        plan = replace(self.plan, shift=shift)
        if plan.edges:
            return replace(self, plan=plan)
        cells, counts = grid.coarsen(self.cells, self.counts, extra)
        return replace(self, plan=plan, cells=frozen(cells), counts=frozen(counts))


_NAMES = tuple(each.name for each in fields(NumericProfile))
_fields_of = attrgetter(*_NAMES)


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalProfile:
    """What is kept of a categorical column.

    ``counts`` follows the plan's levels, ``other`` counts rows of any further level, and ``unseen``
    names some of those (the first in alphabetical order, so that merging stays exact) with counts.
    """

    plan: CategoricalPlan
    counts: Counts
    other: int = 0
    nulls: int = 0
    unseen: Mapping[str, int] = field(default_factory=dict)
    found: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        levels: Mapping[str, int],
        plan: CategoricalPlan,
        *,
        nulls: int = 0,
        found: tuple[str, ...] = (),
    ) -> CategoricalProfile:
        """The profile of a count per level.

        >>> plan = CategoricalPlan(("a", "b"))
        >>> profile = CategoricalProfile.of({"a": 3, "z": 2}, plan)
        >>> profile.counts.tolist(), profile.other, dict(profile.unseen)
        ([3, 0], 2, {'z': 2})
        """
        known = set(plan.levels)
        unseen = {level: n for level, n in levels.items() if level not in known and n}
        counts = np.array([levels.get(level, 0) for level in plan.levels], np.int64)
        other = sum(unseen.values())
        return cls(plan, frozen(counts), other, nulls, _first(unseen), found)

    @property
    def n(self) -> int:
        """Rows with a value."""
        return int(self.counts.sum()) + self.other

    @property
    def rows(self) -> int:
        return self.n + self.nulls

    @property
    def missing(self) -> int:
        return self.nulls

    def merge(self, other: CategoricalProfile) -> CategoricalProfile:
        """The profile of both sets of rows."""
        return CategoricalProfile.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[CategoricalProfile]) -> CategoricalProfile:
        """The profile of all rows of the parts, of which there is at least one."""
        first = parts[0]
        if any(each.plan is not first.plan and each.plan != first.plan for each in parts):
            raise PlanMismatch("cannot add profiles with different level dictionaries")
        unseen: Counter[str] = Counter()
        for each in parts:
            unseen.update(each.unseen)
        return replace(
            first,
            counts=frozen(np.sum([each.counts for each in parts], 0, np.int64)),
            other=sum(each.other for each in parts),
            nulls=sum(each.nulls for each in parts),
            unseen=_first(unseen),
            found=union(each.found for each in parts),
        )


def _first(unseen: Mapping[str, int]) -> dict[str, int]:
    return {level: unseen[level] for level in sorted(unseen)[:MOST_UNSEEN]}
