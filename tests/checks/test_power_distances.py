"""What a green of a distance could have seen: each statement is held against simulated windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from checks.check import EXACT, Noise, Stat, catalogue
from checks.embedding import EmbeddingProfile
from checks.intervals import proven, share_of
from checks.joint import FourierMeans, JointMoments
from checks.log import LogProfile
from checks.plan import CategoricalPlan, EmbeddingPlan, MultivariatePlan, NumericPlan
from checks.power import noticed
from checks.profile import CategoricalProfile, NumericProfile
from checks.sample import RowSample
from checks.verdict import Limit, Verdict, judge
from tests.checks.edges import families

CHECKS = catalogue()
FAMILIES = families()
N = 20_000
PLAN = NumericPlan()
ROUNDS = 200


def measure(name, then, now, **settings):
    check = CHECKS[name]
    return check.compute(then, now, **(check.parameters | settings))


def proves(stat, bound):
    return judge(stat, Limit(bound, None)).verdict is Verdict.WARNING


def share(stats, bound):
    found = [proves(stat, bound) for stat in stats]
    return sum(found) / len(found)


@pytest.mark.parametrize("name", ["ks", "kuiper", "energy", "mmd", "centroid_distance", "psi"])
def test_each_distance_knows_its_noise(name):
    check = CHECKS[name]
    group = next(iter(FAMILIES[check.takes[0]].values()))
    profile = group.get("normal") or group["usual"]
    stat = check.compute(profile, profile, **check.parameters)
    assert stat.noise is not None
    assert noticed(stat, 0.5) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 2000])
@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("kuiper", 0.15),
        ("energy", 0.1),
        ("cramer_von_mises", 0.008),
        ("anderson_darling", 0.05),
        ("quantile_shift", 0.2),
        ("total_variation", 0.12),
        ("kl_divergence", 0.1),
        ("hellinger", 0.1),
    ],
)
def test_a_shift_of_numbers_is_noticed_as_often_as_is_said(name, bound, n):
    rng = np.random.default_rng(21)

    def window(rows, shift=0.0):
        return NumericProfile.of(rng.normal(shift, 1.0, rows), PLAN)

    seen = noticed(measure(name, window(N), window(n)), bound)
    then, now = window(100 * N), rng.normal(0.0, 1.0, 100 * n)

    def distance(shift):
        stat = measure(name, then, NumericProfile.of(now + shift, PLAN))
        return stat.corrected

    shift = root(distance, seen)
    stats = (measure(name, window(N), window(n, shift)) for _ in range(ROUNDS))
    assert 0.7 <= share(stats, bound) <= 0.97


def root(rising, value):
    low, high = 0.0, 2.0
    for _ in range(9):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < value else (low, middle)
    return high


@pytest.mark.parametrize("n", [300, 2000])
@pytest.mark.parametrize("name", ["chi_square", "g_test"])
def test_a_test_statistic_is_noticed_as_often_as_is_said(name, n):
    rng = np.random.default_rng(22)
    plan, base = CategoricalPlan(tuple("abcdefgh")), np.full(8, 1 / 8)
    tilt, bound = np.linspace(-1, 1, 8) / 8, 18.5  # the 99 % quantile of seven degrees of freedom

    def window(rows, shares):
        counts = rng.multinomial(rows, shares)
        return CategoricalProfile.of(dict(zip(plan.levels, counts.tolist(), strict=True)), plan)

    seen = noticed(measure(name, window(N, base), window(n, base)), bound)
    # The mean is 7 + sum (p - q)^2 / q / (1/n + 1/N).
    size = math.sqrt((seen - 7) * (1 / n + 1 / N) / float((tilt**2 / base).sum()))
    now = base + size * tilt
    stats = (measure(name, window(N, base), window(n, now)) for _ in range(ROUNDS))
    assert 0.7 <= share(stats, bound) <= 0.97


def test_a_level_that_rises_is_noticed_as_often_as_is_said():
    rng = np.random.default_rng(23)
    plan, base, n, bound = CategoricalPlan(tuple("abcdefgh")), np.full(8, 1 / 8), 1000, 0.05

    def window(rows, shares):
        counts = rng.multinomial(rows, shares)
        return CategoricalProfile.of(dict(zip(plan.levels, counts.tolist(), strict=True)), plan)

    rise = noticed(measure("l_infinity", window(N, base), window(n, base)), bound)
    now = np.append(np.full(7, (7 / 8 - rise) / 7), 1 / 8 + rise)
    stats = (measure("l_infinity", window(N, base), window(n, now)) for _ in range(ROUNDS))
    assert 0.7 <= share(stats, bound) <= 0.97


def test_cramers_v_is_noticed_as_often_as_is_said():
    rng = np.random.default_rng(24)
    plan, n, bound = CategoricalPlan(("a", "b")), 1000, 0.1

    def window(hits):
        counts = {"a": int(rng.binomial(n, hits)), "b": 0}
        return CategoricalProfile.of(counts | {"b": n - counts["a"]}, plan)

    seen = noticed(measure("cramers_v", window(0.5), window(0.5)), bound)
    # Of two sides of one size with the shares (1 -+ v) / 2, V is v.
    now, then = (1 + seen) / 2, (1 - seen) / 2
    stats = (measure("cramers_v", window(then), window(now)) for _ in range(ROUNDS))
    assert 0.7 <= share(stats, bound) <= 0.97


def test_a_level_that_has_vanished_is_seen_from_the_least_share_on():
    plan, n = CategoricalPlan(("a", "b", "c")), 500
    then = CategoricalProfile.of({"a": 9000, "b": 900, "c": 100}, plan)
    now = CategoricalProfile.of({"a": 450, "b": 45, "c": 5}, plan)
    seen = noticed(measure("vanished_categories", then, now), 0.0)

    def verdict(gone):
        levels = {"a": 10_000 - gone, "b": gone - 1, "c": 1}
        before = CategoricalProfile.of({"a": levels["a"], "b": gone}, plan)
        with_c = CategoricalProfile.of({"a": levels["a"], "b": gone, "c": 9}, plan)
        assert before.n + 9 == with_c.n
        stat = measure("vanished_categories", with_c, CategoricalProfile.of({"a": n, "c": 1}, plan))
        return proves(stat, 0.0)

    rows = round(seen * 10_000)
    assert verdict(rows + 3)
    assert not verdict(rows - 3)


@pytest.mark.parametrize(("dimensions", "most"), [(1, 0.97), (20, 1.0)])
def test_a_move_of_vectors_is_noticed_at_least_as_often_as_is_said(dimensions, most):
    rng = np.random.default_rng(25)
    plan, n, bound = EmbeddingPlan((0.0,) * dimensions), 600, 0.1

    def window(rows, move=0.0):
        values = rng.normal(size=(rows, dimensions))
        values[:, 0] += move * math.sqrt(dimensions)
        return EmbeddingProfile.of(values, plan)

    then = window(N)
    seen = noticed(measure("centroid_distance", then, window(n)), bound)
    stats = (measure("centroid_distance", window(N), window(n, seen)) for _ in range(ROUNDS))
    assert 0.7 <= share(stats, bound) <= most


def test_a_move_of_waves_is_noticed_at_least_as_often_as_is_said():
    rng = np.random.default_rng(26)
    plan = MultivariatePlan(("x",), (0.0,), (1.0,), waves=100)
    n, bound = 1000, 0.01

    def window(rows, shift=0.0):
        return FourierMeans.of(rng.normal(shift, 1.0, (rows, 1)), plan)

    seen = noticed(measure("mmd", window(N), window(n)), bound)
    then = window(10 * N)
    shift = root(lambda shift: measure("mmd", then, window(5 * N, shift)).corrected, seen)
    stats = (measure("mmd", window(N), window(n, shift)) for _ in range(ROUNDS))
    assert 0.7 <= share(stats, bound) <= 0.97


def test_a_correlation_that_changes_is_noticed_as_often_as_is_said():
    rng = np.random.default_rng(27)
    names, n, bound = ("a", "b", "c"), 1000, 3.0
    plan = MultivariatePlan(names, (0.0,) * 3, (1.0,) * 3, moments=True)

    def window(rows, r=0.0):
        values = rng.normal(size=(rows, 3))
        values[:, 1] = r * values[:, 0] + math.sqrt(1 - r * r) * values[:, 1]
        return JointMoments.of(values, plan)

    seen = noticed(measure("correlation_shift", window(N), window(n)), bound)
    r = math.tanh(seen * math.sqrt(1 / (n - 3) + 1 / (N - 3)))
    stats = (measure("correlation_shift", window(N), window(n, r)) for _ in range(ROUNDS))
    assert 0.7 <= share(stats, bound) <= 0.97


def test_a_worse_group_is_noticed_as_often_as_is_said():
    rng = np.random.default_rng(28)
    plan = MultivariatePlan(("x", "y"), (0.0, 0.0), (1.0, 1.0), rows=4000)
    ranks, none, bound = np.arange(4000) / 4000, np.zeros((4000, 0), np.int64), 0.05

    def window(more=0.0):
        x = rng.random((4000, 2))
        chance = np.where((x < 0.25).all(axis=1), 0.1 + more, 0.1)
        return RowSample.of(ranks, x, none, plan, (rng.random(4000) < chance).astype(float))

    rows = next(rows for rows in iter(window, None) if not measure("worst_slice", rows, rows).value)
    seen = noticed(measure("worst_slice", rows, rows), bound)
    stats = [measure("worst_slice", rows, rows) for rows in (window(seen) for _ in range(60))]
    assert 0.7 <= share(stats, bound) <= 0.97


def test_of_what_is_counted_the_limit_itself_is_seen():
    windows = [LogProfile.of_window(n, 0.0, 3000.0, 3600.0, span=3600.0) for n in (90, 100, 110)]
    reference = LogProfile.of_parts(windows, 3600.0, 3600.0)
    for name, limit in {
        "row_count": Limit(50.0, 10.0, "below"),
        "row_surge": Limit(200.0, 500.0),
        "freshness": Limit(900.0, 1800.0),
    }.items():
        stat = measure(name, reference, windows[1])
        said = judge(stat, limit)
        assert said.verdict is Verdict.OK
        assert said.detectable == abs(limit.warning - stat.value)


@pytest.mark.parametrize(
    ("stat", "bound", "unit", "above", "words"),
    [
        (proven(0, 0), 0.05, "ratio", True, "no values to look at"),
        (share_of(1, 5), 0.01, "ratio", False, "too few values to prove anything below 0.01"),
        (Stat(3.0, n_current=1), 5.0, "", True, "nothing tells how the number varies"),
    ],
)
def test_a_green_that_could_not_have_seen_anything_says_why(stat, bound, unit, above, words):
    said = judge(stat, Limit(bound, None, "above" if above else "below"), unit)
    assert (said.verdict, said.detectable) == (Verdict.OK, None)
    assert words in said.reason


@pytest.mark.parametrize(
    ("stat", "limit", "words"),
    [
        (share_of(0, 50), Limit(-0.02, None, "below"), "a share is never below -0.02"),
        (share_of(50, 50), Limit(1.0, None), "a share is never above 1"),
        (share_of(50, 50), Limit(1.001, 1.05), "a share is never above 1"),
    ],
)
def test_what_no_share_could_breach_is_not_green(stat, limit, words):
    said = judge(stat, limit, "ratio")
    assert (said.verdict, said.detectable) == (Verdict.UNDECIDED, None)
    assert words in said.reason


@pytest.mark.parametrize(
    ("noise", "verdict"),
    [
        (Noise(0.01), Verdict.OK),
        (Noise(0.4), Verdict.INSUFFICIENT),
        (Noise(0.4, binding=False), Verdict.OK),
        (Noise(0.0, least=0.5), Verdict.INSUFFICIENT),
        (EXACT, Verdict.OK),
    ],
)
def test_a_distance_near_its_only_limit_is_judged_as_one_far_from_it(noise, verdict):
    for value in (0.0, 0.1, 0.199):
        assert judge(Stat(value, noise=noise), Limit(None, 0.2)).verdict is verdict


def test_a_normal_move_beyond_the_bound_is_that_of_the_textbook():
    found = noticed(Stat(0.0, noise=Noise(0.1)), 1.0)
    assert found == pytest.approx(1.0 + 0.1 * ndtri(0.8), abs=1e-4)
