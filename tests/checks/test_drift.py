from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from checks.bins import binned
from checks.check import NotEnoughData, Stat
from checks.noise import excess, gap_p_value, square_p_value
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile
from checks.verdict import Verdict, default_limit, judge
from tests.checks.columns import numeric_plan
from tests.checks.drifting import (
    BINNED,
    CHECKS,
    ON_THE_LINE,
    column,
    judged,
    levels,
    measure,
    numbers,
    samples,
)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # scipy's p-value of one row
@given(samples, samples)
def test_ks_equals_that_of_scipy(one, other):
    expected = scipy.stats.ks_2samp(one, other, method="asymp").statistic
    assert measure("ks", column(one), column(other)).value == pytest.approx(expected, abs=1e-12)


@given(samples, samples)
def test_wasserstein_equals_that_of_scipy(one, other):
    expected = scipy.stats.wasserstein_distance(one, other)
    found = measure("wasserstein", column(one), column(other), scale=False).value
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(samples, samples)
def test_energy_equals_that_of_scipy(one, other):
    expected = scipy.stats.energy_distance(one, other)
    found = measure("energy", column(one), column(other), scale=False).value
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-10, 10), min_size=4, max_size=40, unique=True), st.data())
def test_cramer_von_mises_equals_that_of_scipy_without_ties(values, data):
    cut = data.draw(st.integers(2, len(values) - 2))
    one, other = np.array(values[:cut]), np.array(values[cut:])
    found = measure("cramer_von_mises", column(one), column(other)).value
    n, m = len(one), len(other)
    expected = scipy.stats.cramervonmises_2samp(one, other, method="asymptotic").statistic
    assert n * m / (n + m) * found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [100, 1000, 20_000])
@pytest.mark.parametrize("gap", [0.01, 0.03, 0.06, 0.1, 0.2])
def test_the_p_value_of_ks_is_near_that_of_scipy(n, gap):
    noise = 1 / n + 1 / 5000
    expected = scipy.stats.kstwo.sf(gap, round(1 / noise))
    assert gap_p_value(gap, noise) == pytest.approx(expected, abs=0.004, rel=0.02)


@pytest.mark.parametrize(
    ("statistic", "p_value"),
    [(0.24124, 0.2), (0.34730, 0.1), (0.46136, 0.05), (0.74346, 0.01), (1.16786, 0.001)],
)
def test_the_p_value_of_cramer_von_mises_is_that_of_the_table(statistic, p_value):
    # Anderson and Darling 1952, table 1.
    assert square_p_value(statistic) == pytest.approx(p_value, rel=2e-3)


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_p_values_fall_as_statistics_rise(one, other):
    low, high = sorted((one, other))
    assert 0.0 <= square_p_value(high) <= square_p_value(low) + 1e-12 <= 1.0 + 1e-12
    assert 0.0 <= gap_p_value(high, 0.01) <= gap_p_value(low, 0.01) <= 1.0


def test_p_values_of_extreme_statistics_are_one_and_zero():
    assert square_p_value(1e-9) == 1.0
    assert square_p_value(1e6) == 0.0
    assert gap_p_value(1.0, 1e-6) == 0.0


counted = st.lists(st.integers(5, 200), min_size=4, max_size=4)


@given(counted, counted)
def test_chi_square_equals_that_of_scipy_where_no_level_is_rare(one, other):
    then, now = (levels(**dict(zip("abcd", side, strict=True))) for side in (one, other))
    small = min(sum(one), sum(other)) / (sum(one) + sum(other))
    if min(np.add(one, other)) * small < 5:
        return
    expected = scipy.stats.chi2_contingency([one, other], correction=False)
    found = measure("chi_square", then, now)
    assert found.value == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_proportional_samples_of_unequal_size_do_not_drift():
    # Taken for a goodness of fit, such counts gave p = 1.7e-34 elsewhere.
    stat = measure("chi_square", levels(a=600, b=300, c=100), levels(a=6000, b=3000, c=1000))
    assert stat.value == pytest.approx(0.0, abs=1e-9)
    assert stat.p_value == pytest.approx(1.0)


@given(counted, counted)
def test_distances_of_shares_equal_their_formulas(one, other):
    then, now = (levels(**dict(zip("abcd", side, strict=True))) for side in (one, other))
    cut = binned(then, now, 10)
    p, q = (side / side.sum() for side in (cut.current, cut.reference))
    assert measure("total_variation", then, now).value == pytest.approx(np.abs(p - q).sum() / 2)
    overlap = np.sqrt(p * q).sum()
    assert measure("hellinger", then, now).value == pytest.approx(
        math.sqrt(max(1 - overlap, 0)), abs=1e-7
    )
    p, q = ((side + 0.5) / (side + 0.5).sum() for side in (cut.current, cut.reference))
    expected = scipy.stats.entropy(p, q) + scipy.stats.entropy(q, p)
    assert measure("psi", then, now).value == pytest.approx(expected, abs=1e-12)
    middle = (p + q) / 2
    bits = (scipy.stats.entropy(p, middle, base=2) + scipy.stats.entropy(q, middle, base=2)) / 2
    assert measure("jensen_shannon", then, now).value == pytest.approx(
        math.sqrt(max(bits, 0)), abs=1e-7
    )


@given(samples, samples)
def test_distances_on_the_line_are_symmetric(one, other):
    a, b = column(one), column(other)
    for name, parameters in (
        ("ks", {}),
        ("wasserstein", {"scale": False}),
        ("energy", {"scale": False}),
        ("cramer_von_mises", {}),
    ):
        there, back = measure(name, a, b, **parameters), measure(name, b, a, **parameters)
        assert there.value == pytest.approx(back.value, rel=1e-12)
        assert (there.p_value is None) == (back.p_value is None)


@given(counted, counted)
def test_distances_of_levels_are_symmetric(one, other):
    a, b = (levels(**dict(zip("abcd", side, strict=True))) for side in (one, other))
    for name in BINNED:
        there, back = measure(name, a, b), measure(name, b, a)
        assert there.value == pytest.approx(back.value, rel=1e-9, abs=1e-12)
        assert judged(there) == pytest.approx(judged(back), rel=1e-9, abs=1e-9)


@given(samples, samples, samples)
def test_wasserstein_keeps_the_triangle_inequality(one, two, three):
    a, b, c = column(one), column(two), column(three)

    def far(x: NumericProfile, y: NumericProfile) -> float:
        return measure("wasserstein", x, y, scale=False).value

    assert far(a, c) <= (far(a, b) + far(b, c)) * (1 + 1e-9) + 1e-9


@given(samples, st.floats(-1e3, 1e3))
def test_a_shifted_copy_is_as_far_as_the_shift(values, shift):
    moved = measure("wasserstein", column(values), column(values + shift), scale=False).value
    scale = max(np.abs(values).max(), 1.0)
    assert moved == pytest.approx(abs(shift), rel=1e-9, abs=1e-12 * scale)


@given(samples, samples, st.sampled_from([0.25, 2.0, 1024.0]))
def test_scaled_distances_do_not_depend_on_the_unit(one, other, unit):
    assume(np.array_equal(one * unit / unit, one) and np.array_equal(other * unit / unit, other))
    for name in (*ON_THE_LINE, *BINNED):
        plain = measure(name, column(one), column(other)).value
        scaled = measure(name, column(one * unit), column(other * unit)).value
        assert scaled == pytest.approx(plain, rel=1e-9, abs=1e-12)


@given(samples, samples)
def test_noise_is_only_ever_taken_out(one, other):
    a, b = column(one), column(other)
    for name in (*ON_THE_LINE, *BINNED):
        stat = measure(name, a, b)
        assert judged(stat) <= stat.value
        assert stat.value >= 0.0


def test_excess_takes_variances_apart():
    assert excess(math.hypot(3.0, 4.0), 3.0) == pytest.approx(4.0)
    assert excess(0.1, 0.1) == 0.0
    assert excess(0.0, 0.0) == 0.0
    assert excess(1e300, 1e299) == pytest.approx(math.sqrt(0.99) * 1e300)


def test_a_constant_reference_does_not_hide_drift():
    then = column(np.full(4000, 0.4149))
    now = column(np.random.default_rng(4).normal(0.4149, 0.1, 336))
    for name in ("ks", "wasserstein", "jensen_shannon", "psi"):
        verdict = judge(measure(name, then, now), default_limit(CHECKS[name], None)).verdict
        assert verdict is Verdict.CRITICAL, name


def test_a_constant_that_became_another_is_two_deviations_of_the_mixture_away():
    for one, other in ((1.0, 1.0 + 1e-9), (5.0, 1e300), (0.0, 5e-324), (1e15, 1e15 + 1)):
        stat = measure("wasserstein", column(np.full(200, one)), column(np.full(300, other)))
        assert stat.value == pytest.approx(2.0)
        assert stat.where.startswith("shifted up")


def test_a_constant_that_stays_has_not_drifted():
    for value in (0.0, 0.1, -1e15, 1e300, 5e-324):
        then, now = column(np.full(900, value)), column(np.full(336, value))
        for name in (*ON_THE_LINE, *BINNED):
            stat = measure(name, then, now)
            assert (stat.value, stat.p_value or 1.0, stat.where) == (0.0, 1.0, "")


def test_a_rare_other_value_beside_a_constant_is_a_small_drift():
    then = column(np.full(5000, 3.0))
    now = column(np.append(np.full(9999, 3.0), 4.0))
    assert judged(measure("wasserstein", then, now)) < 0.05
    assert judged(measure("ks", then, now)) < 0.01


def test_a_far_offset_is_no_drift():
    rng = np.random.default_rng(6)
    then, now = (np.round(rng.normal(40, 12, n)) + 1e15 for n in (1400, 700))
    plan = numeric_plan(then)
    for name in ("ks", "wasserstein", "jensen_shannon", "psi"):
        stat = measure(name, column(then, plan), column(now, plan))
        assert judge(stat, default_limit(CHECKS[name], None)).verdict is Verdict.OK, stat


def test_disjoint_columns_are_as_far_apart_as_can_be():
    then, now = column(np.arange(500.0)), column(np.arange(1000.0, 1500.0))
    assert measure("ks", then, now).value == 1.0
    assert measure("wasserstein", then, now, scale=False).value == pytest.approx(1000.0)
    assert measure("total_variation", then, now).value == pytest.approx(0.9, abs=0.01)
    both = levels(a=500), levels(b=500)
    assert measure("total_variation", *both).value == 1.0
    assert measure("hellinger", *both).value == 1.0
    assert measure("jensen_shannon", *both).value == pytest.approx(0.99, abs=0.01)


def test_the_values_of_psi_are_bounded_by_the_number_of_rows():
    # Where empty bins became the smallest double, such a PSI was 212 and not 1.
    rng = np.random.default_rng(11)
    stat = measure("psi", column(rng.normal(0, 1, 100)), column(rng.normal(1, 1, 100)), bins=20)
    assert 0.5 < stat.value < 2.5


EMPTY = {
    "no rows": NumericProfile.of(np.empty(0), NumericPlan()),
    "all null": NumericProfile.of(np.empty(0), NumericPlan(), nulls=700),
    "all infinite": numbers(math.inf, -math.inf),
}


@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("name", [*ON_THE_LINE, *BINNED])
def test_a_side_without_values_cannot_be_measured(name, empty):
    full = column(np.arange(500.0))
    with pytest.raises(NotEnoughData, match="no values in the current window") as shortage:
        measure(name, full, empty)
    assert shortage.value.have == 0
    with pytest.raises(NotEnoughData, match="no values in the reference"):
        measure(name, empty, full)


@pytest.mark.parametrize("name", [*BINNED, "new_categories"])
def test_no_levels_cannot_be_measured(name):
    empty = CategoricalProfile.of({}, CategoricalPlan(("a", "b", "c", "d")), nulls=300)
    with pytest.raises(NotEnoughData, match="no values in the current window"):
        measure(name, levels(a=500), empty)


def test_ks_names_the_value_where_the_gap_is_largest():
    then, now = column(np.arange(1000.0)), column(np.arange(250.0, 1000.0))
    assert measure("ks", then, now).where == "at 249"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x + 5.0, "shifted up, most at the "),
        (lambda x: x - 5.0, "shifted down, most at the "),
        (lambda x: x * 3.0, "reshaped, most at the "),
        (lambda x: np.where(x > 2.0, x + 9, x), "shifted up, the highest value: 3.7 -> 12.7"),
        (lambda x: np.append(x, 1e6), "shifted up, the highest value: "),
    ],
)
def test_wasserstein_tells_how_the_column_moved(change, words):
    values = np.random.default_rng(12).normal(size=2000)
    stat = measure("wasserstein", column(values), column(change(values)))
    assert stat.where.startswith(words), stat.where


def test_the_level_that_moved_most_is_named_with_its_shares():
    then, now = levels(a=700, b=120, c=180), levels(a=510, b=310, c=180)
    for name in BINNED:
        assert measure(name, then, now).where in ("a: 70 % -> 51 %", "b: 12 % -> 31 %")
    now = levels(a=640, b=120, z=240)
    assert measure("psi", then, now).where == "unseen levels: 0 % -> 24 %"
    long = CategoricalProfile.of({"x" * 199: 5, "y": 5}, CategoricalPlan(("x" * 199, "y")))
    flipped = CategoricalProfile.of({"x" * 199: 9, "y": 1}, CategoricalPlan(("x" * 199, "y")))
    assert len(measure("psi", long, flipped).where) < 90


def test_the_bin_that_contributes_most_is_named_with_its_shares():
    then = np.arange(1000.0)
    now = np.where((then >= 200) & (then < 300), 950.0, then)
    assert measure("psi", column(then), column(now)).where == "199 to 299: 10 % -> 0.1 %"


def test_a_vanished_level_is_found():
    stat = measure("jensen_shannon", levels(a=900, b=400, c=150), levels(a=480, b=210))
    assert stat.where == "c: 10.3 % -> 0 %"
    assert judge(stat, default_limit(CHECKS["jensen_shannon"], None)).verdict is Verdict.WARNING


def new_categories(known: int, **unseen: int) -> tuple[Verdict, Stat]:
    check = CHECKS["new_categories"]
    then, now = levels(a=500), levels(a=known, **unseen)
    limit = default_limit(check, check.compute(then, then))
    stat = check.compute(then, now)
    return judge(stat, limit).verdict, stat


def test_new_categories_are_counted_and_named():
    verdict, stat = new_categories(300, z=60, y=30, x=9, w=1)
    assert stat.value == 0.25
    assert stat.where == "100 rows: 'z', 'y', 'x'"
    assert verdict is Verdict.CRITICAL


def test_one_row_of_a_new_category_is_no_proof_and_none_is_fine():
    assert new_categories(300)[0] is Verdict.OK
    assert new_categories(99, z=1)[0] in (Verdict.OK, Verdict.UNDECIDED)
    assert new_categories(960, z=40)[0] is Verdict.WARNING


def test_rows_outside_an_incomplete_dictionary_are_compared_with_the_reference():
    plan = CategoricalPlan(("a",), complete=False)
    then = CategoricalProfile.of({"a": 800, "b": 200}, plan)
    check = CHECKS["new_categories"]
    limit = default_limit(check, check.compute(then, then))
    same = check.compute(then, CategoricalProfile.of({"a": 160, "b": 40}, plan))
    more = check.compute(then, CategoricalProfile.of({"a": 1000, "b": 1000}, plan))
    assert judge(same, limit).verdict is not Verdict.CRITICAL
    assert judge(same, limit).verdict is not Verdict.WARNING
    assert judge(more, limit).verdict is Verdict.CRITICAL
