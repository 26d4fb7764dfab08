"""What a green could have seen: the statement is held against simulated windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from checks.check import Noise, Stat
from checks.drift_categorical import jensen_shannon, psi
from checks.drift_numeric import ks, wasserstein
from checks.intervals import auc, mean_of, measured, proven, share_of
from checks.plan import CategoricalPlan, NumericPlan
from checks.power import noticed
from checks.profile import CategoricalProfile, NumericProfile
from checks.verdict import Limit, Verdict, judge

ROUNDS = 400
FIRING = (Verdict.WARNING, Verdict.CRITICAL)


def fired(stats, limit):
    return sum(judge(stat, limit).verdict in FIRING for stat in stats) / ROUNDS


@pytest.mark.parametrize("n", [108, 400, 2362, 9252])
def test_the_labels_for_a_drop_are_those_of_the_normal_formula(n):
    # Of a floor of 0.9 these numbers show drops of 10, 5, 2 and 1 points by the textbook's formula.
    drop = {108: 0.10, 400: 0.05, 2362: 0.02, 9252: 0.01}[n]
    seen = noticed(share_of(n, n), 0.9, above=False)
    assert seen is not None
    assert 0.9 - seen == pytest.approx(drop, rel=0.06)


@given(st.integers(30, 5000), st.floats(0.02, 0.98))
def test_a_share_is_exact(n, bound):
    """One that is noticed breaches in at least four of five windows, and hardly more."""
    seen = noticed(share_of(0, n), bound)
    if seen is None:
        return
    hits = np.arange(n + 1)
    limit = Limit(None, bound)
    least = next(k for k in hits if judge(share_of(int(k), n), limit).verdict in FIRING)
    assert binom.sf(least - 1, n, seen) == pytest.approx(0.8, abs=1e-6)


def test_a_share_that_needs_only_proof_of_presence_is_seen_from_one_row_on():
    seen = noticed(proven(0, 1000), 0.0)
    assert seen == pytest.approx(1 - 0.2 ** (1 / 1000))


def test_a_mean_is_noticed_as_often_as_is_said():
    rng = np.random.default_rng(7)
    n, limit = 300, Limit(None, 1.2)

    def stat(centre):
        errors = rng.normal(centre, 0.5, n)
        return mean_of(float(errors.sum()), float((errors**2).sum()), n)

    said = np.median([noticed(stat(1.0), 1.2) for _ in range(100)])
    assert 0.72 <= fired([stat(said) for _ in range(ROUNDS)], limit) <= 0.88


def test_an_area_under_the_curve_is_noticed_as_often_as_is_said():
    rng = np.random.default_rng(8)
    edges, limit = np.linspace(-6, 8, 201), Limit(None, 0.75, "below")

    def stat(area):
        shift = math.sqrt(2) * _quantile(area)
        good = np.histogram(rng.normal(shift, 1, 300), edges)[0]
        bad = np.histogram(rng.normal(0, 1, 700), edges)[0]
        value = float(good @ (np.cumsum(bad) - bad / 2)) / (good.sum() * bad.sum())
        return measured(value, lambda z: auc(good, bad, z), n_current=1000)

    said = np.median([noticed(stat(0.85), 0.75, above=False) for _ in range(50)])
    assert 0.78 <= fired([stat(said) for _ in range(ROUNDS)], limit) <= 0.97


def _quantile(share):
    from scipy.special import ndtri

    return float(ndtri(share))


@pytest.mark.parametrize("n", [300, 2000])
@pytest.mark.parametrize(("check", "bound"), [(psi, 0.1), (jensen_shannon, 0.12)])
def test_a_distance_of_levels_is_noticed_as_often_as_is_said(check, bound, n):
    rng = np.random.default_rng(9)
    plan = CategoricalPlan(tuple("abcdefgh"))
    base = np.full(8, 1 / 8)
    tilt = np.linspace(-1, 1, 8) / 8

    def profile(rows, shares):
        counts = rng.multinomial(rows, shares)
        return CategoricalProfile.of(dict(zip(plan.levels, counts.tolist(), strict=True)), plan)

    then = profile(20_000, base)
    seen = noticed(check.compute(then, profile(n, base)), bound)
    sizes = np.linspace(0.01, 0.99, 400)
    true = [
        check.compute(then, _large(plan, base + size * tilt)).value for size in sizes
    ]  # of so many rows that there is no noise
    size = sizes[int(np.searchsorted(true, seen))]
    stats = [check.compute(then, profile(n, base + size * tilt)) for _ in range(ROUNDS)]
    assert 0.72 <= fired(stats, Limit(bound, None)) <= 0.9


def _large(plan, shares):
    counts = (shares * 10**7).round().astype(int).tolist()
    return CategoricalProfile.of(dict(zip(plan.levels, counts, strict=True)), plan)


@pytest.mark.parametrize("n", [300, 2000])
@pytest.mark.parametrize(("check", "bound"), [(ks, 0.12), (wasserstein, 0.15)])
def test_a_move_of_numbers_is_noticed_as_often_as_is_said(check, bound, n):
    rng = np.random.default_rng(10)
    plan = NumericPlan()
    then = NumericProfile.of(rng.normal(0, 1, 20_000), plan)
    now = NumericProfile.of(rng.normal(0, 1, n), plan)
    seen = noticed(check.compute(then, now), bound)
    assert seen is not None
    shift = seen if check is wasserstein else 2 * _quantile(0.5 + seen / 2)
    stats = [
        check.compute(then, NumericProfile.of(rng.normal(shift, 1, n), plan)) for _ in range(ROUNDS)
    ]
    assert 0.75 <= fired(stats, Limit(bound, None)) <= 0.96


@pytest.mark.parametrize(
    ("stat", "limit", "verdict", "flagged", "known"),
    [
        (Stat(0.02, noise=Noise(0.01)), Limit(0.1, 0.25), Verdict.OK, False, True),
        (Stat(0.02, noise=Noise(0.3)), Limit(0.1, 0.25), Verdict.INSUFFICIENT, True, False),
        (Stat(0.3, noise=Noise(0.3)), Limit(0.1, 0.25), Verdict.CRITICAL, False, False),
        (Stat(0.02), Limit(0.1, 0.25), Verdict.OK, False, False),
        (proven(0, 1000), Limit(0.0, 0.05), Verdict.OK, False, True),
        (proven(0, 10), Limit(0.0, 0.05), Verdict.OK, True, True),
        (share_of(98, 100), Limit(0.7, 0.6, "below"), Verdict.OK, False, True),
        (share_of(90, 100), Limit(0.88, 0.8, "below"), Verdict.UNDECIDED, False, False),
        (share_of(500, 1000), Limit(0.1, 0.2, "both", centre=0.5), Verdict.OK, False, True),
    ],
)
def test_a_green_says_what_it_could_have_seen(stat, limit, verdict, flagged, known):
    said = judge(stat, limit)
    assert said.verdict == verdict
    assert ("too few values to notice" in said.reason) == flagged
    assert (said.detectable is not None) == known


@given(st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(-1, 1), st.booleans())
def test_what_is_noticed_is_finite_and_beyond_the_bound(value, below, more, bound, above):
    stat = Stat(value, floor=value - below, ceiling=value + more, n_current=50)
    seen = noticed(stat, bound, above=above)
    if seen is not None:
        assert math.isfinite(seen)
        assert (seen >= bound - 1e-9) if above else (seen <= bound + 1e-9)
