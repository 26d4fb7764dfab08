"""Mergeable profiles: what is kept of a window of rows, and how two of them add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from checks import grid
from checks.grid import Cells, Counts, Floats
from checks.plan import CategoricalPlan, NumericPlan

ABSENT = "absent"
"""The type family of a column that is not in the log at all."""

MOST_UNSEEN = 20
_LEAST_VARIANCE = 1e-280  # below, squares of doubles have lost their digits

_A = TypeVar("_A", Floats, Counts, Cells)


def frozen(array: _A) -> _A:
    """The same array, read-only."""
    array.flags.writeable = False
    return array


class PlanMismatch(ValueError):
    """Two profiles were made under different plans and cannot be added."""


@dataclass(frozen=True, slots=True, eq=False)
class NumericProfile:
    """What is kept of a numeric column.

    ``cells`` and ``counts`` are the occupied cells of the bit grid around ``centre`` and the finite
    values in each; ``exact`` and ``exact_counts`` the distinct values themselves while there are
    few enough of them (None otherwise); ``atom_counts`` how often each of the plan's ``atoms``
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
        nulls: int = 0,
        unparsed: int = 0,
        found: tuple[str, ...] = (),
        example: str = "",
    ) -> NumericProfile:
        """The profile of ``values`` (1-d, double; NaN and infinities are counted apart).

        >>> profile = NumericProfile.of(np.array([1.0, 2.0, 2.0, np.nan]), NumericPlan())
        >>> profile.n, profile.nan, profile.mean, profile.exact.tolist()
        (3, 1, 1.6666666666666667, [1.0, 2.0])
        """
        finite = values[np.isfinite(values)]
        lost = len(values) - len(finite)
        nan = int(np.isnan(values).sum()) if lost else 0
        above = int(np.count_nonzero(values == np.inf)) if lost else 0
        total, squares = _sums(finite, plan.centre)
        cells, counts = grid.cell_counts(finite, plan.centre)
        cells, counts = grid.coarsen(cells, counts, plan.shift)
        exact, exact_counts = _distinct(finite, plan.exact, len(cells))
        return cls(
            plan,
            frozen(cells),
            frozen(counts),
            exact,
            exact_counts,
            frozen(_count_atoms(finite, plan.atoms, exact, exact_counts)),
            total=total,
            squares=squares,
            minimum=float(finite.min()) + 0.0 if len(finite) else np.inf,
            maximum=float(finite.max()) + 0.0 if len(finite) else -np.inf,
            integral=bool((np.rint(finite) == finite).all() and (np.abs(finite) < 2.0**53).all()),
            nulls=nulls,
            nan=nan,
            above=above,
            below=lost - nan - above,
            unparsed=unparsed,
            found=found,
            example=example,
        )

    @property
    def n(self) -> int:
        """Finite values."""
        return int(self.counts.sum())

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
            low, high = np.clip(
                grid.bounds(self.cells, self.plan.centre, self.plan.shift),
                self.minimum,
                self.maximum,
            )
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
        if self.plan != other.plan:
            raise PlanMismatch(f"cannot add a profile of {other.plan} to one of {self.plan}")
        cells, counts = _add_cells(self.cells, self.counts, other.cells, other.counts)
        exact, exact_counts = _add_distinct(self, other)
        return replace(
            self,
            cells=frozen(cells),
            counts=frozen(counts),
            exact=exact,
            exact_counts=exact_counts,
            atom_counts=frozen(self.atom_counts + other.atom_counts),
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
            integral=self.integral and other.integral,
            found=_union(self.found, other.found),
            example=min(filter(None, (self.example, other.example)), default=""),
            **{
                name: getattr(self, name) + getattr(other, name)
                for name in ("total", "squares", "nulls", "nan", "above", "below", "unparsed")
            },
        )

    def coarsen(self, shift: int) -> NumericProfile:
        """The same profile on a grid with ``shift`` mantissa bits dropped in all."""
        extra = shift - self.plan.shift
        if extra < 0:
            raise PlanMismatch(f"a grid coarsened by {self.plan.shift} bits cannot become finer")
        cells, counts = grid.coarsen(self.cells, self.counts, extra)
        plan = replace(self.plan, shift=shift)
        return replace(self, plan=plan, cells=frozen(cells), counts=frozen(counts))


def _sums(finite: Floats, centre: float) -> tuple[float, float]:
    """Sum of the distances from the centre and of their squares; not finite where they overflow."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        distance = finite - centre
        return float(distance.sum()), float(np.square(distance).sum())


def _distinct(finite: Floats, most: int, at_least: int) -> tuple[Floats | None, Counts | None]:
    """Distinct values and their counts, or (None, None) where there are more than ``most``.

    Sorting a whole column costs more than all else here, so a short probe comes first.
    """
    if at_least > most or len(np.unique(finite[: 2 * most])) > most:
        return None, None
    values, counts = np.unique(finite, return_counts=True)
    if len(values) > most:
        return None, None
    return frozen(values + 0.0), frozen(counts.astype(np.int64))  # no -0.0: merging keeps order


def _count_atoms(
    finite: Floats, atoms: tuple[float, ...], exact: Floats | None, counts: Counts | None
) -> Counts:
    if not atoms:
        return np.zeros(0, np.int64)
    wanted = np.array(atoms)
    if exact is not None and counts is not None:
        if not len(exact):
            return np.zeros(len(atoms), np.int64)
        place = np.minimum(np.searchsorted(exact, wanted), len(exact) - 1)
        return np.where(exact[place] == wanted, counts[place], 0).astype(np.int64)
    order = np.argsort(wanted)
    place = np.minimum(np.searchsorted(wanted[order], finite), len(atoms) - 1)
    hits = order[place[wanted[order][place] == finite]]
    return np.bincount(hits, minlength=len(atoms)).astype(np.int64)


def _add_cells(a: Cells, a_counts: Counts, b: Cells, b_counts: Counts) -> tuple[Cells, Counts]:
    cells = np.concatenate((a, b))
    order = np.argsort(cells, kind="stable")
    return grid.sum_by_cell(cells[order], np.concatenate((a_counts, b_counts))[order])


def _add_distinct(a: NumericProfile, b: NumericProfile) -> tuple[Floats | None, Counts | None]:
    if a.exact is None or b.exact is None or a.exact_counts is None or b.exact_counts is None:
        return None, None
    values, place = np.unique(np.concatenate((a.exact, b.exact)), return_inverse=True)
    if len(values) > a.plan.exact:
        return None, None
    counts = np.bincount(place, np.concatenate((a.exact_counts, b.exact_counts)), len(values))
    return frozen(values), frozen(counts.astype(np.int64))


def _union(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*a, *b}))


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
        if self.plan != other.plan:
            raise PlanMismatch("cannot add profiles with different level dictionaries")
        unseen = {
            level: self.unseen.get(level, 0) + other.unseen.get(level, 0)
            for level in {*self.unseen, *other.unseen}
        }
        return replace(
            self,
            counts=frozen(self.counts + other.counts),
            other=self.other + other.other,
            nulls=self.nulls + other.nulls,
            unseen=_first(unseen),
            found=_union(self.found, other.found),
        )


def _first(unseen: Mapping[str, int]) -> dict[str, int]:
    return {level: unseen[level] for level in sorted(unseen)[:MOST_UNSEEN]}


@dataclass(frozen=True, slots=True)
class Anomaly:
    """How many rows broke one rule of the log, and one short example."""

    count: int
    example: str = ""

    def merge(self, other: Anomaly) -> Anomaly:
        example = min(filter(None, (self.example, other.example)), default="")
        return Anomaly(self.count + other.count, example)


@dataclass(frozen=True, slots=True)
class LogProfile:
    """The facts of a log itself: rows, their times, versions, labels and broken rules.

    Times are seconds since 1970 UTC. ``windows`` counts the windows merged into this profile,
    ``rows_least``, ``rows_most``, ``silence`` and ``span`` are extremes over them (``silence``:
    seconds between the newest row and the end of its window; ``span``: the length of the longest
    window, 0 where that is not known). ``anomalies`` maps a rule's name to its
    count; ``labels`` counts rows whose truth is known.
    """

    rows: int = 0
    windows: int = 0
    rows_squared: float = 0.0
    rows_least: float = np.inf
    rows_most: float = -np.inf
    first: float = np.inf
    last: float = -np.inf
    silence: float = -np.inf
    labels: int = 0
    versions: Mapping[str, int] = field(default_factory=dict)
    anomalies: Mapping[str, Anomaly] = field(default_factory=dict)
    span: float = 0.0

    @classmethod
    def of_window(
        cls,
        rows: int,
        first: float,
        last: float,
        end: float,
        *,
        labels: int = 0,
        versions: Mapping[str, int] | None = None,
        anomalies: Mapping[str, Anomaly] | None = None,
        span: float = 0.0,
    ) -> LogProfile:
        """The profile of one window that ends at ``end`` and lasts ``span`` seconds.

        ``first`` and ``last`` are the times of its oldest and newest row.
        """
        return cls(
            rows,
            1,
            float(rows) ** 2,
            rows,
            rows,
            first,
            last,
            end - last if rows else -np.inf,
            labels,
            dict(versions or {}),
            {name: found for name, found in (anomalies or {}).items() if found.count},
            span,
        )

    def merge(self, other: LogProfile) -> LogProfile:
        """The facts of both sets of windows."""
        return LogProfile(
            self.rows + other.rows,
            self.windows + other.windows,
            self.rows_squared + other.rows_squared,
            min(self.rows_least, other.rows_least),
            max(self.rows_most, other.rows_most),
            min(self.first, other.first),
            max(self.last, other.last),
            max(self.silence, other.silence),
            self.labels + other.labels,
            {
                name: self.versions.get(name, 0) + other.versions.get(name, 0)
                for name in sorted({*self.versions, *other.versions})
            },
            _merge_anomalies(self.anomalies, other.anomalies),
            max(self.span, other.span),
        )


def _merge_anomalies(a: Mapping[str, Anomaly], b: Mapping[str, Anomaly]) -> dict[str, Anomaly]:
    nothing = Anomaly(0)
    return {n: a.get(n, nothing).merge(b.get(n, nothing)) for n in sorted({*a, *b})}
