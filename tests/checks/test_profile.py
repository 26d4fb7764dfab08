from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks.log import Anomaly, LogProfile
from checks.pack import pack
from checks.plan import CategoricalPlan, NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import MOST_UNSEEN, CategoricalProfile, NumericProfile, PlanMismatch
from tests.checks.edges import PLANS, VALUES

SUMS = {"total", "squares"}

# Whole and halved numbers, so that sums do not depend on their order.
values = st.lists(
    st.one_of(
        st.integers(-300, 300).map(float),
        st.integers(-(10**6), 10**6).map(lambda n: n / 2),
        st.sampled_from([math.nan, math.inf, -math.inf, -0.0]),
    ),
    max_size=40,
).map(lambda each: np.array(each, np.float64))
plans = st.sampled_from(
    [
        NumericPlan(),
        NumericPlan(7.0, 0, (0.0, 3.0, -2.5)),
        NumericPlan(0.5, 2, (7.0,), 8),
        NumericPlan(-3.0, 3, (), 0),
        NumericPlan(1.0, 0, (2.0,), 0, (-100.0, 0.0, 0.5, 2.0, 2.5, 99.0)),
    ]
)


def same(one: object, other: object) -> bool:
    """Whether two profiles are equal in every field, arrays by value and type."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            if not (isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)):
                return False
        elif a != b:
            return False
    return True


@given(values, values, plans)
def test_merged_profiles_are_the_profile_of_all_rows(one, other, plan):
    merged = NumericProfile.of(one, plan, nulls=1).merge(NumericProfile.of(other, plan, nulls=2))
    assert same(merged, NumericProfile.of(np.concatenate((one, other)), plan, nulls=3))


@given(values, st.data(), plans)
def test_values_with_counts_are_the_rows_they_stand_for(each, data, plan):
    counts = data.draw(arrays.arrays(np.int64, len(each), elements=st.integers(0, 9)))
    counted = NumericProfile.of(each, plan, counts=counts, nulls=2, found=("number",))
    rows = NumericProfile.of(np.repeat(each, counts), plan, nulls=2, found=("number",))
    assert same(counted, rows)


@given(
    arrays.arrays(np.float64, 30, elements=st.floats(-1e9, 1e9)),
    arrays.arrays(np.int64, 30, elements=st.integers(1, 50)),
)
def test_sums_of_counted_values_differ_by_rounding_alone(each, counts):
    plan = NumericPlan(0.1, 0, tuple(each[:3].tolist()), 7)
    counted = NumericProfile.of(each, plan, counts=counts)
    rows = NumericProfile.of(np.repeat(each, counts), plan)
    near = 1e-12 * (np.abs(each - 0.1) @ counts)
    assert counted.total == pytest.approx(rows.total, rel=0, abs=near)
    assert counted.squares == pytest.approx(rows.squares, rel=1e-12)
    assert same(replace(counted, total=0.0, squares=0.0), replace(rows, total=0.0, squares=0.0))


def test_counts_of_many_rows_do_not_lose_digits():
    counts = np.array([2**53 + 1, 1])
    profile = NumericProfile.of(np.array([1.0, 2.0]), NumericPlan(), counts=counts)
    assert profile.n == 2**53 + 2
    assert profile.exact_counts.tolist() == counts.tolist()


@given(values, values, plans)
def test_merging_is_commutative(one, other, plan):
    a, b = NumericProfile.of(one, plan), NumericProfile.of(other, plan)
    assert same(a.merge(b), b.merge(a))


@given(values, values, values, plans)
def test_merging_is_associative(one, two, three, plan):
    a, b, c = (NumericProfile.of(each, plan) for each in (one, two, three))
    assert same(a.merge(b).merge(c), a.merge(b.merge(c)))


@given(values, plans)
def test_the_empty_profile_is_neutral(one, plan):
    profile = NumericProfile.of(one, plan, nulls=4, unparsed=2, found=("text",), example="x")
    assert same(profile.merge(NumericProfile.of(np.empty(0), plan)), profile)


@given(values, values, plans, st.integers(0, 4))
def test_coarsening_commutes_with_merging(one, other, plan, extra):
    a, b = NumericProfile.of(one, plan), NumericProfile.of(other, plan)
    shift = plan.shift + extra
    assert same(a.merge(b).coarsen(shift), a.coarsen(shift).merge(b.coarsen(shift)))


@given(values, plans)
def test_the_order_of_rows_does_not_matter(one, plan):
    assert same(NumericProfile.of(one, plan), NumericProfile.of(one[::-1].copy(), plan))


@given(values, plans)
def test_every_row_is_counted_once(one, plan):
    profile = NumericProfile.of(one, plan, nulls=5, unparsed=3)
    assert profile.rows == len(one) + 8
    assert profile.n == np.isfinite(one).sum()
    assert profile.missing == 5 + np.isnan(one).sum()
    assert (profile.above, profile.below) == ((one == np.inf).sum(), (one == -np.inf).sum())


@given(values, plans)
def test_atoms_are_counted_exactly(one, plan):
    counted = NumericProfile.of(one, plan).atom_counts
    assert counted.tolist() == [int((one == atom).sum()) for atom in plan.atoms]


@given(values, plans)
def test_distinct_values_are_kept_while_they_are_few(one, plan):
    profile = NumericProfile.of(one, plan)
    seen = Counter(one[np.isfinite(one)].tolist())
    if not plan.exact or len(seen) > plan.exact:
        assert profile.exact is None
        assert profile.exact_counts is None
    else:
        assert dict(zip(profile.exact, profile.exact_counts, strict=True)) == seen
        assert not np.signbit(profile.exact[profile.exact == 0]).any()


def test_profiles_of_different_plans_do_not_add():
    one = NumericProfile.of(np.ones(3), NumericPlan(0.0))
    with pytest.raises(PlanMismatch, match=r"centre=1\.0"):
        one.merge(NumericProfile.of(np.ones(3), NumericPlan(1.0)))


def test_a_coarse_profile_cannot_become_finer():
    with pytest.raises(PlanMismatch, match="finer"):
        NumericProfile.of(np.ones(3), NumericPlan(shift=2)).coarsen(0)


@pytest.mark.parametrize("name", [name for name in VALUES if np.isfinite(VALUES[name]).any()])
def test_mean_and_deviation_of_kept_values_are_those_of_higher_precision(name):
    finite = VALUES[name][np.isfinite(VALUES[name])].astype(np.longdouble)
    profile = NumericProfile.of(VALUES[name], PLANS["values"])
    scale = float(np.abs(finite).max()) or 1.0
    assert profile.mean / scale == pytest.approx(float(finite.mean() / scale), rel=1e-12, abs=1e-15)
    assert profile.sd / scale == pytest.approx(float(finite.std() / scale), rel=1e-9, abs=1e-18)


@pytest.mark.parametrize("name", ["normal", "outlier", "sentinel", "cauchy", "huge", "largest"])
@pytest.mark.parametrize("plan", ["cells", "segment"])
def test_mean_and_deviation_from_sums_are_near(name, plan):
    finite = VALUES[name].astype(np.longdouble)
    profile = NumericProfile.of(VALUES[name], PLANS[plan])
    # Sums of squares overflow beyond 1e154: then the middles of cells have to do.
    rough = 1e-9 if np.abs(finite).max() < 1e100 else 1.0
    scale = float(finite.std())
    assert profile.mean / scale == pytest.approx(float(finite.mean() / scale), abs=rough)
    assert profile.sd / scale == pytest.approx(1.0, rel=rough)
    assert profile.sd > 0


def test_no_values_have_no_mean_and_no_deviation():
    for plan in PLANS.values():
        profile = NumericProfile.of(np.array([np.nan, np.inf]), plan, nulls=3)
        assert math.isnan(profile.mean)
        assert math.isnan(profile.sd)


def test_a_constant_has_no_deviation_whatever_its_value():
    for value in (0.1, 0.422915, 1e15 + 1, 1e300, 5e-324):
        assert NumericProfile.of(np.full(336, value), NumericPlan()).sd == 0.0


def test_integral_means_that_every_finite_value_is_an_exact_integer():
    def integral(*each: float) -> bool:
        return NumericProfile.of(np.array(each), NumericPlan()).integral

    assert integral(1.0, -5.0, math.nan, math.inf)
    assert integral()
    assert not integral(1.0, 0.5)
    assert not integral(2.0**53)


def test_moments_of_many_parts_equal_those_of_the_whole():
    rng = np.random.default_rng(1)
    rows = rng.normal(1e4, 3.0, 16_800)
    plan = NumericPlan(1e4, exact=0)
    parts = [NumericProfile.of(part, plan) for part in np.split(rows, 168)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.mean == pytest.approx(rows.mean(), rel=1e-14)
    assert merged.sd == pytest.approx(rows.std(), rel=1e-12)


levels = st.dictionaries(st.text("abcxyz", max_size=2), st.integers(0, 9), max_size=8)
PLAN = CategoricalPlan(("a", "b", "c"))


@given(levels, levels)
def test_merged_levels_are_the_levels_of_all_rows(one, other):
    both = Counter(one) + Counter(other)
    merged = CategoricalProfile.of(one, PLAN, nulls=1).merge(CategoricalProfile.of(other, PLAN))
    assert same(merged, CategoricalProfile.of(both, PLAN, nulls=1))


@given(st.lists(st.dictionaries(st.integers(0, 99).map("n{:02}".format), st.just(1)), max_size=6))
def test_named_unseen_levels_do_not_depend_on_how_rows_were_cut(parts):
    profiles = [CategoricalProfile.of(part, PLAN) for part in parts]
    merged = CategoricalProfile.of({}, PLAN)
    for profile in profiles:
        merged = merged.merge(profile)
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part)
    assert merged.unseen == {name: counts[name] for name in sorted(counts)[:MOST_UNSEEN]}
    assert merged.other == counts.total()


def test_level_profiles_of_different_dictionaries_do_not_add():
    with pytest.raises(PlanMismatch):
        CategoricalProfile.of({}, PLAN).merge(CategoricalProfile.of({}, CategoricalPlan(("a",))))


windows = st.builds(
    lambda rows, first, length, late: LogProfile.of_window(
        rows,
        float(first),
        float(first + length),
        float(first + length + late),
        labels=rows // 2,
        versions={"1": rows} if rows else {},
        anomalies={"duplicate_ids": Anomaly(rows % 3, str(rows))},
    ),
    st.integers(0, 1000),
    st.integers(0, 10**9),
    st.integers(0, 86_400),
    st.integers(0, 3600),
)


@given(windows, windows, windows)
def test_facts_of_logs_merge_in_any_order(a, b, c):
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(LogProfile()) == a


def test_a_portrait_merges_all_its_parts():
    plan = Plan({"x": NumericPlan(), "c": PLAN})
    part = Portrait(
        plan.hash,
        {
            "x": NumericProfile.of(np.array([1.0, 2.0]), NumericPlan()),
            "c": CategoricalProfile.of({"a": 2}, PLAN),
        },
        LogProfile.of_window(2, 0.0, 5.0, 10.0),
    )
    both = part.merge(part)
    assert (both.rows, both.columns["x"].n, both.columns["c"].n) == (4, 4, 4)
    assert both.log.windows == 2


def test_portraits_of_different_plans_do_not_add():
    one = Portrait("a", {}, LogProfile())
    with pytest.raises(PlanMismatch, match="plan b does not add to plan a"):
        one.merge(replace(one, plan="b"))


def test_a_column_that_changed_its_kind_does_not_add():
    numeric = Portrait("a", {"x": NumericProfile.of(np.ones(1), NumericPlan())}, LogProfile())
    text = Portrait("a", {"x": CategoricalProfile.of({"a": 1}, PLAN)}, LogProfile())
    with pytest.raises(PlanMismatch):
        numeric.merge(text)


@given(arrays.arrays(np.float64, 30, elements=st.floats(-1e3, 1e3)), plans)
def test_merging_changes_neither_side(one, plan):
    profile = NumericProfile.of(one, plan)
    portrait = Portrait("a", {"x": profile}, LogProfile())
    before = pack(portrait)
    portrait.merge(portrait)
    assert pack(portrait) == before
    with pytest.raises(ValueError, match="read-only"):
        profile.counts[:] = 0


def test_plans_survive_their_text_and_name_what_they_contain():
    plan = Plan(
        {
            "x": NumericPlan(0.1, 2, (0.1, -0.0, 1e300)),
            "c": CategoricalPlan(("é", "\ud800"), False),
        },
        found={"x": "number"},
        roles={"x": "prediction"},
        segments={"c": ("é",)},
        timestamp_unit="ms",
    )
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_json(plan.to_json()).hash == plan.hash
    assert replace(plan, timestamp_unit="s").hash != plan.hash
