"""Weights, prediction intervals, quantiles of errors and scores of all classes, by scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from checks.check import NotEnoughData, catalogue
from checks.class_scores import (
    class_brier,
    class_log_loss,
    class_score_range,
    roc_auc_macro,
    top_k_accuracy,
)
from checks.classification import accuracy
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_ranges import RangeOutcome
from checks.outcome_scores import ClassScores
from checks.outcome_weights import WeightedErrors, powers, weighted_mean
from checks.plan import BinaryPlan, MulticlassPlan, RegressionPlan
from checks.ranges import (
    coverage_gap,
    interval_coverage,
    interval_score,
    interval_width,
    pinball_loss,
    quantile_coverage,
)
from checks.regression import error_quantile, max_error, median_absolute_error
from checks.verdict import Verdict, default_limit, judge
from checks.weights import unusable_weights

CHECKS = catalogue()
CLASSES = ("a", "b", "c", "d")


def errors(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, 10.0, size=n)
    return truth, truth + rng.standard_t(4, size=n) * 3 + 1.0, rng.gamma(0.5, 2.0, size=n)


def regression(truth, told, weight=None, ends=None):
    return replace(
        RegressionOutcome.of(RegressionPlan(20.0), told, truth),
        weighted=None if weight is None else WeightedErrors.of(weight, told, truth),
        ranges=None if ends is None else RangeOutcome.of(*ends, truth),
    )


def decisions(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.beta(1, 2, n)
    label = (rng.random(n) < score).astype(np.int64)
    return (score >= 0.4).astype(np.int64), label, score, rng.gamma(0.5, 2.0, size=n)


def binary(told, label, score, weight):
    rows = told, label, score
    return BinaryOutcome.of(BinaryPlan("1", "0", 0.4), *rows).weighed(weight, *rows)


def value(check, outcome, **parameters):
    return check.compute(outcome, outcome, **parameters).value


# Sizes of errors, and quantiles.


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_quantiles_of_the_error_are_those_of_numpy_within_a_cell(share):
    truth, told, _ = errors()
    found = error_quantile.compute(*[regression(truth, told)] * 2, share=share)
    assert found.value == pytest.approx(np.quantile(np.abs(told - truth), share), rel=0.016)
    assert found.floor < found.low < found.value < found.high < found.ceiling


def test_the_median_of_the_error_is_that_of_scikit_learn_within_a_cell():
    truth, told, _ = errors()
    exact = metrics.median_absolute_error(truth, told)
    outcome = regression(truth, told)
    assert value(median_absolute_error, outcome) == pytest.approx(exact, rel=0.002)
    assert value(max_error, outcome) == metrics.max_error(truth, told)


def test_the_median_of_whole_errors_is_whole():
    rng = np.random.default_rng(3)
    truth, told = rng.integers(0, 60, 501).astype(float), rng.integers(0, 60, 501).astype(float)
    exact = metrics.median_absolute_error(truth, told)
    assert value(median_absolute_error, regression(truth, told)) == exact


def test_the_interval_of_the_median_holds_what_it_promises():
    rng = np.random.default_rng(4)
    true = np.sqrt(2) * 0.476936276204  # the median of |N(0, 1)|
    held = 0
    for _ in range(400):
        outcome = regression(np.zeros(120), rng.normal(size=120))
        found = median_absolute_error.compute(outcome, outcome)
        held += found.low <= true <= found.high
    assert held / 400 == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_pinball_loss_is_that_of_scikit_learn_and_its_interval_that_of_a_mean(quantile):
    truth, told, _ = errors()
    found = pinball_loss.compute(*[regression(truth, told)] * 2, quantile=quantile)
    exact = metrics.mean_pinball_loss(truth, told, alpha=quantile)
    assert found.value == pytest.approx(exact, rel=1e-12)
    each = np.where(truth > told, quantile * (truth - told), (1 - quantile) * (told - truth))
    half = 1.959964 * each.std(ddof=1) / np.sqrt(len(each))
    assert found.high - found.value == pytest.approx(half, rel=1e-3)


def test_a_quantile_model_is_covered_by_the_share_of_truths_below_it():
    truth, told, _ = errors()
    assert value(quantile_coverage, regression(truth, told)) == np.mean(truth <= told)


# Prediction intervals.


def ranges(level_width=5.0):
    truth, told, _ = errors()
    rng = np.random.default_rng(5)
    lower = told - level_width * rng.uniform(0.5, 1.5, len(told))
    upper = told + level_width * rng.uniform(0.5, 1.5, len(told))
    return truth, told, lower, upper


def test_coverage_width_and_score_of_intervals_are_worked_out_by_hand():
    truth, told, lower, upper = ranges()
    outcome = regression(truth, told, ends=(lower, upper))
    inside = np.mean((truth >= lower) & (truth <= upper))
    assert value(interval_coverage, outcome) == pytest.approx(inside, rel=1e-12)
    assert value(coverage_gap, outcome, level=0.8) == pytest.approx(inside - 0.8, rel=1e-9)
    assert value(interval_width, outcome) == pytest.approx(np.mean(upper - lower), rel=1e-12)
    each = upper - lower
    each = each + 20 * np.maximum(lower - truth, 0) + 20 * np.maximum(truth - upper, 0)
    found = interval_score.compute(outcome, outcome, level=0.9)
    assert found.value == pytest.approx(each.mean(), rel=1e-12)
    half = 1.959964 * each.std(ddof=1) / np.sqrt(len(each))
    assert found.high - found.value == pytest.approx(half, rel=1e-3)


@pytest.mark.parametrize(("width", "verdict"), [(5.0, Verdict.OK), (1.0, Verdict.CRITICAL)])
def test_coverage_is_judged_around_that_of_the_reference(width, verdict):
    truth, told, lower, upper = ranges()
    then = regression(truth, told, ends=(lower, upper))
    truth, told, lower, upper = ranges(width)
    now = regression(truth, told, ends=(lower, upper))
    limit = default_limit(interval_coverage, interval_coverage.compute(then, then))
    assert judge(interval_coverage.compute(then, now), limit).verdict is verdict


def test_intervals_that_cover_too_much_break_their_promise_as_well():
    truth, told, _ = errors()
    outcome = regression(truth, told, ends=(told - 1e3, told + 1e3))
    limit = default_limit(coverage_gap, coverage_gap.compute(outcome, outcome))
    found = coverage_gap.compute(outcome, outcome, level=0.8)
    assert judge(found, limit).verdict is Verdict.CRITICAL
    assert value(coverage_gap, outcome, level=0.8) == pytest.approx(0.2)


def test_intervals_without_both_ends_or_with_crossed_ones_are_left_out_and_told():
    lower = np.array([np.nan, 0.0, 5.0, *np.zeros(60)])
    upper = np.array([1.0, np.inf, 4.0, *np.ones(60)])
    truth = np.full(63, 0.5)
    found = interval_coverage.compute(*[regression(truth, truth, ends=(lower, upper))] * 2)
    assert (found.value, found.n_current) == (1.0, 60)
    assert "2 without both ends, 1 with the lower end above" in found.where


# Weights.

ORACLES = {
    "accuracy": lambda y, t, s, w: metrics.accuracy_score(y, t, sample_weight=w),
    "precision": lambda y, t, s, w: metrics.precision_score(y, t, sample_weight=w),
    "recall": lambda y, t, s, w: metrics.recall_score(y, t, sample_weight=w),
    "f1": lambda y, t, s, w: metrics.f1_score(y, t, sample_weight=w),
    "specificity": lambda y, t, s, w: metrics.recall_score(y, t, sample_weight=w, pos_label=0),
    "negative_predictive_value": lambda y, t, s, w: metrics.precision_score(
        y, t, sample_weight=w, pos_label=0
    ),
    "base_rate": lambda y, t, s, w: np.average(y, weights=w),
    "log_loss": lambda y, t, s, w: metrics.log_loss(y, s, sample_weight=w),
    "brier": lambda y, t, s, w: metrics.brier_score_loss(y, s, sample_weight=w),
    "roc_auc": lambda y, t, s, w: metrics.roc_auc_score(y, s, sample_weight=w),
    "gini": lambda y, t, s, w: 2 * metrics.roc_auc_score(y, s, sample_weight=w) - 1,
}
AMOUNTS = {
    "mae": lambda y, t, w: metrics.mean_absolute_error(y, t, sample_weight=w),
    "rmse": lambda y, t, w: metrics.root_mean_squared_error(y, t, sample_weight=w),
    "mse": lambda y, t, w: metrics.mean_squared_error(y, t, sample_weight=w),
    "bias": lambda y, t, w: np.average(t - y, weights=w),
}


@pytest.mark.parametrize("name", ORACLES)
def test_weighted_decisions_are_those_of_scikit_learn(name):
    told, label, score, weight = decisions()
    found = CHECKS[name].compute(*[binary(told, label, score, weight)] * 2)
    tolerance = 2e-4 if name in ("roc_auc", "gini") else 1e-9
    assert found.value == pytest.approx(ORACLES[name](label, told, score, weight), abs=tolerance)
    assert found.floor < found.low < found.value < found.high < found.ceiling


@pytest.mark.parametrize("name", AMOUNTS)
def test_weighted_errors_are_those_of_scikit_learn(name):
    truth, told, weight = errors()
    found = CHECKS[name].compute(*[regression(truth, told, weight)] * 2)
    assert found.value == pytest.approx(AMOUNTS[name](truth, told, weight), rel=1e-9)
    assert found.floor < found.low < found.value < found.high < found.ceiling


@pytest.mark.parametrize("name", [*ORACLES, *AMOUNTS])
def test_equal_weights_say_what_no_weights_say(name):
    if name in ORACLES:
        told, label, score, _ = decisions(600)
        even = binary(told, label, score, np.full(600, 7.0))
    else:
        truth, told, _ = errors(600)
        even = regression(truth, told, np.full(600, 7.0))
    weighted = CHECKS[name].compute(even, even)
    plain = CHECKS[name].compute(*[replace(even, weighted=None)] * 2)
    for end in ("value", "low", "high", "floor", "ceiling"):
        assert getattr(weighted, end) == pytest.approx(getattr(plain, end), rel=3e-3), end


@pytest.mark.parametrize(
    "name", ["precision", "recall", "accuracy", "f1", "brier", "log_loss", "roc_auc"]
)
def test_weighted_intervals_cover_where_light_and_heavy_rows_differ(name):
    """Negatives were thinned to a tenth and count ten times, the usual reason for weights."""
    rng = np.random.default_rng(8)

    def rows(n):
        score = rng.beta(1, 6, n)
        label = (rng.random(n) < score).astype(np.int64)
        kept = (label == 1) | (rng.random(n) < 0.1)
        weight = np.where(label == 1, 1.0, 10.0)
        return (score >= 0.2).astype(np.int64)[kept], label[kept], score[kept], weight[kept]

    told, label, score, weight = rows(2_000_000)
    true = ORACLES[name](label, told, score, weight)
    held = 0
    for _ in range(400):
        outcome = binary(*rows(6000))
        found = CHECKS[name].compute(outcome, outcome)
        held += found.low <= true <= found.high
    assert 0.92 <= held / 400 < 1.0  # never too short; too wide where heavy rows are alike


def test_a_weighted_mean_is_worth_kishs_rows_where_weights_are_of_no_matter():
    rng = np.random.default_rng(6)
    weight, each = rng.gamma(0.5, size=100_000), rng.normal(3.0, 1.0, 100_000)
    found = weighted_mean(powers(weight, [each])[0], 100_000)
    assert found.n == pytest.approx(weight.sum() ** 2 / np.square(weight).sum(), rel=0.02)


def test_rows_without_a_usable_weight_are_left_out_and_told():
    told, label, score, weight = decisions(500)
    weight[:4] = [-1.0, np.nan, np.inf, 1e300]
    outcome = binary(told, label, score, weight)
    exact = metrics.accuracy_score(label[4:], told[4:], sample_weight=weight[4:])
    found = accuracy.compute(outcome, outcome)
    assert found.value == pytest.approx(exact)
    assert found.where == "4 of 500 labels left out: no usable weight"
    assert unusable_weights.compute(outcome, outcome).value == 4 / 500


def test_a_window_in_which_no_row_weighs_anything_is_not_judged():
    told, label, score, _ = decisions(500)
    outcome = binary(told, label, score, np.zeros(500))
    for name in ORACLES:
        with pytest.raises(NotEnoughData, match="weight"):
            CHECKS[name].compute(outcome, outcome)


def test_few_heavy_rows_are_as_few_as_they_are():
    told, label, score, _ = decisions(500)
    weight = np.append(np.full(490, 1e-6), np.ones(10))
    with pytest.raises(NotEnoughData, match="labels by their weights, 50 needed") as caught:
        accuracy.compute(*[binary(told, label, score, weight)] * 2)
    assert caught.value.stat is not None
    assert caught.value.have <= 10


# Scores of all classes.


def classes(n=3000, seed=0, certain=1.0):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.full(4, certain), n)
    truth = np.array([rng.choice(4, p=each) for each in scores])
    return scores, truth


def multiclass(scores, truth):
    plain = MulticlassOutcome.of(MulticlassPlan(CLASSES), scores.argmax(1), truth)
    return replace(plain, scores=ClassScores.of(CLASSES, scores, truth))


@pytest.mark.parametrize("seed", range(2))
def test_class_scores_are_judged_as_by_scikit_learn(seed):
    scores, truth = classes(seed=seed)
    outcome, hot = multiclass(scores, truth), np.eye(4)[truth]
    assert value(class_log_loss, outcome) == pytest.approx(metrics.log_loss(truth, scores))
    assert value(class_brier, outcome) == pytest.approx(np.square(scores - hot).sum(1).mean())
    area = metrics.roc_auc_score(truth, scores, multi_class="ovr", average="macro")
    assert value(roc_auc_macro, outcome) == pytest.approx(area, abs=2e-4)
    for k in (1, 2, 3):
        exact = metrics.top_k_accuracy_score(truth, scores, k=k)
        assert value(top_k_accuracy, outcome, k=k) == pytest.approx(exact)


def test_the_interval_of_the_macro_area_is_never_too_short():
    wide, held = classes(200_000, 9), 0
    true = metrics.roc_auc_score(wide[1], wide[0], multi_class="ovr", average="macro")
    for seed in range(150):
        outcome = multiclass(*classes(400, 100 + seed))
        found = roc_auc_macro.compute(outcome, outcome)
        held += found.low <= true <= found.high
    assert held / 150 >= 0.94


def test_windows_of_class_scores_add_up_to_all_their_rows():
    scores, truth = classes()
    whole = multiclass(scores, truth)
    parts = [multiclass(scores[part], truth[part]) for part in (slice(0, 999), slice(999, None))]
    merged = parts[1].merge(parts[0])
    for check in (class_log_loss, class_brier, roc_auc_macro, top_k_accuracy):
        assert value(check, merged) == pytest.approx(value(check, whole), rel=1e-12)


def test_equal_scores_are_no_ranking():
    outcome = multiclass(np.full((200, 4), 0.25), np.arange(200) % 4)
    assert value(top_k_accuracy, outcome, k=3) == 0.0
    assert value(top_k_accuracy, outcome, k=4) == 1.0
    assert value(roc_auc_macro, replace(outcome)) == 0.5


def test_rows_whose_scores_are_no_probabilities_are_left_out_and_told():
    scores, truth = classes(200)
    scores[0] *= 2
    scores[1] = [-0.5, 0.5, 0.5, 0.5]
    scores[2, 0] = np.nan
    scores[3] = np.nan
    truth[4] = 7
    outcome = multiclass(scores, truth)
    assert class_score_range.compute(outcome, outcome).value == 3 / 199
    found = class_log_loss.compute(outcome, outcome)
    assert found.n_current == 195
    assert found.where == (
        "left out: 3 with scores that are no probabilities, 1 whose truth has no score"
    )


def test_without_the_columns_the_checks_say_which_would_be_needed():
    truth, told, _ = errors(100)
    scores, label = classes(100)
    plain = replace(multiclass(scores, label), scores=None)
    for name, outcome, key in (
        ("interval_coverage", regression(truth, told), "columns.lower and columns.upper"),
        ("unusable_weights", regression(truth, told), "columns.weight"),
        ("roc_auc_macro", plain, "columns.scores"),
    ):
        with pytest.raises(NotEnoughData, match=key):
            CHECKS[name].compute(outcome, outcome)
