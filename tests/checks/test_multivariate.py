"""Drift of several columns together, against a direct kernel sum and textbook correlations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics.pairwise import rbf_kernel

from checks.check import NotEnoughData, Stat
from checks.joint import FourierMeans, JointMoments, bandwidth_of, scales_of
from checks.multivariate import correlation_shift, mmd
from checks.plan import MultivariatePlan

COLUMNS = tuple("abcdefghijkl")
MIXING = np.linalg.cholesky(0.5 * np.eye(12) + 0.5)


def correlated(seed: int, rows: int) -> np.ndarray:
    """Twelve normal columns, every two of them correlated by one half."""
    return np.random.default_rng(seed).normal(size=(rows, 12)) @ MIXING.T


def plan_for(reference: np.ndarray, waves: int = 100) -> MultivariatePlan:
    sample = dict(zip(COLUMNS, reference.T, strict=False))
    scales = scales_of(sample)
    centres, spreads = zip(*scales.values(), strict=True)
    width = bandwidth_of(reference[:4000], list(scales.values()))
    return MultivariatePlan(tuple(scales), centres, spreads, True, waves, width)


def moved(reference: np.ndarray, current: np.ndarray, waves: int = 100) -> Stat:
    plan = plan_for(reference, waves)
    return mmd.compute(FourierMeans.of(reference, plan), FourierMeans.of(current, plan))


def turned(reference: np.ndarray, current: np.ndarray) -> Stat:
    plan = plan_for(reference)
    return correlation_shift.compute(
        JointMoments.of(reference, plan), JointMoments.of(current, plan)
    )


def broken(rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The second column shuffled in a share of the rows: no column has changed by itself."""
    rng = np.random.default_rng(seed)
    found = rows.copy()
    some = rng.random(len(rows)) < share
    found[some, 1] = rng.permutation(found[some, 1])
    return found


@pytest.mark.parametrize("shift", [0.3, 1.0, 3.0])
def test_the_discrepancy_is_that_of_a_direct_sum_over_the_kernel(shift):
    then, now = correlated(1, 900), correlated(2, 800) + shift
    plan = plan_for(then, waves=4000)
    x, y = ((rows - plan.centres) / plan.scales for rows in (then, now))
    gamma = 1.0 / (2.0 * plan.bandwidth**2)
    direct = (
        rbf_kernel(x, x, gamma).mean()
        + rbf_kernel(y, y, gamma).mean()
        - 2.0 * rbf_kernel(x, y, gamma).mean()
    )
    assert moved(then, now, waves=4000).value == pytest.approx(direct, rel=0.06)
    assert moved(then, now).value == pytest.approx(direct, rel=0.4)


def test_the_corrected_discrepancy_is_that_of_pairs_of_different_rows():
    then, now = correlated(3, 600), correlated(4, 500) + 0.2
    plan = plan_for(then, waves=4000)
    x, y = ((rows - plan.centres) / plan.scales for rows in (then, now))
    gamma = 1.0 / (2.0 * plan.bandwidth**2)

    def apart(z: np.ndarray) -> float:
        return (rbf_kernel(z, z, gamma).sum() - len(z)) / (len(z) * (len(z) - 1))

    unbiased = apart(x) + apart(y) - 2.0 * rbf_kernel(x, y, gamma).mean()
    assert moved(then, now, waves=4000).corrected == pytest.approx(unbiased, abs=2e-4)


def test_without_drift_the_corrected_discrepancy_is_zero_on_average():
    then = correlated(5, 20_000)
    plan = plan_for(then)
    reference = FourierMeans.of(then, plan)
    stats = [
        mmd.compute(reference, FourierMeans.of(correlated(100 + i, 300), plan)) for i in range(200)
    ]
    corrected = np.array([stat.corrected for stat in stats])
    assert abs(corrected.mean()) < 4 * corrected.std() / np.sqrt(len(corrected))
    assert np.mean([stat.value for stat in stats]) > 5 * abs(corrected.mean())


def test_a_shift_of_one_column_is_seen_by_the_kernel_and_not_by_correlations():
    then = correlated(6, 20_000)
    now = correlated(7, 1000)
    quiet = moved(then, now)
    now[:, 4] += 0.3
    loud = moved(then, now)
    assert loud.corrected > 5 * abs(quiet.corrected)
    assert turned(then, now).p_value > 0.01


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_broken_correlation_is_seen_and_its_pair_named(share):
    then = correlated(8, 20_000)
    stat = turned(then, broken(correlated(9, 1000), share, 10))
    assert stat.p_value < 1e-4
    assert " b" in f" {stat.where}"
    assert stat.corrected > 4.0


def test_the_score_is_fishers_for_the_pair_that_moved_most():
    rng = np.random.default_rng(11)
    then, now = rng.normal(size=(500, 3)), rng.normal(size=(300, 3))
    now[:, 2] += now[:, 0]
    stat = turned(then, now)
    scores, pairs = [], [(0, 1), (0, 2), (1, 2)]
    for i, j in pairs:
        before = np.arctanh(scipy.stats.pearsonr(then[:, i], then[:, j]).statistic)
        after = np.arctanh(scipy.stats.pearsonr(now[:, i], now[:, j]).statistic)
        scores.append(abs(after - before) / np.sqrt(1 / 297 + 1 / 497))
    assert stat.value == pytest.approx(max(scores), rel=1e-9)
    assert pairs[int(np.argmax(scores))] == (0, 2)
    assert stat.where.startswith("a and c: ")
    assert (stat.n_reference, stat.n_current) == (500, 300)
    one = 2 * scipy.stats.norm.sf(max(scores))
    assert stat.p_value == pytest.approx(1 - (1 - one) ** 3, rel=1e-6)


def test_without_drift_correlations_alarm_as_rarely_as_promised():
    then = correlated(12, 50_000)
    plan = plan_for(then)
    reference = JointMoments.of(then, plan)
    stats = [
        correlation_shift.compute(reference, JointMoments.of(correlated(500 + i, 500), plan))
        for i in range(200)
    ]
    alarms = sum(stat.p_value < 0.05 for stat in stats)
    assert alarms <= scipy.stats.binom.ppf(0.999, len(stats), 0.05)


def test_rows_count_for_a_pair_where_both_values_are_there():
    then, now = correlated(13, 2000), correlated(14, 1000)
    now[::2, 0] = np.nan
    now[:, 1] = np.where(now[:, 1] > 0, np.inf, now[:, 1])
    stat = turned(then, now)
    assert stat.n_current < 1000
    full = turned(then, correlated(14, 1000))
    assert full.n_current == 1000


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (np.empty((0, 2)), "vary together"),
        (np.full((500, 2), 3.0), "vary together"),
        (np.column_stack((np.arange(500.0), np.full(500, np.nan))), "vary together"),
        (np.arange(6.0).reshape(3, 2), "vary together"),
    ],
)
def test_what_has_no_correlation_is_said(rows, reason):
    plan = MultivariatePlan(("a", "b"), (0.0, 0.0), (1.0, 1.0), moments=True)
    reference = JointMoments.of(np.random.default_rng(1).normal(size=(400, 2)), plan)
    with pytest.raises(NotEnoughData, match=reason):
        correlation_shift.compute(reference, JointMoments.of(rows, plan))


def test_one_column_alone_has_no_pair():
    plan = MultivariatePlan(("a",), (0.0,), (1.0,), moments=True, waves=10)
    moments = JointMoments.of(np.ones((400, 1)), plan)
    with pytest.raises(NotEnoughData, match="two numeric features"):
        correlation_shift.compute(moments, moments)
    with pytest.raises(NotEnoughData, match="no rows in the current window"):
        mmd.compute(
            FourierMeans.of(np.ones((400, 1)), plan), FourierMeans.of(np.empty((0, 1)), plan)
        )


def test_long_names_of_a_pair_are_cut():
    plan = MultivariatePlan(("a" * 500, "b" * 500), (0.0, 0.0), (1.0, 1.0), moments=True)
    a, b = np.random.default_rng(2).normal(size=(2, 400))
    stat = correlation_shift.compute(
        JointMoments.of(np.column_stack((a, b)), plan),
        JointMoments.of(np.column_stack((a, a)), plan),
    )
    assert len(stat.where) < 200


def test_neither_runs_or_alarms_unasked():
    for check in (mmd, correlation_shift):
        assert not check.default
        assert check.warning is None
        assert check.critical is None
        assert check.slack is None
