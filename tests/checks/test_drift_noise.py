from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
import scipy.stats

from checks.check import Stat
from checks.plan import CategoricalPlan
from checks.profile import CategoricalProfile
from checks.verdict import Verdict, default_limit, judge
from tests.checks.columns import numeric_plan
from tests.checks.drifting import (
    BINNED,
    CHECKS,
    SHAPES,
    column,
    judged,
    measure,
)


def alarms(name: str, stats: list[Stat]) -> float:
    limit = default_limit(CHECKS[name], None)
    firing = (Verdict.WARNING, Verdict.CRITICAL)
    return float(np.mean([judge(stat, limit).verdict in firing for stat in stats]))


# Mean of the corrected value in units of the noise sqrt(1/n + 1/N): what stays, stays below it.
STAYS = {
    "ks": 0.4,
    "wasserstein": 0.75,
    "energy": 0.6,
    "jensen_shannon": 0.6,
    "hellinger": 0.7,
    "total_variation": 0.8,
}


@pytest.mark.parametrize("n", [100, 1000, 10_000, 100_000])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "counts", "zero inflated"])
def test_samples_of_one_column_stay_near_zero(shape, n):
    rng = np.random.default_rng(n)
    size, repeats = 5000, max(12, min(80, 100_000 // n))
    plan = numeric_plan(SHAPES[shape](rng, size))
    found: dict[str, list[Stat]] = {name: [] for name in (*STAYS, "psi", "cramer_von_mises")}
    for _ in range(repeats):
        then = column(SHAPES[shape](rng, size), plan)
        now = column(SHAPES[shape](rng, n), plan)
        for name, stats in found.items():
            stats.append(measure(name, then, now))
    assert_near_zero(found, math.sqrt(1 / n + 1 / size))


@pytest.mark.parametrize("n", [100, 1000, 10_000, 100_000])
@pytest.mark.parametrize("size", [2, 10, 50, 200, 1000])
@pytest.mark.parametrize("tail", [0.0, 1.0])
def test_samples_of_one_set_of_levels_stay_near_zero(size, n, tail):
    rng = np.random.default_rng(size * n)
    shares = 1.0 / np.arange(1, size + 1) ** tail
    plan = CategoricalPlan(tuple(f"level {i}" for i in range(size)))
    found: dict[str, list[Stat]] = {name: [] for name in BINNED}
    for _ in range(25):
        then, now = (
            CategoricalProfile(plan, rng.multinomial(rows, shares / shares.sum()).astype(np.int64))
            for rows in (20_000, n)
        )
        for name, stats in found.items():
            stats.append(measure(name, then, now))
    p_values = np.array([stat.p_value for stat in found.pop("chi_square")])
    assert np.mean(p_values < 0.05) <= 0.24
    assert_near_zero(found, math.sqrt(1 / n + 1 / 20_000), bins=min(size, n / 5, 200))


def assert_near_zero(found: Mapping[str, list[Stat]], noise: float, bins: float = 10.0) -> None:
    for name, stats in found.items():
        mean = float(np.mean([judged(stat) for stat in stats]))
        if name in STAYS:
            wide = max(bins / 10.0, 1.0) ** 0.5 if name in BINNED else 1.0
            assert mean <= STAYS[name] * noise * wide, name
        else:
            spread = math.sqrt(2.0 * bins) * noise**2
            assert abs(mean) <= 1.5 * spread + 0.1 * bins * noise**2, name


@pytest.mark.parametrize(
    ("n", "most"),
    [
        (100, {"wasserstein": 0.14, "jensen_shannon": 0.08, "psi": 0.06, "ks": 0.04}),
        (336, {"wasserstein": 0.03, "jensen_shannon": 0.02, "psi": 0.01, "ks": 0.01}),
        (1000, {"wasserstein": 0.01, "jensen_shannon": 0.0, "psi": 0.0, "ks": 0.0}),
    ],
)
def test_default_limits_seldom_fire_without_drift(n, most):
    rng = np.random.default_rng(17)
    for name, rate in most.items():
        stats = []
        for _ in range(250):
            then, now = column(rng.normal(size=5000)), column(rng.normal(size=n))
            stats.append(measure(name, then, now))
        assert alarms(name, stats) <= rate, name


@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_large_effects_keep_their_size(shift):
    rng = np.random.default_rng(19)
    stats: dict[str, list[float]] = {"ks": [], "wasserstein": []}
    for _ in range(60):
        then, now = column(rng.normal(size=5000)), column(rng.normal(shift, 1.0, 400))
        for name, values in stats.items():
            values.append(judged(measure(name, then, now)))
    true = {"ks": 2 * scipy.stats.norm.cdf(shift / 2) - 1, "wasserstein": shift}
    for name, values in stats.items():
        assert np.mean(values) == pytest.approx(true[name], rel=0.05), name
