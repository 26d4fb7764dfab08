"""Figures of a column against numpy on its values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from checks.check import NotEnoughData
from checks.figures import mean_change, mean_value, quantile, share_above, share_below
from checks.plan import NumericPlan
from checks.profile import NumericProfile

EXACT, CELLS = NumericPlan(), NumericPlan(exact=0)
PLAIN = st.floats(-1e6, 1e6, allow_subnormal=False)
NUMBERS = st.lists(PLAIN, min_size=3, max_size=60)


def of(values: object, plan: NumericPlan = EXACT) -> NumericProfile:
    return NumericProfile.of(np.array(values, np.float64), plan)


@given(NUMBERS, PLAIN)
def test_shares_beyond_a_limit_are_counts(values: list[float], limit: float) -> None:
    profile, loose = of(values), np.array(values)
    above = share_above.compute(profile, profile, limit=limit).value
    below = share_below.compute(profile, profile, limit=limit).value
    assert above == pytest.approx(np.mean(loose > limit))
    assert below == pytest.approx(np.mean(loose < limit))


@pytest.mark.parametrize("limit", [-1.0, 0.0, 0.5, 3.0, 40.0])
def test_on_the_grid_a_share_is_off_by_at_most_the_cell_of_the_limit(limit: float) -> None:
    values = np.random.default_rng(3).lognormal(0.0, 1.0, 20_000)
    profile = of(values, CELLS)
    found = share_above.compute(profile, profile, limit=limit).value
    near = np.mean(np.abs(values - limit) <= 0.008 * abs(limit))
    assert abs(found - np.mean(values > limit)) <= near


def test_none_and_all_are_exact_on_the_grid_too() -> None:
    values = np.random.default_rng(4).normal(0.0, 1.0, 5_000)
    profile = of(values, CELLS)
    assert share_above.compute(profile, profile, limit=float(values.max())).value == 0.0
    assert share_below.compute(profile, profile, limit=float(values.min())).value == 0.0
    least = math.nextafter(float(values.min()), -math.inf)
    assert share_above.compute(profile, profile, limit=least).value == 1.0


def test_infinities_lie_beyond_every_limit() -> None:
    profile = of([1.0, np.inf, -np.inf, -np.inf])
    assert share_above.compute(profile, profile, limit=1e300).value == 0.25
    assert share_below.compute(profile, profile, limit=-1e300).value == 0.5


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("plan", [EXACT, CELLS], ids=["exact", "cells"])
def test_a_quantile_is_that_of_numpy(share: float, plan: NumericPlan) -> None:
    values = np.random.default_rng(5).gamma(2.0, 30.0, 4_000).round(1)
    stat = quantile.compute(of(values, plan), of(values, plan), share=share)
    wanted = np.quantile(values, share, method="inverted_cdf")
    assert stat.value == pytest.approx(wanted, rel=0.009)
    assert stat.low is not None
    assert stat.high is not None
    assert stat.low <= stat.value <= stat.high


def test_the_interval_of_a_quantile_covers() -> None:
    rng, truth = np.random.default_rng(6), stats.expon.ppf(0.9)
    inside = 0
    for _ in range(300):
        profile = of(rng.exponential(1.0, 400))
        stat = quantile.compute(profile, profile, share=0.9)
        assert stat.low is not None
        assert stat.high is not None
        inside += stat.low <= truth <= stat.high
    assert inside >= 0.92 * 300


def test_a_high_quantile_of_few_rows_is_shown_and_not_judged() -> None:
    profile = of(np.arange(50.0))
    with pytest.raises(NotEnoughData, match="50 values, 100 needed") as caught:
        quantile.compute(profile, profile, share=0.99)
    assert caught.value.stat is not None
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile.compute(profile, profile, share=1.0)


def test_a_mean_has_the_interval_of_student() -> None:
    values = np.random.default_rng(7).normal(50.0, 9.0, 80)
    stat = mean_value.compute(of(values), of(values))
    wanted = stats.t.interval(0.95, 79, values.mean(), stats.sem(values))
    assert stat.value == pytest.approx(values.mean())
    assert (stat.low, stat.high) == pytest.approx(wanted)


def test_the_interval_of_a_change_covers() -> None:
    rng, inside = np.random.default_rng(8), 0
    for _ in range(300):
        then, now = rng.lognormal(1.0, 0.6, 300), rng.lognormal(1.1, 0.6, 200)
        stat = mean_change.compute(of(then), of(now))
        assert stat.value == pytest.approx(now.mean() / then.mean() - 1.0)
        assert stat.low is not None
        assert stat.high is not None
        inside += stat.low <= math.exp(0.1) - 1.0 <= stat.high
    assert inside >= 0.92 * 300


@pytest.mark.parametrize("side", [[-1.0, 1.0], [-5.0, -4.0], []])
def test_what_has_no_shares_is_said(side: list[float]) -> None:
    with pytest.raises(NotEnoughData):
        mean_change.compute(of(side), of([1.0, 2.0]))
    with pytest.raises(NotEnoughData):
        mean_change.compute(of([1.0, 2.0]), of(side))
