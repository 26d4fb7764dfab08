"""Moves of the mean, the spread and the quantiles, against scipy, formulas and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from checks.check import NotEnoughData
from checks.plan import NumericPlan
from checks.verdict import Verdict, default_limit, judge
from tests.checks.columns import numeric_plan
from tests.checks.drifting import CHECKS, SHAPES, column, drifted, measure, numbers, samples

NAMES = ("mean_shift", "variance_shift", "quantile_shift")
varied = st.lists(st.floats(-100, 100).map(lambda x: round(x, 2)), min_size=20, max_size=60).map(
    np.array
)


def varies(*sides: np.ndarray) -> bool:
    return all(np.ptp(side) > 1.0 for side in sides)


@given(varied, varied)
def test_mean_shift_is_welchs_t(one, other):
    assume(varies(one, other))
    expected = scipy.stats.ttest_ind(other, one, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    found = measure("mean_shift", column(one), column(other))
    assert found.value == pytest.approx((other.mean() - one.mean()) / one.std(), abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.low == pytest.approx(bounds.low / one.std(), rel=1e-9, abs=1e-9)
    assert found.high == pytest.approx(bounds.high / one.std(), rel=1e-9, abs=1e-9)


@given(varied, varied)
def test_variance_shift_follows_layards_formula(one, other):
    assume(varies(one, other))
    found = measure("variance_shift", column(one), column(other))
    assert found.value == pytest.approx(math.log2(other.std() / one.std()), abs=1e-12)
    n, m = len(one), len(other)
    excess = np.sum(scipy.stats.zscore(one) ** 4) + np.sum(scipy.stats.zscore(other) ** 4)
    k = excess / (n + m)
    error = math.sqrt((k - 3) * (1 / n + 1 / m) + 2 / (n - 1) + 2 / (m - 1)) / 2 / math.log(2)
    assert found.high - found.value == pytest.approx(1.959964 * error, rel=1e-6)
    if found.value:
        expected = 2 * scipy.stats.norm.sf(abs(found.value) / error)
        assert found.p_value == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(samples)
def test_a_copy_has_not_moved(values):
    assume(len(values) >= 20)
    for name in NAMES:
        stat = measure(name, column(values), column(values.copy()))
        assert (stat.value, stat.p_value or 1.0, stat.where) == (0.0, 1.0, "")


@given(varied, varied)
def test_sides_may_change_places(one, other):
    assume(varies(one, other))
    there = measure("variance_shift", column(one), column(other))
    back = measure("variance_shift", column(other), column(one))
    assert there.value == pytest.approx(-back.value)
    assert there.p_value == pytest.approx(back.p_value)
    one, other = one / one.std(), other / other.std()
    for name in ("mean_shift", "quantile_shift"):
        there = measure(name, column(one), column(other)).value
        assert abs(there) == pytest.approx(abs(measure(name, column(other), column(one)).value))


@given(varied, varied, st.sampled_from([0.25, 3.0, 1024.0]), st.integers(-1000, 1000))
def test_units_and_offsets_do_not_matter(one, other, unit, offset):
    assume(varies(one, other))
    for name in NAMES:
        plain = measure(name, column(one), column(other))
        moved = measure(name, column((one + offset) * unit), column((other + offset) * unit))
        # A move of 0 within rounding has a rounded sign.
        assert moved.value == pytest.approx(plain.value, rel=1e-9, abs=1e-9), name


@given(varied, varied, varied)
def test_merged_parts_measure_as_the_whole(one, two, now):
    assume(varies(one, now))
    whole, merged = column(np.concatenate((one, two))), column(one).merge(column(two))
    for name in NAMES:
        there, here = measure(name, merged, column(now)), measure(name, whole, column(now))
        assert there.value == pytest.approx(here.value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_are_within_the_stated_error(shape):
    rng = np.random.default_rng(1)
    then, now = SHAPES[shape](rng, 20_000), SHAPES[shape](rng, 8000)
    now = drifted(now, then, rng)
    exact = [column(each, numeric_plan(then, 10**6)) for each in (then, now)]
    rough = [column(each, numeric_plan(then, 0)) for each in (then, now)]
    mean, fine = measure("mean_shift", *rough), measure("mean_shift", *exact)
    assert mean.value == pytest.approx(fine.value, rel=1e-6, abs=1e-9)
    assert mean.p_value == pytest.approx(fine.p_value, rel=1e-4, abs=1e-12)
    spread, fine = measure("variance_shift", *rough), measure("variance_shift", *exact)
    assert spread.value == pytest.approx(fine.value, rel=1e-6, abs=1e-9)
    assert spread.high - spread.value == pytest.approx(fine.high - fine.value, rel=0.02)
    move, fine = measure("quantile_shift", *rough), measure("quantile_shift", *exact)
    farthest = np.abs(np.quantile(then, (0.05, 0.95)) - np.median(then)).max()
    assert move.value == pytest.approx(fine.value, abs=0.01 * farthest / then.std())


@pytest.mark.parametrize("shape", ["normal", "uniform", "exponential", "two humps", "counts"])
@pytest.mark.parametrize("name", ["mean_shift", "variance_shift"])
def test_intervals_cover_and_p_values_hold_without_drift(shape, name):
    rng = np.random.default_rng(2)
    stats = [
        measure(name, column(SHAPES[shape](rng, 2000)), column(SHAPES[shape](rng, 300)))
        for _ in range(400)
    ]
    covered = np.mean([stat.low <= 0.0 <= stat.high for stat in stats])
    alarmed = np.mean([stat.p_value < 0.05 for stat in stats])
    assert 0.92 <= covered <= 0.98
    assert 0.02 <= alarmed <= 0.08


def test_heavy_tails_widen_the_interval_of_the_spread():
    rng = np.random.default_rng(3)
    stats = [
        measure("variance_shift", column(rng.standard_t(6, 3000)), column(rng.standard_t(6, 500)))
        for _ in range(300)
    ]
    assert np.mean([stat.p_value < 0.05 for stat in stats]) <= 0.1
    normal = math.sqrt((1 / 3000 + 1 / 500) / 2) / math.log(2)  # the F test, for normal values
    alarms = np.mean([abs(stat.value) > 1.96 * normal for stat in stats])
    assert alarms > 0.15


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_the_interval_of_a_quantile_covers_its_move(quantile):
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        then, now = rng.exponential(size=1000), rng.exponential(1.5, 200)
        truth = 0.5 * -math.log(1 - quantile) / then.std()
        stat = measure("quantile_shift", column(then), column(now), quantile=quantile)
        hits += stat.low <= truth <= stat.high
    assert 0.91 <= hits / 300 <= 0.99


@pytest.mark.parametrize("shape", ["normal", "exponential", "counts", "zero inflated", "cauchy"])
@pytest.mark.parametrize("n", [100, 1000])
def test_without_drift_the_largest_move_is_its_noise(shape, n):
    rng = np.random.default_rng(5)
    plan = numeric_plan(SHAPES[shape](rng, 5000))
    stats = [
        measure(
            "quantile_shift",
            column(SHAPES[shape](rng, 5000), plan),
            column(SHAPES[shape](rng, n), plan),
        )
        for _ in range(100)
    ]
    corrected = np.mean([stat.corrected for stat in stats])
    assert corrected <= 0.4 * np.mean([stat.value for stat in stats]) + 1e-12
    assert np.mean([stat.corrected == 0.0 for stat in stats]) >= 0.4


def test_a_large_move_of_a_quantile_keeps_its_size():
    rng = np.random.default_rng(6)
    then = rng.normal(size=5000)
    now = rng.normal(size=2000)
    now[now > 1.2] += 3.0
    stat = measure("quantile_shift", column(then), column(now))
    assert stat.where.startswith("90 % quantile")
    assert stat.corrected == pytest.approx(stat.value, rel=0.03)
    assert judge(stat, default_limit(CHECKS["quantile_shift"], None)).verdict is Verdict.CRITICAL
    assert abs(measure("quantile_shift", column(then), column(now), quantile=0.5).value) < 0.1


def test_a_share_near_one_half_is_no_move_of_the_median():
    then, now = np.repeat([0.0, 1.0], [2510, 2490]), np.repeat([0.0, 1.0], [245, 255])
    stat = measure("quantile_shift", column(then), column(now))
    assert stat.value == pytest.approx(2.0, rel=1e-3)
    assert stat.corrected == 0.0
    one = measure("quantile_shift", column(then), column(now), quantile=0.5)
    assert one.low == 0.0


@pytest.mark.parametrize("bad", [-0.1, 1.0, 95.0])
def test_a_quantile_is_a_share(bad):
    with pytest.raises(ValueError, match="give a share between 0 and 1"):
        measure("quantile_shift", numbers(1.0, 2.0), numbers(1.0), quantile=bad)


def test_constants_are_measured_or_refused_with_a_reason():
    one, other = column(np.full(200, 5.0)), column(np.full(300, 7.0))
    moved = measure("mean_shift", one, other)
    assert (moved.value, moved.p_value, moved.where) == (2.0, 0.0, "mean 5 -> 7")
    assert measure("mean_shift", other, one).value == -2.0
    assert measure("quantile_shift", one, other).value == 2.0
    assert measure("variance_shift", one, other).value == 0.0
    for pair in ((one, column(np.arange(50.0))), (column(np.arange(50.0)), one)):
        with pytest.raises(NotEnoughData, match="does not vary"):
            measure("variance_shift", *pair)


@pytest.mark.parametrize(("name", "need"), [("mean_shift", 2), ("variance_shift", 2)])
def test_one_value_has_no_spread(name, need):
    with pytest.raises(NotEnoughData, match=f"1 value in the current window, {need} needed"):
        measure(name, column(np.arange(50.0)), numbers(3.0))


def test_quantiles_need_a_value_beyond_them():
    with pytest.raises(NotEnoughData, match="19 values in the reference, 20 needed"):
        measure("quantile_shift", column(np.arange(19.0)), column(np.arange(50.0)))
    with pytest.raises(NotEnoughData, match="100 needed"):
        measure("quantile_shift", column(np.arange(90.0)), column(np.arange(90.0)), quantile=0.99)


def test_a_far_offset_keeps_the_digits():
    rng = np.random.default_rng(7)
    then, now = (np.round(rng.normal(40, 12, n)) for n in (1400, 700))
    plan = NumericPlan(float(np.float32(1e15)))
    for name in NAMES:
        near = measure(name, column(then), column(now))
        far = measure(name, column(then + 1e15, plan), column(now + 1e15, plan))
        assert far.value == pytest.approx(near.value, rel=1e-9, abs=1e-12), name
        assert far.p_value == (None if near.p_value is None else pytest.approx(near.p_value))
