"""Drift of shares and of single levels, against scipy, formulas and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from checks.bins import binned
from checks.check import NotEnoughData, Stat
from checks.plan import CategoricalPlan
from checks.profile import CategoricalProfile
from checks.verdict import Verdict, default_limit, judge
from tests.checks.columns import numeric_plan
from tests.checks.drifting import CHECKS, SHAPES, column, judged, levels, measure, samples

TABLES = ("g_test", "kl_divergence", "l_infinity", "cramers_v")
counted = st.lists(st.integers(0, 200), min_size=4, max_size=4).filter(sum)
PAIR = CategoricalPlan(("no", "yes"))
RARE = CategoricalPlan(tuple(f"level {i}" for i in range(60)))


def sides(one: list[int], other: list[int]) -> tuple[CategoricalProfile, CategoricalProfile]:
    then, now = (levels(**dict(zip("abcd", side, strict=True))) for side in (one, other))
    return then, now


def yes(hits: int, n: int) -> CategoricalProfile:
    return CategoricalProfile.of({"yes": hits, "no": n - hits}, PAIR)


def rare(seed: int, n: int) -> CategoricalProfile:
    shares = 1.0 / np.arange(1, 61) ** 1.5
    counts = np.random.default_rng(seed).multinomial(n, shares / shares.sum())
    return CategoricalProfile(RARE, counts.astype(np.int64))


def verdict(name: str, stat: Stat) -> Verdict:
    return judge(stat, default_limit(CHECKS[name], None)).verdict


def table(then: CategoricalProfile, now: CategoricalProfile) -> np.ndarray:
    cut = binned(then, now, 10)
    return np.array([cut.reference, cut.current])


@given(counted, counted)
def test_tests_of_homogeneity_equal_those_of_scipy_on_the_pooled_table(one, other):
    then, now = sides(one, other)
    pooled = table(then, now)
    assume(pooled.shape[1] > 1)
    for name, kind in (("chi_square", "pearson"), ("g_test", "log-likelihood")):
        expected = scipy.stats.chi2_contingency(pooled, correction=False, lambda_=kind)
        found = measure(name, then, now)
        assert found.value == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("name", ["chi_square", "g_test"])
def test_rare_levels_are_pooled_and_the_p_value_is_that_of_the_pooled_table(name):
    then, now = rare(1, 3000), rare(2, 400)
    pooled = table(then, now)
    assert 5 < pooled.shape[1] < 40
    expected = pooled.sum(0) * min(pooled.sum(1)) / pooled.sum()
    assert np.sort(expected[expected > 0])[1] >= 5
    kind = "pearson" if name == "chi_square" else "log-likelihood"
    theirs = scipy.stats.chi2_contingency(pooled, correction=False, lambda_=kind)
    found = measure(name, then, now)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    p_values = [measure(name, rare(i, 3000), rare(i + 999, 400)).p_value for i in range(400)]
    assert scipy.stats.binom.cdf(np.sum(np.array(p_values) < 0.05), 400, 0.05) < 0.999


@given(counted, counted)
def test_divergence_is_that_of_the_smoothed_shares(one, other):
    then, now = sides(one, other)
    q, p = ((side + 0.5) / (side + 0.5).sum() for side in table(then, now))
    expected = scipy.stats.entropy(p, q, base=2)
    assert measure("kl_divergence", then, now).value == pytest.approx(expected, abs=1e-12)


def test_divergence_tells_which_side_is_which():
    then, now = levels(a=990, b=10), levels(a=500, b=500)
    there, back = measure("kl_divergence", then, now), measure("kl_divergence", now, then)
    assert there.value > 2 * back.value


@given(counted, counted)
def test_the_largest_change_is_named(one, other):
    then, now = sides(one, other)
    q, p = (side / side.sum() for side in table(then, now))
    found = measure("l_infinity", then, now)
    assert found.value == pytest.approx(np.abs(p - q).max())
    assert 0.0 <= found.corrected <= found.value
    assert bool(found.where) == bool(found.value)


@given(counted, counted)
def test_cramers_v_equals_that_of_scipy_and_its_correction_that_of_bergsma(one, other):
    then, now = sides(one, other)
    pooled = table(then, now)
    rows, columns = pooled.sum(), pooled.shape[1]
    assume(columns > 1)
    found = measure("cramers_v", then, now)
    expected = scipy.stats.contingency.association(pooled, method="cramer", correction=False)
    assert found.value == pytest.approx(expected, abs=1e-9)
    square = max(expected**2 - (columns - 1) / (rows - 1), 0.0)
    k, r = columns - (columns - 1) ** 2 / (rows - 1), 2 - 1 / (rows - 1)
    if square > 1e-9:
        unbiased = math.sqrt(square / min(k - 1, r - 1))
        assert found.corrected == pytest.approx(min(unbiased, expected), rel=1e-6)
    assert found.p_value == pytest.approx(measure("chi_square", then, now).p_value)


@given(counted)
def test_copies_and_multiples_have_not_moved(one):
    for times in (1, 3):
        then, now = sides(one, [times * each for each in one])
        for name in TABLES:
            stat = measure(name, then, now)
            if times == 1:
                assert (stat.value, stat.p_value or 1.0, stat.where) == (0.0, 1.0, "")
            else:
                # Half a row is another share of another number of rows.
                assert stat.value == pytest.approx(0.0, abs=0.1 if "kl" in name else 1e-7)


@given(counted, counted)
def test_tables_may_change_sides(one, other):
    then, now = sides(one, other)
    for name in ("g_test", "l_infinity", "cramers_v"):
        there, back = measure(name, then, now), measure(name, now, then)
        assert there.value == pytest.approx(back.value, rel=1e-9, abs=1e-12)
        assert there.p_value == pytest.approx(back.p_value, rel=1e-9)


@given(samples, samples, st.sampled_from([0.25, 2.0, 1024.0]))
def test_units_of_numbers_do_not_matter(one, other, unit):
    one, other = np.rint(one), np.rint(other)
    for name in TABLES:
        plain = measure(name, column(one), column(other)).value
        scaled = measure(name, column(one * unit), column(other * unit)).value
        assert scaled == pytest.approx(plain, rel=1e-9, abs=1e-12)


@given(counted, counted, counted)
def test_merged_parts_measure_as_the_whole(one, two, other):
    whole, now = sides(np.add(one, two).tolist(), other)
    merged = sides(one, other)[0].merge(sides(two, other)[0])
    for name in (*TABLES, "vanished_categories"):
        assert measure(name, merged, now) == measure(name, whole, now)


@pytest.mark.parametrize("shape", ["normal", "counts", "zero inflated"])
@pytest.mark.parametrize("n", [100, 2000])
def test_without_drift_numbers_are_their_noise(shape, n):
    rng = np.random.default_rng(n)
    plan = numeric_plan(SHAPES[shape](rng, 5000))
    found: dict[str, list[Stat]] = {name: [] for name in TABLES}
    for _ in range(150):
        then, now = (column(SHAPES[shape](rng, size), plan) for size in (5000, n))
        for name, stats in found.items():
            stats.append(measure(name, then, now))
    noise = 1 / n + 1 / 5000
    assert np.mean([judged(s) for s in found["kl_divergence"]]) == pytest.approx(0, abs=3 * noise)
    for name in ("l_infinity", "cramers_v"):
        values = np.mean([stat.value for stat in found[name]])
        assert np.mean([stat.corrected for stat in found[name]]) < 0.4 * values
        assert np.mean([verdict(name, stat) is Verdict.CRITICAL for stat in found[name]]) <= 0.02
    for name in ("g_test", "l_infinity"):
        alarms = np.sum([stat.p_value < 0.05 for stat in found[name]])
        assert scipy.stats.binom.cdf(alarms, 150, 0.06) < 0.999


# Levels that are gone.


def test_the_chance_of_an_absence_is_that_of_the_hypergeometric_distribution():
    then, now = levels(a=300, b=40, c=9), levels(a=50, c=1)
    chance = scipy.stats.hypergeom.pmf(40, 400, 40, 349)
    assert measure("vanished_categories", then, now).p_value == pytest.approx(3 * chance, rel=1e-9)


def test_a_level_that_chance_may_hide_breaches_nothing():
    then, now = levels(a=900, b=60, c=40), levels(a=50)
    stat = measure("vanished_categories", then, now)
    assert stat.value == pytest.approx(0.1)
    assert stat.floor == 0.0
    assert stat.p_value > 0.05
    assert verdict("vanished_categories", stat) in (Verdict.OK, Verdict.UNDECIDED)
    certain = measure("vanished_categories", then, levels(a=5000))
    assert certain.floor == pytest.approx(0.1)
    assert verdict("vanished_categories", certain) is Verdict.CRITICAL
    assert certain.where == "2 levels: 'b', 'c'"


def test_without_drift_what_vanishes_is_chance_on_average():
    stats = [
        measure("vanished_categories", rare(i, 4000), rare(i + 10_000, 150)) for i in range(300)
    ]
    values = np.mean([stat.value for stat in stats])
    assert values > 0.02
    assert np.mean([stat.corrected for stat in stats]) < 0.15 * values
    verdicts = [verdict("vanished_categories", stat) for stat in stats]
    assert sum(each in (Verdict.WARNING, Verdict.CRITICAL) for each in verdicts) <= 6
    assert np.mean([stat.p_value < 0.05 for stat in stats]) <= 0.06


def test_nothing_vanishes_from_what_was_never_there():
    stat = measure("vanished_categories", levels(a=10), levels(b=500, a=1))
    assert (stat.value, stat.p_value, stat.where) == (0.0, 1.0, "")
    gone = measure("vanished_categories", levels(a=500), levels(z=500))
    assert gone.value == gone.floor == pytest.approx(1.0)


# Two levels.


@given(st.integers(1, 300), st.integers(1, 80), st.data())
def test_the_p_value_of_few_rows_is_fishers(n, m, data):
    then = data.draw(st.integers(0, n // 2))  # the rarer level, or its equal
    now = data.draw(st.integers(0, m))
    stat = measure("proportion_shift", yes(then, n), yes(now, m))
    assert stat.value == pytest.approx(now / m - then / n, abs=1e-12)
    assert stat.low <= stat.value <= stat.high
    contingency = [[now, m - now], [then, n - then]]
    hits = now + then
    if min(n, m) * min(hits, n + m - hits) / (n + m) < 5:
        expected = scipy.stats.fisher_exact(contingency).pvalue
        assert stat.p_value == pytest.approx(expected, rel=1e-6)
    else:
        expected = scipy.stats.chi2_contingency(contingency, correction=False).pvalue
        assert stat.p_value == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("then", "n", "now", "m", "low", "high"),
    # Newcombe 1998, table II, method 10, with the first sample as the current one.
    [
        (32, 80, 14, 70, -0.3339, -0.0524),
        (3, 10, 9, 10, 0.1705, 0.8090),
        (2, 7, 6, 7, 0.0582, 0.8062),
        (0, 29, 5, 56, -0.0381, 0.1926),
        (0, 20, 0, 10, -0.1611, 0.2775),
        (0, 10, 10, 10, 0.6075, 1.0),
        (0, 20, 10, 10, 0.6791, 1.0),
    ],
)
def test_the_interval_of_two_shares_is_newcombes(then, n, now, m, low, high):
    stat = measure("proportion_shift", yes(then, n), yes(now, m))
    assert stat.low == pytest.approx(low, abs=6e-5)
    assert stat.high == pytest.approx(high, abs=6e-5)


def test_the_interval_of_two_shares_covers_their_difference():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(600):
        stat = measure(
            "proportion_shift", yes(rng.binomial(500, 0.2), 500), yes(rng.binomial(100, 0.3), 100)
        )
        hits += stat.low <= 0.1 <= stat.high
    assert 0.93 <= hits / 600 <= 0.98


def test_numbers_of_two_values_are_two_levels():
    then, now = np.repeat([0.0, 1.0], [700, 300]), np.repeat([0.0, 1.0], [60, 40])
    stat = measure("proportion_shift", column(then), column(now))
    texts = measure("proportion_shift", yes(300, 1000), yes(40, 100))
    assert (stat.value, stat.low, stat.p_value) == (texts.value, texts.low, texts.p_value)
    assert stat.where == "1: 30 % -> 40 %"
    rough = numeric_plan(then, 0)
    assert measure("proportion_shift", column(then, rough), column(now, rough)) == stat


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ((levels(a=50, b=50), levels(a=50, b=50)), "not 4 levels"),
        ((column(np.arange(9.0)), column(np.arange(9.0))), "not more than two values"),
        ((column(np.ones(9)), column(np.ones(9))), "not one value"),
    ],
)
def test_more_or_fewer_levels_are_no_share(pair, reason):
    with pytest.raises(NotEnoughData, match=reason) as shortage:
        measure("proportion_shift", *pair)
    assert shortage.value.among


def test_unseen_levels_count_among_the_rows():
    now = CategoricalProfile.of({"no": 40, "yes": 40, "maybe": 20}, PAIR)
    assert measure("proportion_shift", yes(50, 100), now).value == pytest.approx(-0.1)


@pytest.mark.parametrize("name", [*TABLES, "vanished_categories", "proportion_shift"])
def test_a_side_without_values_cannot_be_measured(name):
    empty = CategoricalProfile.of({}, PAIR, nulls=300)
    with pytest.raises(NotEnoughData, match="no values in the current window"):
        measure(name, yes(50, 100), empty)
    with pytest.raises(NotEnoughData, match="no values in the reference"):
        measure(name, empty, yes(50, 100))
