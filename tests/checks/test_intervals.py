from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from checks import intervals
from checks.check import Stat
from checks.explained import r2
from checks.intervals import Z_JUDGED, Z_SHOWN, Interval, measured
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.plan import BinaryPlan, RegressionPlan

PLAN = BinaryPlan("1", "0")


def test_the_half_widths_are_those_of_a_two_sided_95_and_a_one_sided_99():
    assert pytest.approx(1.959964, abs=1e-6) == Z_SHOWN
    assert pytest.approx(2.326348, abs=1e-6) == Z_JUDGED


@pytest.mark.parametrize(
    ("k", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (7, 50), (999, 1000), (500_000, 10**6)]
)
def test_wilson_agrees_with_scipy(k, n):
    scipy = stats.binomtest(k, n).proportion_ci(0.95, "wilson")
    assert intervals.wilson(k, n, Z_SHOWN) == pytest.approx((scipy.low, scipy.high), abs=1e-12)


@given(st.integers(1, 10**9), st.floats(0, 1), st.sampled_from([Z_SHOWN, Z_JUDGED, 5.0]))
def test_wilson_stays_within_zero_and_one_around_its_share(n, share, z):
    k = round(share * n)
    low, high = intervals.wilson(k, n, z)
    assert 0.0 <= low <= k / n <= high <= 1.0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_interval_of_f1_contains_f1_and_is_that_of_a_share_of_the_rows_in_play(tp, fp, fn):
    if not tp + fp + fn:
        return
    low, high = intervals.f1(tp, fp, fn, Z_SHOWN)
    assert 0.0 <= low <= 2 * tp / (2 * tp + fp + fn) <= high <= 1.0
    ends = [end / (2 - end) for end in (low, high)]  # back to the Jaccard index
    assert ends == pytest.approx(intervals.wilson(tp, tp + fp + fn, Z_SHOWN), abs=1e-12)


def test_the_interval_of_a_mean_agrees_with_scipy():
    values = np.random.default_rng(1).gamma(2.0, size=40)
    ours = intervals.mean(values.sum(), (values**2).sum(), len(values), Z_SHOWN)
    scipy = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert ours == pytest.approx(scipy, abs=1e-12)


def test_equal_values_have_a_mean_without_doubt():
    assert intervals.mean(0.3, 0.03, 3, Z_SHOWN) == pytest.approx((0.1, 0.1), abs=1e-8)


def test_the_interval_of_an_rmse_is_a_delta_method_on_its_logarithm():
    errors = np.random.default_rng(2).normal(size=200)
    mse, se = (errors**2).mean(), stats.sem(errors**2)
    half = stats.t.ppf(0.975, 199) * se / (2 * mse)
    low, high = intervals.rmse((errors**2).sum(), (errors**4).sum(), 200, Z_SHOWN)
    assert (low, high) == pytest.approx((np.sqrt(mse) * np.exp(-half), np.sqrt(mse) * np.exp(half)))


def test_no_error_at_all_has_an_rmse_without_doubt():
    assert intervals.rmse(0.0, 0.0, 100, Z_SHOWN) == (0.0, 0.0)


@pytest.mark.parametrize(("draw", "expected"), [("normal", 3.0), ("laplace", 6.0)])
def test_kurtosis_is_the_textbook_figure(draw, expected):
    errors = getattr(np.random.default_rng(3), draw)(size=400_000)
    found = intervals.kurtosis((errors**2).sum(), (errors**4).sum(), len(errors))
    assert found == pytest.approx(expected, rel=0.05)


def test_kurtosis_of_no_errors_is_zero():
    assert intervals.kurtosis(0.0, 0.0, 10) == 0.0


def _by_cell(score, truth):
    levels, place = np.unique(score, return_inverse=True)
    weights = truth.astype(float), 1.0 - truth
    return [np.bincount(place, w, len(levels)).astype(np.int64) for w in weights]


def _delong_by_rows(score, truth):
    """The definition: every positive against every negative."""
    wins = np.sign(score[truth == 1][:, None] - score[truth == 0][None, :]) / 2 + 0.5
    placed = wins.mean(axis=1), wins.mean(axis=0)
    return wins.mean(), sum(np.var(place, ddof=1) / len(place) for place in placed)


@pytest.mark.parametrize("levels", [3, 20, 10_000])
def test_delong_from_counts_is_delong_from_rows(levels):
    rng = np.random.default_rng(levels)
    truth = (rng.random(300) < 0.3).astype(int)
    score = np.round((rng.normal(size=300) + truth) * levels / 6)
    area, variance = intervals.delong(*_by_cell(score, truth))
    assert (area, variance) == pytest.approx(_delong_by_rows(score, truth), abs=1e-12)
    assert area == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_the_interval_of_an_area_mirrors_when_the_classes_change_places():
    rng = np.random.default_rng(5)
    truth = np.repeat([0, 1], [200, 60])
    positives, negatives = _by_cell(np.round(rng.normal(size=260) + truth, 1), truth)
    low, high = intervals.auc(positives, negatives, Z_SHOWN)
    assert intervals.auc(negatives, positives, Z_SHOWN) == pytest.approx((1 - high, 1 - low))


def test_a_score_that_never_varies_has_exactly_half_the_area():
    assert intervals.auc(np.array([40]), np.array([60]), Z_SHOWN) == (0.5, 0.5)


def test_classes_that_are_apart_still_leave_doubt():
    apart = np.array([0, 30]), np.array([500, 0])
    low, high = intervals.auc(*apart, Z_SHOWN)
    assert (low, high) == pytest.approx(intervals.wilson(30, 30, Z_SHOWN))
    assert intervals.auc(*apart[::-1], Z_SHOWN) == pytest.approx((1 - high, 1 - low))


def test_one_label_of_each_class_gives_an_interval_and_no_warning():
    low, high = intervals.auc(np.array([0, 1]), np.array([1, 0]), Z_SHOWN)
    assert 0.0 <= low <= high <= 1.0


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30),
    st.sampled_from([Z_SHOWN, Z_JUDGED]),
)
def test_the_interval_of_an_area_contains_it_and_stays_within_zero_and_one(cells, z):
    positives, negatives = (np.array(side) for side in zip(*cells, strict=True))
    if not positives.sum() or not negatives.sum():
        return
    low, high = intervals.auc(positives, negatives, z)
    assert 0.0 <= low <= intervals.delong(positives, negatives)[0] <= high <= 1.0


def test_a_measured_number_carries_the_interval_shown_inside_the_one_judged_by():
    stat = measured(0.5, lambda z: Interval(0.5 - z, 0.5 + z), n_current=7, where="here")
    assert stat.floor < stat.low < stat.value < stat.high < stat.ceiling
    assert (stat.n_current, stat.where) == (7, "here")


def test_a_proven_share_has_a_lower_bound_only():
    none, some = intervals.proven(0, 10), intervals.proven(1, 10)
    assert (none.value, none.floor, none.ceiling) == (0.0, 0.0, None)
    assert 0.0 < some.floor < some.value == 0.1
    assert some.ceiling is None
    assert intervals.proven(0, 0) == Stat(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 200])
@pytest.mark.parametrize("p", [0.5, 0.8, 0.95])
def test_intervals_of_shares_cover_the_truth_in_92_of_100_cases(n, p):
    k = np.random.default_rng(n).binomial(n, p, 4000)
    assert _coverage((intervals.wilson(hits, n, Z_SHOWN) for hits in k.tolist()), p) >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("shares", [(0.2, 0.1, 0.1), (0.1, 0.3, 0.1), (0.3, 0.02, 0.02)])
def test_intervals_of_f1_cover_the_truth_in_92_of_100_cases(shares):
    tp, fp, fn = shares
    n = round(60 / sum(shares))
    draws = np.random.default_rng(9).multinomial(n, (*shares, 1 - sum(shares)), 4000)
    ends = (intervals.f1(*cells, Z_SHOWN) for cells in draws[:, :3].tolist())
    assert _coverage(ends, 2 * tp / (2 * tp + fp + fn)) >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize(("positives", "negatives"), [(30, 30), (30, 300), (150, 350)])
@pytest.mark.parametrize("shift", [0.5, 1.4])
def test_intervals_of_areas_cover_the_truth_in_93_of_100_cases(positives, negatives, shift):
    rng = np.random.default_rng(positives)
    truth = np.repeat([1, 0], [positives, negatives])

    def interval():
        score = stats.norm.cdf(rng.normal(size=len(truth)) + shift * truth - shift / 2)
        outcome = BinaryOutcome.of(PLAN, truth, truth, score)
        return intervals.auc(*outcome.by_class(), Z_SHOWN)

    area = stats.norm.cdf(shift / np.sqrt(2))
    assert _coverage((interval() for _ in range(1500)), area) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "least"), [("normal", 0.93), ("laplace", 0.92)])
def test_intervals_of_mean_errors_cover_the_truth(draw, least):
    errors = getattr(np.random.default_rng(11), draw)(size=(4000, 30))
    absolute = np.abs(errors)
    truth = {"normal": np.sqrt(2 / np.pi), "laplace": 1.0}[draw]
    sums = zip(absolute.sum(axis=1).tolist(), (errors**2).sum(axis=1).tolist(), strict=True)
    ends = (intervals.mean(total, squares, 30, Z_SHOWN) for total, squares in sums)
    assert _coverage(ends, truth) >= least


@pytest.mark.slow
def test_intervals_of_rmse_cover_the_truth_of_normal_errors():
    errors = np.random.default_rng(12).normal(size=(4000, 100))
    sums = zip((errors**2).sum(axis=1).tolist(), (errors**4).sum(axis=1).tolist(), strict=True)
    ends = (intervals.rmse(squares, fourth, 100, Z_SHOWN) for squares, fourth in sums)
    assert _coverage(ends, 1.0) >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "variance", "least"), [("normal", 1.0, 0.92), ("exponential", 1.0, 0.88)]
)
def test_intervals_of_r2_cover_what_their_docstring_says(draw, variance, least):
    rng = np.random.default_rng(13)

    def interval():
        truth = getattr(rng, draw)(size=200)
        told = truth + 0.3 * rng.normal(size=200)
        outcome = RegressionOutcome.of(RegressionPlan(), told, truth)
        stat = r2.compute(outcome, outcome)
        return Interval(stat.low, stat.high)

    assert _coverage((interval() for _ in range(1500)), 1 - 0.09 / variance) >= least


def _coverage(ends, truth):
    return np.mean([low <= truth <= high for low, high in ends])
