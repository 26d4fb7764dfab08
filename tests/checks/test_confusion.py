from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from checks import intervals
from checks.agreement import balanced_accuracy, cohen_kappa, mcc
from checks.confusion import (
    base_rate,
    negative_predictive_value,
    positive_rate,
    specificity,
    value,
)
from checks.intervals import Z_SHOWN
from checks.outcome import BinaryOutcome
from checks.verdict import Verdict, judge_missing
from tests.checks.scored import PLAN, counts, outcome, rows, shortage

WORTH = np.array([[0.0, -1.0], [-1.0, 1.0]])  # by truth and predicted class
ALL = (
    specificity,
    negative_predictive_value,
    balanced_accuracy,
    mcc,
    cohen_kappa,
    positive_rate,
    base_rate,
    value,
)
ORACLES = {
    "specificity": lambda truth, told: metrics.recall_score(truth, told, pos_label=0),
    "negative_predictive_value": lambda truth, told: metrics.precision_score(
        truth, told, pos_label=0
    ),
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "mcc": metrics.matthews_corrcoef,
    "cohen_kappa": metrics.cohen_kappa_score,
    "positive_rate": lambda truth, told: told.mean(),
    "base_rate": lambda truth, told: truth.mean(),
    "value": lambda truth, told: WORTH[truth, told.astype(int)].mean(),
}


def named(check):
    return getattr(check, "name", None)


@pytest.mark.parametrize("check", ALL, ids=named)
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_scikit_learn_and_lie_within_their_intervals(check, seed):
    truth, score = rows(seed=seed)
    now = outcome(truth, score)
    found = check.compute(now, now)
    assert found.value == pytest.approx(ORACLES[check.name](truth, score >= 0.5), abs=1e-12)
    assert found.floor <= found.low < found.value < found.high <= found.ceiling
    assert found.n_current == found.n_reference > 0


def test_none_of_them_runs_unasked():
    assert not any(check.default for check in ALL)


def test_a_share_has_the_interval_of_wilson():
    found = specificity.compute(*[counts(10, 15, 20, 85)] * 2)
    assert (found.low, found.high) == intervals.wilson(85, 100, Z_SHOWN)


def test_the_mean_of_two_shares_has_the_interval_of_newcombe():
    """Each half alone would be Wilson's; the mean of independent halves is narrower than either."""
    now = counts(tp=56, fn=14, fp=16, tn=64)
    found = balanced_accuracy.compute(now, now)
    a, b = (intervals.wilson(*each, Z_SHOWN) for each in ((56, 70), (64, 80)))
    below = np.hypot(0.8 - a.low, 0.8 - b.low) / 2
    above = np.hypot(a.high - 0.8, b.high - 0.8) / 2
    assert (found.low, found.high) == pytest.approx((0.8 - below, 0.8 + above), abs=1e-12)


def test_a_model_that_is_always_right_leaves_doubt_all_the_same():
    for check in (mcc, balanced_accuracy):
        found = check.compute(*[counts(tp=30, tn=300)] * 2)
        assert found.value == pytest.approx(1.0)
        assert 0.8 < found.floor < found.low < 0.95
        assert found.high == pytest.approx(1.0)
    worst = mcc.compute(*[counts(fp=30, fn=300)] * 2)
    assert -1.0 == worst.low < worst.high < -0.8


def test_the_interval_of_a_correlation_is_that_of_resampled_rows():
    """Draws of all rows, one by one, with scikit-learn: the same but for chance."""
    now, rng = counts(60, 40, 30, 270), np.random.default_rng(3)
    told, truth = (
        np.repeat([1, 1, 0, 0], [60, 40, 30, 270]),
        np.repeat([1, 0, 1, 0], [60, 40, 30, 270]),
    )
    chosen = rng.integers(0, 400, (400, 400))
    drawn = [metrics.matthews_corrcoef(truth[some], told[some]) for some in chosen]
    found = mcc.compute(now, now)
    width = np.ptp(np.quantile(drawn, (0.025, 0.975)))
    assert (found.low, found.high) == pytest.approx(
        np.quantile(drawn, (0.025, 0.975)), abs=0.2 * width
    )


def test_predictions_count_without_labels_and_labels_without_scores():
    told = np.repeat([1, 0], [15, 45])
    now = BinaryOutcome.of(PLAN, told, np.full(60, 2))
    assert positive_rate.compute(now, now).value == 0.25
    assert shortage(base_rate, now).reason == "no labels yet"


def test_what_a_row_is_worth_is_the_mean_of_its_values():
    now = counts(30, 20, 10, 60)
    worth = np.repeat([100.0, -5.0, -40.0, 1.0], [30, 20, 10, 60])
    found = value.compute(now, now, tp=100.0, fp=-5.0, fn=-40.0, tn=1.0)
    half = 1.9801 * worth.std(ddof=1) / np.sqrt(120)  # Student's t, 119 degrees of freedom
    assert found.value == pytest.approx(worth.mean())
    assert (found.low, found.high) == pytest.approx(
        (worth.mean() - half, worth.mean() + half), rel=1e-4
    )
    assert found.scale == pytest.approx(np.abs(worth).mean())


@pytest.mark.parametrize(
    ("check", "current", "number", "reason", "have", "need"),
    [
        (specificity, counts(90, 5, 0, 20), 0.8, "25 negative labels, 50 needed", 25, 50),
        (
            negative_predictive_value,
            counts(90, 0, 5, 20),
            0.8,
            "25 predicted negatives, 50 needed",
            25,
            50,
        ),
        (balanced_accuracy, counts(10, 0, 10, 99), 0.75, "20 positive labels, 30 needed", 20, 30),
        (mcc, counts(90, 0, 0, 29), 1.0, "29 negative labels, 30 needed", 29, 30),
        (positive_rate, counts(10, 10, 10, 5, 5), 0.5, "40 predictions, 50 needed", 40, 50),
        (base_rate, counts(10, 10, 10, 10, 90), 0.5, "40 labels, 50 needed", 40, 50),
        (value, counts(20, 0, 20, 0), 0.0, "40 labels, 50 needed", 40, 50),
    ],
    ids=named,
)
def test_few_rows_give_the_number_and_no_verdict(check, current, number, reason, have, need):
    lacking = shortage(check, current)
    assert (lacking.reason, lacking.have, lacking.need) == (reason, have, need)
    assert lacking.stat.value == pytest.approx(number)


@pytest.mark.parametrize(
    ("check", "current", "reason"),
    [
        (specificity, counts(60, 0, 60, 0), "no negative labels among 120 labels"),
        (negative_predictive_value, counts(60, 60), "no predicted negatives among 120 labels"),
        (balanced_accuracy, counts(60, 0, 60, 0), "not computed: one class among 120 labels (yes)"),
        (mcc, counts(0, 60, 0, 60), "not computed: one class among 120 labels (no)"),
        (mcc, counts(60, 60), "no predicted negatives among 120 labels"),
        (mcc, counts(fn=60, tn=60), "no predicted positives among 120 labels"),
    ],
)
def test_what_is_not_defined_is_insufficient_and_not_zero(check, current, reason):
    lacking = shortage(check, current)
    assert (lacking.reason, lacking.stat) == (reason, None)
    assert judge_missing(lacking).verdict is Verdict.INSUFFICIENT


def test_no_row_is_no_data():
    for check in ALL:
        assert judge_missing(shortage(check, counts())).verdict is Verdict.NO_DATA
