from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from checks.check import NotEnoughData
from checks.joint import JointMoments
from checks.log import LogProfile
from checks.operations import level_share, ratio, row_rate, sum_low, sum_value
from checks.plan import CategoricalPlan, MultivariatePlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile
from checks.verdict import Limit, Verdict, default_limit, judge

SIDES = {"numerator": "cost", "denominator": "tokens"}
PLAN = MultivariatePlan(
    ("cost", "other", "tokens"), (2.0, 0.0, 50.0), (1.5, 1.0, 20.0), moments=True
)
STATUS = CategoricalPlan(("ok", "error"))


def rows(n=2000, seed=0, price=0.04):
    rng = np.random.default_rng(seed)
    tokens = rng.gamma(4.0, 12.0, n)
    cost = price * tokens * rng.lognormal(0.0, 0.5, n)
    return np.column_stack([cost, rng.normal(size=n), tokens])


def moments(values):
    return JointMoments.of(values, PLAN)


def window(rows, hours=1.0):
    return LogProfile.of_window(rows, 0.0, 9.0, 3600.0 * hours, span=3600.0 * hours)


# Ratios of two sums.


def test_a_ratio_of_sums_is_that_of_the_rows_and_its_error_that_of_its_residuals():
    values = rows()
    found = ratio.compute(moments(values), moments(values), **SIDES)
    x, y = values[:, 0], values[:, 2]
    assert found.value == pytest.approx(x.sum() / y.sum(), rel=1e-9)
    residual = x - found.value * y
    half = 1.959964 * residual.std(ddof=1) * np.sqrt(len(x)) / y.sum()
    assert found.high - found.value == pytest.approx(half, rel=1e-6)


def test_the_interval_of_a_ratio_holds_what_it_promises():
    true, held = 0.04 * np.exp(0.125), 0
    for seed in range(400):
        now = moments(rows(300, seed))
        found = ratio.compute(now, now, **SIDES)
        held += found.low <= true <= found.high
    assert held / 400 == pytest.approx(0.95, abs=0.035)


def test_rows_that_lack_a_side_do_not_count():
    values = rows()
    values[:500, 2] = np.nan
    found = ratio.compute(moments(values), moments(values), **SIDES)
    assert found.n_current == 1500
    assert found.value == pytest.approx(values[500:, 0].sum() / values[500:, 2].sum())


def test_a_dearer_token_is_told_from_more_tokens():
    then = moments(rows(20_000))
    limit = default_limit(ratio, ratio.compute(then, then, **SIDES))
    dearer = ratio.compute(then, moments(rows(20_000, 1, price=0.06)), **SIDES)
    more = ratio.compute(then, moments(rows(20_000, 2) * (3.0, 1.0, 3.0)), **SIDES)
    assert judge(dearer, limit).verdict is Verdict.CRITICAL
    assert judge(more, limit).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("values", "sides", "reason"),
    [
        (rows(), SIDES | {"numerator": "costs"}, "numerator: no numeric feature 'costs'"),
        (rows(), {"numerator": "cost", "denominator": "other"}, "not clearly other than 0"),
        (rows()[:0], SIDES, "not clearly other than 0"),
        (rows()[:9], SIDES, "9 rows with both, 30 needed"),
    ],
)
def test_a_ratio_that_cannot_be_told_says_why(values, sides, reason):
    with pytest.raises(NotEnoughData, match=reason):
        ratio.compute(moments(rows()), moments(values), **sides)


# Rates, sums and levels.


def test_a_rate_is_per_second_whatever_the_window_and_has_the_interval_of_a_poisson():
    found = row_rate.compute(window(7200), window(1800, hours=0.25))
    assert found.value == 2.0
    exact = np.array(stats.poisson.interval(0.95, 1800)) / 900
    assert (found.low, found.high) == pytest.approx(exact, rel=2e-3)


def test_an_hour_without_a_request_is_a_rate_of_0_and_critical():
    limit = default_limit(row_rate, row_rate.compute(window(7200), window(7200)))
    found = row_rate.compute(window(7200), window(0))
    assert (found.value, found.low) == (0.0, 0.0)
    assert judge(found, limit).verdict is Verdict.CRITICAL


def test_windows_of_a_reference_have_the_rate_of_all_of_them():
    both = window(3600).merge(window(10_800))
    assert row_rate.compute(both, both).value == 2.0


def test_the_interval_of_a_sum_holds_what_chance_brings():
    rng, held = np.random.default_rng(3), 0
    for _ in range(400):
        profile = NumericProfile.of(rng.gamma(2.0, 3.0, rng.poisson(200)), NumericPlan(5.0))
        found = sum_value.compute(profile, profile)
        held += found.low <= 200 * 6.0 <= found.high
    assert held / 400 == pytest.approx(0.95, abs=0.035)


def test_sums_are_judged_by_limits_of_your_own_on_the_side_that_is_worse():
    profile = NumericProfile.of(np.full(1000, 3.0), NumericPlan())
    for check, limit in ((sum_value, 2000.0), (sum_low, 4000.0)):
        found = check.compute(profile, profile)
        assert found.value == pytest.approx(3000.0)
        told = judge(found, Limit(None, limit, check.direction))
        assert told.verdict is Verdict.CRITICAL
        assert judge(found, default_limit(check, found)).verdict is Verdict.UNDECIDED


def test_a_share_of_a_level_counts_values_alone():
    now = CategoricalProfile.of({"ok": 90, "error": 10, "late": 5}, STATUS, nulls=40)
    shares = {level: level_share.compute(now, now, level=level).value for level in ("ok", "late")}
    assert shares == {"ok": 90 / 105, "late": 5 / 105}
    assert level_share.compute(now, now, level="ok", without=True).value == 15 / 105


def test_a_level_that_is_not_kept_is_not_taken_for_0():
    many = CategoricalProfile.of({"ok": 90} | {f"new {i}": 1 for i in range(300)}, STATUS)
    assert level_share.compute(many, many, level="error").value == 0.0
    for level in ("rare", ""):
        with pytest.raises(NotEnoughData, match="none of the levels ok, error"):
            level_share.compute(many, many, level=level)
