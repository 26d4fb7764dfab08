from __future__ import annotations

import numpy as np
import pytest

from checks.bins import binned
from checks.drift_categorical import psi
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile, PlanMismatch
from checks.verdict import Verdict, default_limit, judge
from tests.checks.columns import numeric_plan
from tests.checks.drifting import (
    CHECKS,
    SHAPES,
    column,
    drifted,
    judged,
    levels,
    measure,
    numbers,
)


def test_bins_are_reference_deciles_with_open_ends():
    cut = binned(column(np.arange(1000.0)), column(np.arange(-500.0, 500.0)), 10)
    assert cut.reference.tolist() == [99, *[100] * 8, 101]
    assert cut.current.tolist()[0] == 599
    assert cut.names[0] == "below 99"
    assert cut.names[-1] == "from 899"
    assert cut.names[1] == "99 to 199"


def test_the_current_rows_do_not_move_the_bins():
    # Bins over both samples made one outlier of 1e6 shrink such a PSI from 8.7 to 0.002.
    rng = np.random.default_rng(2)
    then, now = rng.normal(0, 1, 1000), rng.normal(3, 1, 1000)
    plain = measure("psi", column(then), column(now)).value
    spiked = measure("psi", column(then), column(np.append(now, 1e6))).value
    assert plain > 5
    assert spiked == pytest.approx(plain, rel=0.01)


def test_a_constant_reference_has_a_below_an_at_and_an_above():
    cut = binned(column(np.full(500, 7.0)), column(np.array([6.0, 7.0, 8.0, 9.0])), 10)
    assert dict(zip(cut.names, cut.current.tolist(), strict=True)) == {
        "below 7": 1,
        "7": 1,
        "from 7": 2,
    }
    assert cut.reference.tolist() == [0, 500, 0]


def test_a_heavy_value_is_a_bin_of_its_own():
    rng = np.random.default_rng(3)
    then = np.concatenate((np.zeros(400), rng.exponential(1.0, 600)))
    for plan in (NumericPlan(), NumericPlan(exact=0)):
        cut = binned(column(then, plan), column(then + 1e-9, plan), 10)
        assert dict(zip(cut.names, cut.reference.tolist(), strict=True))["0"] == 400


def test_missing_rows_and_infinities_are_levels_of_their_own():
    plan = NumericPlan()
    then = NumericProfile.of(np.append(np.arange(99.0), np.inf), plan, nulls=10)
    now = NumericProfile.of(np.append(np.arange(99.0), [-np.inf, np.nan]), plan)
    cut = binned(then, now, 4)
    assert cut.names[-3:] == ("-inf", "+inf", "missing")
    assert cut.reference[-3:].tolist() == [0, 1, 10]
    assert cut.current[-3:].tolist() == [1, 0, 1]


def test_a_column_that_went_half_null_has_drifted():
    then = column(np.arange(1000.0))
    now = NumericProfile.of(np.arange(0.0, 1000.0, 2.0), NumericPlan(), nulls=500)
    stat = measure("jensen_shannon", then, now)
    assert stat.where == "missing: 0 % -> 50 %"
    assert judge(stat, default_limit(CHECKS["jensen_shannon"], None)).verdict is Verdict.CRITICAL
    assert measure("ks", then, now).value < 0.01


def test_a_bin_that_is_empty_on_both_sides_is_left_out():
    assert binned(levels(a=500), levels(a=300), 10).freedom == 0
    assert binned(levels(a=500, c=20), levels(a=300), 10).freedom == 1
    assert measure("chi_square", levels(a=500), levels(a=300)).p_value == 1.0


def test_the_number_of_bins_is_a_parameter():
    then, now = column(np.arange(1000.0)), column(np.arange(500.0))
    assert len(binned(then, now, 4).reference) == 4
    assert measure("psi", then, now, bins=2).value != measure("psi", then, now, bins=10).value
    for wrong in (1, 0, -3, 10**9):
        with pytest.raises(ValueError, match="give a number from 2"):
            binned(then, now, wrong)


def test_rare_levels_are_pooled_until_they_expect_five_rows():
    names = tuple(f"level {i}" for i in range(400))
    plan = CategoricalPlan(names)
    then = CategoricalProfile.of(dict.fromkeys(names, 5), plan)
    now = CategoricalProfile.of(dict.fromkeys(names[::2], 1), plan)
    cut = binned(then, now, 10)
    smaller = now.rows / (then.rows + now.rows)
    expected = (cut.reference + cut.current) * smaller
    assert len(cut.reference) < 40
    assert (np.sort(expected)[1:] >= 5).all()
    assert cut.reference.sum() == then.rows
    assert cut.current.sum() == now.rows


def test_frequent_levels_are_never_pooled():
    cut = binned(levels(a=500, b=300, c=100, d=60), levels(a=50, b=30, c=10, d=60), 10)
    assert sorted(cut.reference.tolist()) == [60, 100, 300, 500]


def test_a_level_that_comes_from_nowhere_stands_out_of_the_pool():
    names = tuple(f"level {i}" for i in range(500))
    plan = CategoricalPlan(names)
    then = CategoricalProfile.of(dict.fromkeys(names, 20), plan)
    now = CategoricalProfile.of({**dict.fromkeys(names[:200], 1), "level 499": 120}, plan)
    stat = measure("jensen_shannon", then, now)
    assert judged(stat) > 0.25
    assert stat.where == "level 499: 0.2 % -> 37.5 %"


def test_profiles_of_two_kinds_do_not_compare():
    with pytest.raises(PlanMismatch):
        binned(levels(a=5), numbers(1.0), 10)
    with pytest.raises(PlanMismatch, match="dictionaries"):
        binned(levels(a=5), CategoricalProfile.of({"a": 5}, CategoricalPlan(("a",))), 10)


@pytest.mark.parametrize("shape", SHAPES)
def test_bins_of_cells_are_nearly_those_of_rows(shape):
    rng = np.random.default_rng(9)
    then = SHAPES[shape](rng, 100_000)
    now = drifted(SHAPES[shape](rng, 20_000), then, rng)
    rough, fine = numeric_plan(then, exact=0), numeric_plan(then, exact=10**6)
    exact = measure("psi", column(then, fine), column(now, fine)).value
    found = measure("psi", column(then, rough), column(now, rough)).value
    assert found == pytest.approx(exact, abs=2e-3, rel=0.05)


@pytest.mark.parametrize("levels", [100, 300, 500])
def test_levels_listed_by_their_rows_in_the_reference_drift_no_more_than_others(levels: int):
    rng = np.random.default_rng(levels)
    names = [f"v{i:03}" for i in range(levels)]

    def drawn(rows):
        return dict(zip(names, rng.multinomial(rows, [1 / levels] * levels).tolist(), strict=True))

    before = drawn(6_474)
    plan = CategoricalPlan(tuple(sorted(names, key=lambda name: (-before[name], name))))
    reference = CategoricalProfile.of(before, plan)
    found = [psi.compute(reference, CategoricalProfile.of(drawn(377), plan)) for _ in range(60)]
    assert abs(np.mean([stat.corrected for stat in found])) < 0.025
    assert max(stat.corrected for stat in found) < 0.1
