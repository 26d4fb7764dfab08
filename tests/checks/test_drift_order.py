"""Drift by the order of values, by waves and the exact p-value of ks, against scipy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks.noise import exact_gap_p_value, range_p_value, tail_p_value
from checks.plan import NumericPlan
from tests.checks.columns import numeric_plan
from tests.checks.drifting import SHAPES, column, drifted, measure, samples

SYMMETRIC = ("kuiper", "anderson_darling", "epps_singleton")
ORDER = ("kuiper", "anderson_darling", "mann_whitney")
CELLS = NumericPlan(exact=0)
distinct = st.lists(st.floats(-10, 10), min_size=4, max_size=40, unique=True)


def pair(seed: int, n: int = 400, shift: float = 0.2, shape: str = "normal"):
    rng = np.random.default_rng(seed)
    then, now = SHAPES[shape](rng, 5 * n), SHAPES[shape](rng, n)
    return then, now + shift * np.std(then)


@given(samples, samples)
def test_kuiper_adds_the_gaps_of_both_signs(one, other):
    up = scipy.stats.ks_2samp(one, other, alternative="greater", method="asymp").statistic
    down = scipy.stats.ks_2samp(one, other, alternative="less", method="asymp").statistic
    assert measure("kuiper", column(one), column(other)).value == pytest.approx(up + down)


@pytest.mark.parametrize(("distance", "p_value"), [(1.62, 0.1), (1.747, 0.05), (2.001, 0.01)])
def test_the_p_value_of_kuiper_is_that_of_the_table(distance, p_value):
    # Stephens 1970, table 1.
    noise = 1e-8
    assert range_p_value(distance * noise**0.5, noise) == pytest.approx(p_value, rel=0.01)


def test_the_p_value_of_kuiper_holds_for_shuffled_rows():
    rng = np.random.default_rng(1)
    values = []
    for _ in range(2000):
        both = rng.normal(size=160)
        values.append(measure("kuiper", column(both[:100]), column(both[100:])))
    for level in (0.2, 0.05, 0.01):
        share = np.mean([stat.p_value < level for stat in values])
        assert share <= scipy.stats.binom.ppf(0.999, 2000, level) / 2000
    assert np.mean([stat.p_value for stat in values]) == pytest.approx(0.5, abs=0.06)
    noise = 1 / 100 + 1 / 60
    squares = np.mean([stat.value**2 for stat in values])
    assert squares == pytest.approx(np.pi**2 / 6 * noise, rel=0.2)


def test_kuiper_sees_a_change_of_spread_better_than_ks():
    rng = np.random.default_rng(2)
    then, now = column(rng.normal(size=3000)), column(rng.normal(0, 1.25, 600))
    assert measure("kuiper", then, now).p_value < measure("ks", then, now).p_value / 10


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ([5.0, 6.0], "more rows above 4"),
        ([-2.0, -1.0], "more rows up to -1"),
        ([2.0, 3.0], "more rows from 1 to 3"),
        ([0.0, 9.0], "fewer rows from 0 to 4"),
    ],
)
def test_kuiper_names_where_the_rows_came_to(now, words):
    then = column(np.array([1.0, 4.0]))
    assert measure("kuiper", then, column(np.array(now))).where == words


def scipys_anderson(one, other):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scipy.stats.anderson_ksamp([one, other], midrank=True)


def standardised(a_square: float, n: int, m: int) -> float:
    """(A^2 - 1) / sigma_N, with the sums of Scholz and Stephens 1987, equation 4, written out."""
    total, inverse = n + m, 1 / n + 1 / m
    h = np.sum(1.0 / np.arange(1, total))
    g = sum(1.0 / (total - i) * np.sum(1.0 / np.arange(i + 1, total)) for i in range(1, total - 1))
    a = (4 * g - 6) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / (
        (total - 1) * (total - 2) * (total - 3)
    )
    return (a_square - 1) / np.sqrt(variance)


@given(samples, samples)
def test_anderson_darling_equals_that_of_scipy_with_ties(one, other):
    both = np.concatenate((one, other))
    assume(len(np.unique(both)) > 1 and len(both) > 3)
    found = measure("anderson_darling", column(one), column(other)).value
    a_square = found / (1 / len(one) + 1 / len(other))
    expected = scipys_anderson(one, other).statistic
    assert standardised(a_square, len(one), len(other)) == pytest.approx(
        expected, rel=1e-7, abs=1e-7
    )


@pytest.mark.parametrize("shift", [0.05, 0.1, 0.15])
def test_the_p_value_of_anderson_darling_is_near_that_of_scipy(shift):
    then, now = pair(3, 400, shift)
    expected = scipys_anderson(then, now).pvalue
    found = measure("anderson_darling", column(then), column(now)).p_value
    if 0.001 < expected < 0.25:  # scipy interpolates between seven values within, and stops there
        assert found == pytest.approx(expected, rel=0.1)
    else:
        assert (found > 0.24) == (expected == 0.25)


@pytest.mark.parametrize(
    ("statistic", "p_value"),
    # Smirnov's integral for a sum of squares weighted by 1 / (j (j + 1)), by quadrature.
    [
        (0.5, 0.7468143735),
        (1.0, 0.3572666733),
        (1.933, 0.0999946232),
        (3.878, 0.0100014099),
        (7.0, 3.30166802e-4),
        (10.0, 1.38150354e-5),
        (30.0, 1.65954895e-14),
    ],
)
def test_the_p_value_of_anderson_darling_is_that_of_the_integral(statistic, p_value):
    assert tail_p_value(statistic) == pytest.approx(p_value, rel=0.04)
    if statistic < 5:
        assert tail_p_value(statistic) == pytest.approx(p_value, rel=3e-4)


def test_tail_p_values_fall():
    found = [tail_p_value(z) for z in np.linspace(0.0, 60.0, 6001)]
    assert found == sorted(found, reverse=True)
    assert found[0] == 1.0


def test_without_drift_anderson_darling_is_its_noise_on_average():
    rng = np.random.default_rng(4)
    stats = [
        measure("anderson_darling", column(rng.normal(size=400)), column(rng.normal(size=150)))
        for _ in range(1000)
    ]
    noise = 1 / 400 + 1 / 150
    assert np.mean([stat.corrected for stat in stats]) == pytest.approx(0.0, abs=0.1 * noise)
    for level in (0.2, 0.05):
        share = np.mean([stat.p_value < level for stat in stats])
        assert scipy.stats.binom.cdf(round(1000 * share), 1000, level) < 0.999


@given(samples, samples)
def test_mann_whitney_equals_that_of_scipy_with_ties(one, other):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of equal values only: 0 / 0
        expected = scipy.stats.mannwhitneyu(other, one, method="asymptotic")
    found = measure("mann_whitney", column(one), column(other))
    assert found.value == pytest.approx(expected.statistic / len(one) / len(other), abs=1e-12)
    if len(np.unique(np.concatenate((one, other)))) > 1:
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-15)
    else:
        assert found.p_value == 1.0
    assert found.low <= found.value <= found.high


@given(samples, samples)
def test_mann_whitney_turns_with_its_sides(one, other):
    there = measure("mann_whitney", column(one), column(other))
    back = measure("mann_whitney", column(other), column(one))
    assert there.value == pytest.approx(1.0 - back.value)
    assert there.p_value == pytest.approx(back.p_value)


def test_the_interval_of_mann_whitney_covers_the_truth():
    rng = np.random.default_rng(5)
    truth, hits = scipy.stats.norm.cdf(0.5 / np.sqrt(2)), 0
    for _ in range(400):
        stat = measure(
            "mann_whitney", column(rng.normal(size=300)), column(rng.normal(0.5, 1, 100))
        )
        hits += stat.low <= truth <= stat.high
    assert 0.92 <= hits / 400 <= 0.98


NORMAL = arrays.arrays(np.float64, 40, elements=st.floats(-3, 3).map(lambda x: round(x, 2)))


@given(NORMAL, NORMAL)
def test_epps_singleton_of_sides_of_one_size_follows_that_of_scipy(one, other):
    assume(full_rank(one, other))
    expected = scipy.stats.epps_singleton_2samp(one, other).statistic
    found = measure("epps_singleton", column(one), column(other)).value
    assert found == pytest.approx(expected / (1.0 + expected / 80.0), rel=1e-6, abs=1e-9)


def full_rank(one, other) -> bool:
    width = scipy.stats.iqr(np.concatenate((one, other))) / 2
    if not width:
        return False
    spread = np.zeros((4, 4))
    for side in (one, other):
        angles = np.outer(side, (0.4, 0.8)) / width
        waves = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
        spread += np.cov(waves.T, bias=True) / len(side)
    return np.linalg.cond(spread) < 1e8


@pytest.mark.parametrize(("n", "m"), [(300, 40), (60, 500), (25, 25)])
def test_epps_singleton_equals_its_formula(n, m):
    rng = np.random.default_rng(n)
    one, other = np.round(rng.normal(size=n), 1), np.round(rng.normal(0.3, 1, m), 1)
    both = np.concatenate((one, other))
    angles = np.outer(both, (0.4, 0.8)) / (scipy.stats.iqr(both) / 2)
    waves = np.concatenate((np.cos(angles), np.sin(angles)), axis=1)
    apart = waves[:n].mean(0) - waves[n:].mean(0)
    spread = np.cov(waves.T, bias=True) * (1 / n + 1 / m)
    stat = measure("epps_singleton", column(one), column(other))
    assert stat.value == pytest.approx(apart @ np.linalg.solve(spread, apart), rel=1e-9)
    assert stat.p_value == pytest.approx(scipy.stats.chi2.sf(stat.value, 4), rel=1e-9)


def test_epps_singleton_alarms_as_rarely_as_promised_on_counts():
    rng = np.random.default_rng(6)
    p_values = np.array(
        [
            measure(
                "epps_singleton",
                column(rng.poisson(3, 500).astype(float)),
                column(rng.poisson(3, 120).astype(float)),
            ).p_value
            for _ in range(1000)
        ]
    )
    for level in (0.2, 0.05):
        assert scipy.stats.binom.cdf(np.sum(p_values < level), 1000, level) < 0.999
        assert np.mean(p_values < level) > level / 2


def test_epps_singleton_alarms_as_rarely_as_promised_beside_a_large_reference():
    rng = np.random.default_rng(9)
    then = column(rng.exponential(size=5000))
    p_values = np.array(
        [
            measure("epps_singleton", then, column(rng.exponential(size=100))).p_value
            for _ in range(400)
        ]
    )
    assert scipy.stats.binom.cdf(np.sum(p_values < 0.05), 400, 0.05) < 0.999
    assert np.mean(p_values < 0.01) <= 0.03


@given(samples)
def test_a_copy_has_not_moved(values):
    same = column(values), column(values.copy())
    for name in SYMMETRIC:
        stat = measure(name, *same)
        assert (stat.value, stat.p_value, stat.where) == (0.0, 1.0, "")
    assert measure("mann_whitney", *same).value == 0.5
    assert measure("mann_whitney", *same).p_value == 1.0


@given(distinct, st.data())
def test_sides_may_change_places(values, data):
    cut = data.draw(st.integers(2, len(values) - 2))
    one, other = column(np.array(values[:cut])), column(np.array(values[cut:]))
    for name in SYMMETRIC:
        there, back = measure(name, one, other), measure(name, other, one)
        rel = 1e-4 if name == "epps_singleton" else 1e-6  # its matrix may be singular
        assert there.value == pytest.approx(back.value, rel=rel, abs=1e-9), name


@given(samples, samples, st.sampled_from([0.25, 2.0, 1024.0]), st.integers(-1000, 1000))
def test_units_and_offsets_do_not_matter(one, other, unit, offset):
    one, other = np.rint(one), np.rint(other)
    for name in (*ORDER, "epps_singleton"):
        plain = measure(name, column(one), column(other))
        moved = measure(name, column((one + offset) * unit), column((other + offset) * unit))
        if name != "epps_singleton" or plain.value < 1e3:
            assert moved.value == pytest.approx(plain.value, rel=1e-4, abs=1e-6), name


@given(samples, samples, samples)
def test_merged_parts_measure_as_the_whole(one, two, now):
    whole = column(np.concatenate((one, two)))
    merged = column(one).merge(column(two))
    for name in (*ORDER, "epps_singleton"):
        assert measure(name, merged, column(now)) == measure(name, whole, column(now))


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_are_within_the_stated_error(shape):
    rng = np.random.default_rng(7)
    then, now = SHAPES[shape](rng, 40_000), SHAPES[shape](rng, 10_000)
    now = drifted(now, then, rng)
    exact = [column(each, numeric_plan(then, 10**6)) for each in (then, now)]
    rough = [column(each, numeric_plan(then, 0)) for each in (then, now)]
    tail = 0.1 if shape == "cauchy" else 0.02
    errors = {
        "kuiper": {"abs": 1e-3},
        "mann_whitney": {"abs": 1e-4},
        "anderson_darling": {"rel": 0.02, "abs": 0.02 * (1 / 40_000 + 1 / 10_000)},
        "epps_singleton": {"rel": tail, "abs": 4 * tail},
    }
    for name, error in errors.items():
        fine, coarse = measure(name, *exact).value, measure(name, *rough).value
        assert coarse == pytest.approx(fine, **error), name


@given(distinct, st.data())
def test_the_p_value_of_ks_is_exact_for_few_values_without_ties(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    one, other = np.array(values[:cut]) + 0.0, np.array(values[cut:]) + 0.0
    assume(len(np.unique(np.concatenate((one, other)))) == len(values))
    expected = scipy.stats.ks_2samp(one, other, method="exact").pvalue
    assert measure("ks", column(one), column(other)).p_value == pytest.approx(expected, rel=1e-9)


def test_ties_and_many_values_take_the_limit():
    tied = column(np.repeat(np.arange(10.0), 2)), column(np.arange(10.0) + 0.5)
    cautious = exact_gap_p_value(measure("ks", *tied).value, 10, 20)
    assert measure("ks", *tied).p_value != cautious
    rng = np.random.default_rng(8)
    many = column(rng.normal(size=1500)), column(rng.normal(0.05, 1, 900))
    expected = scipy.stats.ks_2samp(many[0].exact, many[1].exact, method="exact").pvalue
    assert measure("ks", *many).p_value == pytest.approx(expected, abs=0.01)
    assert measure("ks", *many).p_value != pytest.approx(expected, rel=1e-9)


def test_the_exact_p_value_keeps_its_digits_in_the_tail():
    n, m = 400, 500
    expected = scipy.stats.ks_2samp(np.arange(n), np.arange(n, n + m), method="exact").pvalue
    assert exact_gap_p_value(1.0, n, m) == pytest.approx(expected, rel=1e-9)
    assert 0.0 < expected < 1e-200
