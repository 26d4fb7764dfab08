"""Estimates of several classes, and the audit of estimates by labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from checks.check import NotEnoughData
from checks.classification import accuracy
from checks.estimated import estimate_error, estimated_accuracy
from checks.outcome import BinaryOutcome
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.plan import MulticlassPlan
from checks.verdict import Limit, Verdict, judge
from tests.checks.scored import PLAN, outcome

CLASSES = MulticlassPlan(("a", "b", "c"))


def drawn(n, low, seed, *, worse=0.0):
    """Scores of the predicted class, which is right as often as the square of its score."""
    rng = np.random.default_rng(seed)
    score, told = rng.uniform(low, 1.0, n), rng.integers(0, 3, n)
    right = rng.random(n) < score**2 - worse
    return told, np.where(right, told, (told + 1) % 3), score


def several(told, truth, score):
    return MulticlassOutcome.of(CLASSES, told, truth, score)


def unlabelled(told, truth, score):
    return several(told, np.full(len(truth), NOTHING), score)


def reference(n=20_000):
    return several(*drawn(n, 0.4, 1))


@pytest.mark.parametrize("low", [0.4, 0.6, 0.8])
def test_accuracy_of_several_classes_is_estimated_as_from_rows(low):
    told, truth, score = drawn(5000, low, 2)
    stat = estimated_accuracy.compute(reference(), unlabelled(told, truth, score))
    then = drawn(20_000, 0.4, 1)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(then[2], then[0] == then[1])
    assert stat.value == pytest.approx(isotonic.predict(score).mean(), abs=5e-4)
    assert stat.value == pytest.approx(np.mean(told == truth), abs=0.025)
    assert (stat.n_reference, stat.n_current) == (20_000, 5000)


def test_what_comes_true_of_several_classes_lies_in_the_interval():
    inside = []
    for seed in range(60):
        rows = drawn(1000, 0.55, 100 + seed)
        stat = estimated_accuracy.compute(reference(2000), unlabelled(*rows))
        inside.append(stat.low <= np.mean(rows[0] == rows[1]) <= stat.high)
    assert np.mean(inside) >= 0.88


def test_a_model_that_is_hardly_ever_wrong_cannot_be_calibrated():
    told, _, score = drawn(500, 0.4, 3)
    right = several(told, told, score)
    with pytest.raises(NotEnoughData, match="500 right and 0 wrong predictions with scores"):
        estimated_accuracy.compute(right, right)


def error(then, now, **parameters):
    return estimate_error.compute(then, now, **parameters)


def verdict(stat):
    check = estimate_error
    return judge(stat, Limit(check.warning, check.critical, check.direction)).verdict


def test_an_estimate_that_comes_true_is_not_off():
    told, truth, score = drawn(20_000, 0.7, 4)
    now = several(told, truth, score)
    stat = error(reference(), now)
    estimate = estimated_accuracy.compute(reference(), now).value
    assert stat.value == pytest.approx(np.mean(told == truth) - estimate, abs=1e-12)
    assert verdict(stat) is Verdict.OK


def test_an_estimate_that_concept_drift_has_overtaken_is_off():
    stat = error(reference(), several(*drawn(4000, 0.4, 5, worse=0.2)))
    assert stat.value == pytest.approx(-0.2, abs=0.03)
    assert stat.low < stat.value < stat.high
    assert verdict(stat) is Verdict.CRITICAL


def test_only_rows_with_labels_are_held_against_their_estimate():
    """Easy rows are labelled first: that makes no estimate wrong."""
    told, truth, score = drawn(8000, 0.4, 6)
    truth = np.where(score > 0.8, truth, NOTHING)
    now = several(told, truth, score)
    assert estimated_accuracy.compute(reference(), now).value < accuracy.compute(now, now).value
    stat = error(reference(), now)
    assert stat.n_current == np.count_nonzero(score > 0.8)
    assert stat.low < 0.0 < stat.high


@pytest.mark.parametrize("of", ["accuracy", "precision", "recall", "f1", "roc_auc"])
def test_each_metric_of_two_classes_has_an_audit(of):
    rng = np.random.default_rng(8)
    score = rng.random((2, 5000))
    then = outcome((rng.random(5000) < score[0]).astype(np.int64), score[0])
    fine = outcome((rng.random(5000) < score[1]).astype(np.int64), score[1])
    stat = error(then, fine, of=of)
    assert stat.floor < 0.0 < stat.ceiling
    drifted = outcome((rng.random(5000) < 0.5).astype(np.int64), score[1])
    assert verdict(error(then, drifted, of=of)) is Verdict.CRITICAL


def test_an_audit_says_what_it_lacks():
    score = np.linspace(0, 1, 400)
    then = outcome((np.arange(400) % 3 == 0).astype(np.int64), score)
    told = (score > 0.5).astype(np.int64)
    waiting = BinaryOutcome.of(PLAN, told, np.full(400, 2), score)
    with pytest.raises(NotEnoughData, match="no labels yet"):
        error(then, waiting)
    with pytest.raises(NotEnoughData, match="no scores"):
        error(then, BinaryOutcome.of(PLAN, told, told))
    with pytest.raises(NotEnoughData, match="only accuracy is estimated"):
        error(reference(), reference(), of="recall")
    with pytest.raises(ValueError, match="give one of accuracy"):
        error(then, then, of="mcc")
