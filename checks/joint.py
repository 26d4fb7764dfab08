"""Several numeric columns together: their pairwise sums, and the means of random waves on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from checks.grid import Counts, Floats
from checks.plan import MultivariatePlan
from checks.profile import PlanMismatch, frozen
from checks.sample import RowSample

MOST_COLUMNS = 200
MOST_SCALED = 1e6
"""Deviations from the centre beyond which a value counts as that far, so that sums stay finite."""

WAVES = 100
_BLOCK = 1 << 12  # rows
_PAIRS = 500


def scales_of(sample: Mapping[str, Floats]) -> dict[str, tuple[float, float]]:
    """Mean and deviation of each column of a sample of rows, in order of name.

    Values that are not finite are left out, and so are columns whose values do not differ or are
    too large to square; at most 200 columns are kept.

    >>> scales_of({"b": np.array([1.0, 3.0, np.nan]), "a": np.array([7.0, 7.0, 7.0])})
    {'b': (2.0, 1.0)}
    """
    found: dict[str, tuple[float, float]] = {}
    for name in sorted(sample):
        values = sample[name][np.isfinite(sample[name])]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            mean, deviation = (values.mean(), values.std()) if len(values) else (0.0, 0.0)
            usable = np.isfinite(mean) and 0.0 < deviation < np.inf and deviation * 1e12 > abs(mean)
        if usable and len(found) < MOST_COLUMNS:
            found[name] = (float(mean), float(deviation))
    return found


def bandwidth_of(sample: Floats, scales: Sequence[tuple[float, float]]) -> float:
    """The median distance between rows of a sample (rows x columns), standardised.

    The median heuristic, on up to 500 x 500 pairs of rows; 1 where it is 0. Source: Gretton et al.
    2012 (J. Mach. Learn. Res. 13).

    >>> bandwidth_of(np.array([[0.0], [3.0]]), [(0.0, 1.0)])
    3.0
    """
    every = -(-len(sample) // (2 * _PAIRS))
    rows = _scaled(sample[::every], *np.array(scales).T) if len(sample) else np.empty((0, 0))
    one, other = rows[::2], rows[1::2]
    if not len(other):
        return 1.0
    square = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2.0 * one @ other.T
    return float(np.sqrt(max(np.median(square), 0.0))) or 1.0


def standardised(values: Floats, plan: MultivariatePlan) -> Floats:
    """Rows in deviations from the mean of the reference, 0 where there is no finite number."""
    return _scaled(values, np.array(plan.centres), np.array(plan.scales))


def _scaled(values: Floats, centres: Floats, scales: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.clip((values - centres) / scales, -MOST_SCALED, MOST_SCALED)
    return np.where(np.isfinite(values), scaled, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class JointMoments:
    """Sums over the rows in which both columns of a pair have a finite number.

    With d columns, ``counts`` holds these rows for the d (d + 1) / 2 pairs i <= j in the order of
    ``np.triu_indices``, and ``products`` their sums of z_i z_j; ``sums`` and ``squares`` (d x d)
    are those of z_i and z_i^2, over the rows that have column j too. z is standardised by the plan.
    """

    plan: MultivariatePlan
    n: int
    counts: Counts
    products: Floats
    sums: Floats
    squares: Floats

    @classmethod
    def of(cls, values: Floats, plan: MultivariatePlan) -> JointMoments:
        """The sums over rows (rows x columns, doubles as logged)."""
        width = len(plan.columns)
        counts, products = np.zeros((width, width)), np.zeros((width, width))
        sums, squares = np.zeros((width, width)), np.zeros((width, width))
        for start in range(0, len(values), _BLOCK):
            block = values[start : start + _BLOCK]
            z, there = standardised(block, plan), np.isfinite(block).astype(np.float64)
            counts += there.T @ there
            products += z.T @ z
            sums += z.T @ there
            squares += np.square(z).T @ there
        upper = np.triu_indices(width)
        return cls(
            plan,
            len(values),
            frozen(counts[upper].astype(np.int64)),
            frozen(products[upper]),
            frozen(sums),
            frozen(squares),
        )

    @classmethod
    def merged(cls, parts: Sequence[JointMoments]) -> JointMoments:
        """The sums over the rows of all parts."""
        return cls(
            _one_plan([part.plan for part in parts]),
            sum(part.n for part in parts),
            frozen(np.sum([part.counts for part in parts], axis=0)),
            frozen(np.sum([part.products for part in parts], axis=0)),
            frozen(np.sum([part.sums for part in parts], axis=0)),
            frozen(np.sum([part.squares for part in parts], axis=0)),
        )

    def merge(self, other: JointMoments) -> JointMoments:
        return self.merged([self, other])

    def correlations(self) -> tuple[Floats, Counts]:
        """Pearson's correlation of each pair i < j over the rows that have both, and these rows.

        In the order of ``np.triu_indices(d, 1)``; NaN where one of the two does not vary.

        >>> plan = MultivariatePlan(("a", "b"), (0.0, 0.0), (1.0, 1.0), moments=True)
        >>> rows = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [9.0, np.nan]])
        >>> moments = JointMoments.of(rows, plan)
        >>> round(float(moments.correlations()[0][0]), 12), moments.correlations()[1].tolist()
        (1.0, [3])
        """
        width = len(self.plan.columns)
        first, second = np.triu_indices(width)
        apart = first < second
        i, j = first[apart], second[apart]
        rows = self.counts[apart]
        n = np.maximum(rows, 1)
        mean_i, mean_j = self.sums[i, j] / n, self.sums[j, i] / n
        square_i, square_j = self.squares[i, j] / n, self.squares[j, i] / n
        variance_i, variance_j = square_i - mean_i**2, square_j - mean_j**2
        vary = (variance_i > _ROUNDING * square_i) & (variance_j > _ROUNDING * square_j)
        spread = np.sqrt(np.where(vary, variance_i, 1.0) * np.where(vary, variance_j, 1.0))
        found = np.clip((self.products[apart] / n - mean_i * mean_j) / spread, -1.0, 1.0)
        return np.where(vary & (rows > 1), found, np.nan), rows


_ROUNDING = 1e-11  # shares of a square that are but the rounding of its sum


@dataclass(frozen=True, slots=True, eq=False)
class FourierMeans:
    """Sums over ``n`` rows of random Fourier features: ``cosines`` and ``sines`` of the waves.

    The waves stand for a Gaussian kernel: the products of two rows' features average to
    exp(-|x - y|^2 / (2 bandwidth^2)), with rows standardised by the plan and 0 for what is missing.
    Source: Rahimi and Recht 2007 (NIPS 20).
    """

    plan: MultivariatePlan
    n: int
    cosines: Floats
    sines: Floats

    @classmethod
    def of(cls, values: Floats, plan: MultivariatePlan) -> FourierMeans:
        """The sums over rows (rows x columns, doubles as logged)."""
        waves = waves_of(len(plan.columns), plan.waves, plan.seed) / plan.bandwidth
        cosines, sines = np.zeros(plan.waves), np.zeros(plan.waves)
        for start in range(0, len(values), _BLOCK):
            # In single precision waves take a fraction of the time, and their mean no harm.
            angles = (standardised(values[start : start + _BLOCK], plan) @ waves).astype(np.float32)
            cosines += np.cos(angles).sum(0, np.float64)
            sines += np.sin(angles).sum(0, np.float64)
        return cls(plan, len(values), frozen(cosines), frozen(sines))

    @classmethod
    def merged(cls, parts: Sequence[FourierMeans]) -> FourierMeans:
        """The sums over the rows of all parts."""
        return cls(
            _one_plan([part.plan for part in parts]),
            sum(part.n for part in parts),
            frozen(np.sum([part.cosines for part in parts], axis=0)),
            frozen(np.sum([part.sines for part in parts], axis=0)),
        )

    def merge(self, other: FourierMeans) -> FourierMeans:
        return self.merged([self, other])

    def mean(self) -> Floats:
        """The mean feature vector, of length 1 at most."""
        both = np.concatenate((self.cosines, self.sines))
        mean: Floats = both / (self.n * np.sqrt(self.plan.waves))
        return mean


@cache
def waves_of(columns: int, waves: int, seed: int) -> Floats:
    """Random frequencies (columns x waves), standard normal.

    Drawn by NumPy's old generator, whose numbers are promised never to change: windows of today are
    added to those of years ago.
    """
    return frozen(np.random.RandomState(seed).standard_normal((columns, waves)))


@dataclass(frozen=True, slots=True, eq=False)
class Multivariate:
    """What is kept of the columns of a portrait together: as much of it as its plan asks for."""

    moments: JointMoments | None = None
    fourier: FourierMeans | None = None
    sample: RowSample | None = None

    @classmethod
    def of(
        cls,
        ranks: Floats,
        values: Floats,
        codes: Counts,
        plan: MultivariatePlan,
        loss: Floats | None = None,
        score: Floats | None = None,
    ) -> Multivariate:
        """All that the plan asks for, of rows as ``RowSample.of`` takes them."""
        return cls(
            JointMoments.of(values, plan) if plan.moments else None,
            FourierMeans.of(values, plan) if plan.waves else None,
            RowSample.of(ranks, values, codes, plan, loss, score) if plan.rows else None,
        )

    @classmethod
    def merged(cls, parts: Sequence[Multivariate]) -> Multivariate:
        """What is kept of the rows of all parts."""
        kinds: tuple[type[JointMoments | FourierMeans | RowSample], ...] = KINDS
        found = []
        for kind in kinds:
            met = [one for part in parts if (one := part.part(kind)) is not None]
            if met and len(met) < len(parts):
                raise PlanMismatch("what is kept of several columns differs between parts")
            found.append(kind.merged(met) if met else None)  # type: ignore[arg-type]
        return cls(*found)  # type: ignore[arg-type]

    def merge(self, other: Multivariate) -> Multivariate:
        return self.merged([self, other])

    def part(self, kind: type) -> JointMoments | FourierMeans | RowSample | None:
        """The part of a type, if it is kept."""
        parts = (self.moments, self.fourier, self.sample)
        return next((part for part in parts if isinstance(part, kind)), None)


KINDS = (JointMoments, FourierMeans, RowSample)
"""The types of profile that span the columns of a portrait, and are kept where a check asks."""


def _one_plan(plans: Sequence[MultivariatePlan]) -> MultivariatePlan:
    for plan in plans:
        if plan != plans[0]:
            raise PlanMismatch("sums of several columns under two plans do not add")
    return plans[0]
