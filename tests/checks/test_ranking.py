from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from checks.check import catalogue
from checks.ranking import (
    average_precision,
    gini,
    ks_score,
    lift_at_k,
    precision_at,
    precision_at_k,
    recall_at,
    recall_at_k,
)
from checks.verdict import Verdict, judge_missing
from tests.checks.scored import counts, on_grid, outcome, rows, shortage

ALL = (
    average_precision,
    gini,
    ks_score,
    precision_at,
    recall_at,
    precision_at_k,
    recall_at_k,
    lift_at_k,
)


def largest_gap(truth, score):
    fpr, tpr, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    return (tpr - fpr).max()


def at_top(truth, score, k=0.1):
    """Labels of the top, each as the mean of the rows of its score: ties in any order are alike."""
    _, place = np.unique(score, return_inverse=True)
    share = np.bincount(place, truth) / np.bincount(place)
    return np.sort(place)[::-1][: int(np.ceil(k * len(truth)))], share


def precision_of_top(truth, score):
    place, share = at_top(truth, score)
    return share[place].mean()


def recall_of_top(truth, score):
    place, share = at_top(truth, score)
    return share[place].sum() / truth.sum()


ORACLES = {
    "average_precision": metrics.average_precision_score,
    "gini": lambda truth, score: 2 * metrics.roc_auc_score(truth, score) - 1,
    "ks_score": largest_gap,
    "precision_at": lambda truth, score: metrics.precision_score(truth, score >= 0.5),
    "recall_at": lambda truth, score: metrics.recall_score(truth, score >= 0.5),
    "precision_at_k": precision_of_top,
    "recall_at_k": recall_of_top,
    "lift_at_k": lambda truth, score: precision_of_top(truth, score) / truth.mean(),
}


def named(check):
    return getattr(check, "name", None)


@pytest.mark.parametrize("check", ALL, ids=named)
@pytest.mark.parametrize(("n", "base", "seed"), [(2000, 0.3, 0), (2000, 0.3, 1), (20_000, 0.03, 2)])
def test_on_the_grid_values_are_those_of_scikit_learn(check, n, base, seed):
    truth, score = rows(n, base, seed)
    score = on_grid(score)
    now = outcome(truth, score)
    found = check.compute(now, now)
    assert found.value == pytest.approx(ORACLES[check.name](truth, score), abs=1e-12)
    assert found.floor <= found.low < found.value < found.high <= found.ceiling


@pytest.mark.parametrize("check", ALL, ids=named)
@pytest.mark.parametrize("seed", range(3))
def test_off_the_grid_they_are_nearly_so(check, seed):
    truth, score = rows(5000, 0.2, seed=seed)
    now = outcome(truth, score)
    rounding = 1e-2 if check is lift_at_k else 2e-3
    assert check.compute(now, now).value == pytest.approx(
        ORACLES[check.name](truth, score), abs=rounding
    )


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 0.997, 1.0])
@pytest.mark.parametrize("check", [precision_at, recall_at], ids=named)
def test_tied_scores_at_any_threshold_are_counted_exactly(check, threshold):
    truth, score = rows(4000)
    score = np.append(np.round(score[:-200], 2), np.full(200, threshold))
    oracle = metrics.precision_score if check is precision_at else metrics.recall_score
    now = outcome(truth, score)
    found = check.compute(now, now, threshold=threshold)
    assert found.value == pytest.approx(oracle(truth, score >= threshold), abs=1e-12)


@pytest.mark.parametrize("threshold", [0.3, 0.437, 0.61, 0.8])
def test_what_the_grid_leaves_open_bounds_its_error(threshold):
    truth, score = rows(20_000)
    now = outcome(truth, score)
    found = recall_at.compute(now, now, threshold=threshold)
    unsure = int(found.where.split(" of ")[0])
    assert found.where == f"{unsure} of 20000 rows share the threshold's cell"
    missed = abs(found.value - metrics.recall_score(truth, score >= threshold)) * truth.sum()
    assert 0 <= missed <= unsure < 200


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5])
def test_at_the_edge_of_a_cell_nothing_is_left_open(threshold):
    now = outcome(*rows(20_000))
    assert not precision_at.compute(now, now, threshold=threshold).where


def test_half_is_where_the_model_itself_decides():
    now = outcome(*rows())
    for ours, theirs in ((precision_at, "precision"), (recall_at, "recall")):
        assert ours.compute(now, now) == catalogue()[theirs].compute(now, now)


def test_all_rows_are_a_top_without_lift():
    now = outcome(*rows())
    assert lift_at_k.compute(now, now, k=1.0).value == pytest.approx(1.0)
    assert recall_at_k.compute(now, now, k=1.0).value == 1.0


def test_the_rows_of_one_score_at_the_edge_of_the_top_count_in_part():
    truth, score = (
        np.repeat([1, 0, 1, 0], [40, 0, 30, 130]),
        np.repeat([0.9, 0.9, 0.4, 0.4], [40, 0, 30, 130]),
    )
    now = outcome(truth, score)
    found = precision_at_k.compute(now, now, k=0.3)  # 60 rows: 40 hits, and 20 of 160 with 30
    assert found.value == pytest.approx((40 + 20 * 30 / 160) / 60)
    assert found.n_current == 60


@pytest.mark.parametrize(
    ("check", "parameters", "message"),
    [
        (precision_at, {"threshold": 1.5}, "a threshold lies between 0 and 1, not at 1.5"),
        (recall_at, {"threshold": -0.1}, "a threshold lies between 0 and 1, not at -0.1"),
        (precision_at_k, {"k": 0.0}, "the top is a share of the rows above 0 and up to 1, not 0"),
        (lift_at_k, {"k": 10.0}, "the top is a share of the rows above 0 and up to 1, not 10"),
    ],
)
def test_a_parameter_without_meaning_is_refused_in_words(check, parameters, message):
    now = outcome(*rows())
    with pytest.raises(ValueError, match=message):
        check.compute(now, now, **parameters)


@pytest.mark.parametrize("check", [average_precision, ks_score, gini], ids=named)
def test_a_perfect_ranking_leaves_doubt_all_the_same(check):
    truth = np.repeat([0, 1], [300, 30])
    found = check.compute(*[outcome(truth, 0.1 + 0.8 * truth)] * 2)
    assert found.value == found.high == 1.0
    assert 0.6 < found.floor < found.low < 0.95


def test_resampled_cells_give_the_interval_of_resampled_rows():
    truth, score = rows(600, 0.2, seed=5)
    found = average_precision.compute(*[outcome(truth, score)] * 2)
    chosen = np.random.default_rng(6).integers(0, 600, (500, 600))
    drawn = [metrics.average_precision_score(truth[some], score[some]) for some in chosen]
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_the_interval_of_a_large_window_is_that_of_its_many_cells():
    """Neighbouring cells are drawn together where there are many: the spread stays."""
    truth, score = rows(40_000, 0.05, seed=7)
    found = average_precision.compute(*[outcome(truth, score)] * 2)
    chosen = np.random.default_rng(8).integers(0, 40_000, (100, 40_000))
    drawn = [metrics.average_precision_score(truth[some], score[some]) for some in chosen]
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(drawn), rel=0.25)


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (average_precision, "20 positive labels, 30 needed"),
        (gini, "20 positive labels, 30 needed"),
        (ks_score, "20 positive labels, 30 needed"),
        (precision_at, "30 rows that reach the threshold, 50 needed"),
        (recall_at, "20 positive labels, 50 needed"),
        (precision_at_k, "42 rows at the top, 50 needed"),
        (recall_at_k, "20 positive labels, 50 needed"),
        (lift_at_k, "20 positive labels, 50 needed"),
    ],
    ids=named,
)
def test_few_rows_give_the_number_and_no_verdict(check, reason):
    now = outcome(np.repeat([1, 0], [20, 400]), np.repeat([0.9, 0.2], [30, 390]))
    lacking = shortage(check, now)
    assert lacking.reason == reason
    assert lacking.stat.low <= lacking.stat.value <= lacking.stat.high


@pytest.mark.parametrize("check", ALL, ids=named)
def test_what_is_lacking_is_said(check):
    assert judge_missing(shortage(check, counts())).verdict is Verdict.NO_DATA
    assert shortage(check, counts(unknown=9)).reason == "no labels yet"
    assert shortage(check, counts(40, 40, 40, 40)).reason == "no scores"


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (average_precision, "not computed: one class among 100 labels (no)"),
        (ks_score, "not computed: one class among 100 labels (no)"),
        (precision_at, "no rows that reach the threshold among 100 labels"),
        (recall_at, "no positive labels among 100 labels"),
        (lift_at_k, "no positive labels among 100 labels"),
    ],
    ids=named,
)
def test_what_is_not_defined_is_insufficient_and_not_zero(check, reason):
    lacking = shortage(check, outcome(np.zeros(100, np.int64), np.linspace(0.0, 0.4, 100)))
    assert (lacking.reason, lacking.stat) == (reason, None)
