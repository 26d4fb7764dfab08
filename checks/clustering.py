"""Shape of clusters: how well apart the clusters are that a model tells, in a sample of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured
from checks.joint import standardised
from checks.resampling import percentiles
from checks.sample import RowSample

NOISE = "-1"
"""The cluster of rows that belong to none, as scikit-learn has it (DBSCAN, HDBSCAN, OPTICS)."""

FEWEST_ROWS = 50
_DRAWS = 200
_BLOCK = 1 << 9  # rows whose distances to all others are held at once


@check(
    RowSample,
    direction="below",
    slack=(0.05, 0.15),
    cause="predictions",
    needs="clusters",
)
def silhouette(reference: RowSample, current: RowSample) -> Stat:
    """How much nearer rows are to their own cluster than to the next one: mean silhouette.

    1 where clusters are tight and far apart, 0 where they overlap, below 0 where rows would fit
    another cluster better. It is that of up to 5,000 rows and of the numeric features, standardised
    by the reference, missing values counting as the mean. Rows of the cluster -1 are noise, as in
    scikit-learn, and left out; so are rows of clusters that the reference did not have. A row that
    is alone in its cluster counts 0. The interval is that of a mean (Student, 1908), from 50 rows
    on.

    Formula: mean of (b - a) / max(a, b), a the mean distance to the other rows of the own cluster,
    b that to the rows of the nearest other one. Source: Rousseeuw 1987 (J. Comput. Appl. Math. 20).

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=60, categories=("k",), clusters=2)
    >>> x, k = np.repeat([0.0, 4.0], 30)[:, None], np.repeat([1, 2], 30)[:, None]
    >>> rows = RowSample.of(np.arange(60) / 60.0, x, k, plan)
    >>> silhouette.compute(rows, rows).value
    1.0
    """
    groups = _Groups.of(current)
    each = _silhouettes(groups)
    value = float(each.mean())

    def interval(z: float) -> Interval:
        low, high = intervals.mean(float(each.sum()), float(each @ each), len(each), z)
        return Interval(max(low, -1.0), min(high, 1.0))

    return _enough(groups, value, interval, reference)


@check(
    RowSample,
    direction="below",
    slack=(0.15, 0.4),
    relative=True,
    cause="predictions",
    default=False,
)
def calinski_harabasz(reference: RowSample, current: RowSample) -> Stat:
    """Spread of the clusters' centres over the spread of rows about them, per 1,000 rows.

    The index itself grows with the rows, so it is divided by them: of n rows and K clusters it is
    1,000 / (n - K) times that of scikit-learn. Rows, features and noise are treated as by
    ``silhouette``. The interval is the middle of 200 bootstrap resamples, from 50 rows on.

    Formula: 1000 B / (K - 1) / W, B and W the sums of squares between and within clusters.
    Source: Calinski and Harabasz 1974 (Commun. Stat. 3); Efron 1979.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=60, categories=("k",), clusters=2)
    >>> x, k = np.tile([0.0, 2.0, 4.0, 6.0], 15)[:, None], np.tile([1, 1, 2, 2], 15)[:, None]
    >>> rows = RowSample.of(np.arange(60) / 60.0, x, k, plan)
    >>> calinski_harabasz.compute(rows, rows).value
    4000.0
    """
    groups = _Groups.of(current)
    ones = np.ones((1, groups.n))
    value = float(_variance_ratio(groups, ones)[0])
    if not np.isfinite(value):
        raise NotEnoughData("not computed: rows of a cluster do not differ", have=groups.n)
    draws = _variance_ratio(groups, groups.resampled())
    return _enough(groups, value, lambda z: percentiles(value, draws, z), reference)


@check(
    RowSample,
    direction="above",
    slack=(0.15, 0.4),
    relative=True,
    cause="predictions",
    default=False,
)
def davies_bouldin(reference: RowSample, current: RowSample) -> Stat:
    """How alike each cluster is to the one most like it, on average: 0 where they are far apart.

    Rows, features and noise are treated as by ``silhouette``. The interval is the middle of 200
    bootstrap resamples, from 50 rows on.

    Formula: mean over k of max over l of (s_k + s_l) / d_kl, s the mean distance of a cluster's
    rows to its centre, d_kl that between two centres.
    Source: Davies and Bouldin 1979 (IEEE TPAMI 1); Efron 1979.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=60, categories=("k",), clusters=2)
    >>> x, k = np.tile([0.0, 2.0, 4.0, 6.0], 15)[:, None], np.tile([1, 1, 2, 2], 15)[:, None]
    >>> rows = RowSample.of(np.arange(60) / 60.0, x, k, plan)
    >>> davies_bouldin.compute(rows, rows).value
    0.5
    """
    groups = _Groups.of(current)
    value = float(_likeness(groups, np.ones((1, groups.n)))[0])
    if not np.isfinite(value):
        raise NotEnoughData("not computed: two clusters have one centre", have=groups.n)
    draws = _likeness(groups, groups.resampled())
    return _enough(groups, value, lambda z: percentiles(value, draws, z), reference)


class _Groups(NamedTuple):
    """Standardised rows (rows x features), the cluster of each from 0 on, and those left out."""

    rows: Floats
    cluster: Counts
    noise: int
    unknown: int

    @classmethod
    def of(cls, sample: RowSample) -> _Groups:
        """The rows of clusters.

        Raises:
            NotEnoughData: there are not two clusters, or not more rows than clusters.
        """
        plan = sample.plan
        if not plan.clusters or not plan.columns:
            missing = "numeric features" if plan.clusters else 'clusters: task = "clustering" has'
            raise NotEnoughData(f"there are no {missing}", among=sample.n)
        code = sample.codes[:, -1]
        noise = code == plan.noise if plan.noise else np.zeros(sample.n, np.bool_)
        known = (code > 0) & (code <= plan.clusters) & ~noise
        _, cluster = np.unique(code[known], return_inverse=True)
        rows = standardised(sample.values[known], plan)
        order = np.argsort(cluster, kind="stable")
        rows, cluster = rows[order], cluster[order]
        groups = cls(rows, cluster, int(noise.sum()), int((~known & ~noise & (code > 0)).sum()))
        if groups.k < 2:
            raise NotEnoughData(
                f"{groups.k} clusters among {groups.n} rows", groups.k, 2, among=sample.n
            )
        if groups.n <= groups.k:
            reason = f"{groups.n} rows in {groups.k} clusters"
            raise NotEnoughData(reason, groups.n, groups.k + 1, among=sample.n)
        return groups

    @property
    def n(self) -> int:
        return len(self.cluster)

    @property
    def k(self) -> int:
        return int(self.cluster.max(initial=-1)) + 1

    @property
    def members(self) -> Floats:
        """1 where a row is of a cluster (rows x clusters)."""
        table = np.zeros((self.n, self.k))
        table[np.arange(self.n), self.cluster] = 1.0
        return table

    def sums(self, values: Floats) -> Floats:
        """The sum over the rows of each cluster, which lie together."""
        starts = np.searchsorted(self.cluster, np.arange(self.k))
        return np.add.reduceat(values, starts, axis=0)

    def resampled(self) -> Floats:
        """How often each row is drawn in each of 200 resamples (resamples x rows)."""
        generator = np.random.Generator(np.random.PCG64(0))
        drawn = generator.multinomial(self.n, np.full(self.n, 1.0 / self.n), _DRAWS)
        return np.asarray(drawn, np.float64)

    def told(self) -> str:
        """Which rows the number says nothing of."""
        parts = (
            (self.noise, "rows of noise (-1)"),
            (self.unknown, "rows of clusters unknown to the reference"),
        )
        shown = [f"{count:,} {what}" for count, what in parts if count]
        return f"of a sample, without {' and '.join(shown)}" if shown else ""


def _distances(rows: Floats, others: Floats) -> Floats:
    """Euclidean distances (rows x others)."""
    square = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2.0 * rows @ others.T
    distances: Floats = np.sqrt(np.maximum(square, 0.0))
    return distances


def _silhouettes(groups: _Groups) -> Floats:
    """The silhouette of each row."""
    members, found = groups.members, np.zeros(groups.n)
    sizes = members.sum(0)
    for start in range(0, groups.n, _BLOCK):
        part = slice(start, start + _BLOCK)
        own = groups.cluster[part]
        distances = _distances(groups.rows[part], groups.rows)
        turn = np.arange(len(own))
        distances[turn, turn + start] = 0.0  # to itself, but for rounding
        sums = distances @ members
        inside = sums[turn, own] / np.maximum(sizes[own] - 1.0, 1.0)
        means = sums / sizes
        means[turn, own] = np.inf
        outside = means.min(1)
        larger = np.maximum(inside, outside)
        alone = (sizes[own] == 1.0) | (larger == 0.0)
        found[part] = np.where(alone, 0.0, (outside - inside) / np.where(alone, 1.0, larger))
    return found


def _centres(groups: _Groups, weights: Floats) -> tuple[Floats, Floats]:
    """The weight of each cluster, and its centre (clusters x features); NaN where it has none."""
    sizes = groups.sums(weights)
    with np.errstate(invalid="ignore"):
        centres: Floats = groups.sums(groups.rows * weights[:, None]) / sizes[:, None]
    return sizes, centres


def _variance_ratio(groups: _Groups, draws: Floats) -> Floats:
    """The index of each draw, whose weights say how often each row counts; NaN or infinite where
    there are not two clusters or rows do not differ."""
    found = np.empty(len(draws))
    for place, weights in enumerate(draws):
        sizes, centres = _centres(groups, weights)
        met = sizes > 0.0
        middle = weights @ groups.rows / weights.sum()
        between = float(sizes[met] @ ((centres[met] - middle) ** 2).sum(1))
        away = groups.rows - np.where(met[:, None], centres, 0.0)[groups.cluster]
        within = float(weights @ (away**2).sum(1))
        with np.errstate(divide="ignore", invalid="ignore"):
            found[place] = np.divide(1000.0 * between, (met.sum() - 1.0) * within)
    return found


def _likeness(groups: _Groups, draws: Floats) -> Floats:
    """The index of each draw, as ``_variance_ratio`` takes them."""
    found = np.empty(len(draws))
    for place, weights in enumerate(draws):
        sizes, centres = _centres(groups, weights)
        met = sizes > 0.0
        centres = np.where(met[:, None], centres, 0.0)
        away = np.sqrt(((groups.rows - centres[groups.cluster]) ** 2).sum(1))
        spread = (groups.sums(away * weights) / np.where(met, sizes, 1.0))[met]
        apart = _distances(centres[met], centres[met])
        np.fill_diagonal(apart, np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            alike = (spread[:, None] + spread) / apart
        found[place] = alike.max(1).mean() if met.sum() > 1 else np.nan
    return found


def _enough(
    groups: _Groups, value: float, interval: Callable[[float], Interval], reference: RowSample
) -> Stat:
    """The number with its interval, from 50 rows on."""
    stat = measured(
        value, interval, n_reference=reference.n, n_current=groups.n, where=groups.told()
    )
    if groups.n < FEWEST_ROWS:
        reason = f"{groups.n} rows of clusters, {FEWEST_ROWS} needed"
        raise NotEnoughData(reason, groups.n, FEWEST_ROWS, stat=stat)
    return stat
