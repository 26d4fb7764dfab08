from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from checks import intervals
from checks.agreement import balanced_accuracy, cohen_kappa, mcc
from checks.calibration import ece
from checks.check import NotEnoughData
from checks.classification import accuracy
from checks.intervals import Z_SHOWN
from checks.multiclass import (
    class_precision,
    class_recall,
    f1_macro,
    f1_weighted,
    precision_macro,
    precision_weighted,
)
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.plan import MulticlassPlan
from checks.quality import score_range
from checks.verdict import Verdict, judge_missing

NAMES = ("ant", "bee", "cat", "dog", "elk")
PLAN = MulticlassPlan(NAMES)
ALONE = (f1_macro, f1_weighted, precision_macro, precision_weighted)
ALL = (*ALONE, accuracy, balanced_accuracy, mcc, cohen_kappa)


def rows(n=2000, seed=0, strange=0.0):
    """Predictions and truths; a share of both is of classes that the plan does not know."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(5, n, p=(0.5, 0.25, 0.15, 0.07, 0.03))
    told = np.where(rng.random(n) < 0.8, truth, rng.choice(5, n))
    odd = rng.random((2, n)) < strange
    return tuple(
        np.where(o, 5 + rng.integers(0, 3, n), v) for o, v in zip(odd, (told, truth), strict=True)
    )


def outcome(told, truth, score=None):
    return MulticlassOutcome.of(PLAN, told, truth, score)


def averaged(score, average):
    """What scikit-learn says of the known classes that occur."""

    def oracle(truth, told):
        labels = [k for k in range(5) if k in truth or k in told]
        return score(truth, told, labels=labels, average=average, zero_division=0)

    return oracle


def recall_of_labelled(truth, told):
    labels = sorted({k for k in range(5) if k in truth})
    return metrics.recall_score(truth, told, labels=labels, average="macro")


ORACLES = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": recall_of_labelled,
    "mcc": lambda truth, told: metrics.matthews_corrcoef(np.minimum(truth, 5), np.minimum(told, 5)),
    "cohen_kappa": lambda truth, told: metrics.cohen_kappa_score(
        np.minimum(truth, 5), np.minimum(told, 5)
    ),
    "f1_macro": averaged(metrics.f1_score, "macro"),
    "f1_weighted": averaged(metrics.f1_score, "weighted"),
    "precision_macro": averaged(metrics.precision_score, "macro"),
    "precision_weighted": averaged(metrics.precision_score, "weighted"),
}


def named(check):
    return getattr(check, "name", None)


@pytest.mark.parametrize("check", ALL, ids=named)
@pytest.mark.parametrize("strange", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_scikit_learn_and_lie_within_their_intervals(check, seed, strange):
    told, truth = rows(seed=seed, strange=strange)
    now = outcome(told, truth)
    found = check.compute(now, now)
    assert found.value == pytest.approx(ORACLES[check.name](truth, told), abs=1e-12)
    assert found.floor <= found.low < found.value < found.high <= found.ceiling
    assert found.n_current == found.n_reference == 2000


@pytest.mark.parametrize("check", ALL, ids=named)
def test_classes_that_do_not_occur_or_are_never_told_are_as_in_scikit_learn(check):
    told, truth = rows(300, seed=4)
    truth = np.where(truth == 3, 0, truth)
    told = np.where((told == 3) | (told == 4), 1, told)
    now = outcome(told, truth)
    assert (4 in truth, 3 in truth, 4 in told, 3 in told) == (True, False, False, False)
    assert check.compute(now, now).value == pytest.approx(ORACLES[check.name](truth, told))


def test_two_classes_in_either_form_have_the_same_numbers():
    from tests.checks.scored import counts

    pair = counts(60, 20, 30, 190)
    told, truth = (
        np.repeat([1, 1, 0, 0], [60, 20, 30, 190]),
        np.repeat([1, 0, 1, 0], [60, 20, 30, 190]),
    )
    several = MulticlassOutcome.of(MulticlassPlan(("no", "yes")), told, truth)
    for check in (accuracy, balanced_accuracy, mcc, cohen_kappa):
        one, other = check.compute(pair, pair), check.compute(several, several)
        assert one.value == pytest.approx(other.value)
        assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.01)


def test_only_the_headlines_run_unasked():
    assert accuracy.default
    assert f1_macro.default
    rest = (*ALONE[1:], balanced_accuracy, mcc, cohen_kappa, class_recall, class_precision)
    assert not any(check.default for check in rest)


@pytest.mark.parametrize("check", ALONE, ids=named)
def test_the_worst_class_is_named(check):
    told, truth = rows(seed=1)
    told = np.where((truth == 2) | (told == 2), 1, told)
    told[np.flatnonzero(truth == 0)[:9]] = 2
    assert check.compute(*[outcome(told, truth)] * 2).where == "lowest: cat with 0"


def test_intervals_of_averages_are_those_of_resampled_rows():
    """Draws of all rows, one by one, with scikit-learn: the same but for chance."""
    told, truth = rows(600, seed=2)
    rng = np.random.default_rng(3)
    drawn = [
        metrics.f1_score(truth[some], told[some], average="macro")
        for some in rng.integers(0, 600, (300, 600))
    ]
    found = f1_macro.compute(*[outcome(told, truth)] * 2)
    width = np.ptp(np.quantile(drawn, (0.025, 0.975)))
    assert (found.low, found.high) == pytest.approx(
        np.quantile(drawn, (0.025, 0.975)), abs=0.2 * width
    )


@pytest.mark.parametrize("check", ALL, ids=named)
def test_a_model_that_is_always_right_leaves_doubt_all_the_same(check):
    _, truth = rows(400)
    found = check.compute(*[outcome(truth, truth)] * 2)
    assert found.value == pytest.approx(1.0)
    assert 0.8 < found.floor < found.low < 0.999
    assert found.high == pytest.approx(1.0)


@pytest.mark.parametrize("check", [f1_macro, precision_weighted], ids=named)
def test_a_model_that_is_never_right_leaves_doubt_all_the_same(check):
    _, truth = rows(400)
    found = check.compute(*[outcome((truth + 1) % 5, truth)] * 2)
    assert found.value == found.low == 0.0
    assert 0.0 < found.high < 0.2


def test_the_recall_of_a_class_is_that_of_scikit_learn():
    told, truth = rows(seed=5)
    now = outcome(told, truth)
    for place, name in enumerate(NAMES):
        for check, score in (
            (class_recall, metrics.recall_score),
            (class_precision, metrics.precision_score),
        ):
            found = check.compute(now, now, of=name)
            wanted = score(truth, told, labels=[place], average=None)[0]
            assert found.value == pytest.approx(wanted)
            assert found.where == name
    n = int((truth == 1).sum())
    hits = int(((truth == 1) & (told == 1)).sum())
    found = class_recall.compute(now, now, of="bee")
    assert (found.low, found.high) == pytest.approx(intervals.wilson(hits, n, Z_SHOWN))


def test_without_a_name_the_worst_of_the_frequent_classes_counts():
    told, truth = rows(1000, seed=6)
    told[truth == 4] = 0  # the rarest: too few labels to be the worst
    told[np.flatnonzero(truth == 2)[::2]] = 0
    now = outcome(told, truth)
    assert (truth == 4).sum() < 50
    found = class_recall.compute(now, now)
    assert found.where == "cat"
    assert found.value < 0.5
    alone = class_recall.compute(now, now, of="cat")
    assert (found.value, found.low) == (alone.value, pytest.approx(alone.low))
    assert found.high > alone.high, "the worst of many is as low by chance"


def test_the_ceiling_of_the_worst_class_holds_the_worst_recall():
    """Twenty classes of one recall: the lowest found lies below it, its interval must not."""
    rng, plan = np.random.default_rng(8), MulticlassPlan(tuple(map(str, range(20))))
    truth, held, runs = np.repeat(np.arange(20), 60), 0, 300
    for _ in range(runs):
        told = np.where(rng.random(1200) < 0.8, truth, (truth + 1) % 20)
        now = MulticlassOutcome.of(plan, told, truth)
        held += class_recall.compute(now, now).high >= 0.8
    assert held >= 0.95 * runs


def test_scores_of_the_predicted_class_are_held_against_right_predictions():
    told, truth = rows(4000, seed=7)
    score = np.random.default_rng(1).uniform(0.5, 1.0, 4000)
    now = outcome(told, truth, score)
    bins, right = np.minimum((score * 10).astype(int), 9), told == truth
    wanted = sum(
        (bins == b).mean() * abs(score[bins == b].mean() - right[bins == b].mean())
        for b in range(5, 10)
    )
    found = ece.compute(now, now)
    assert found.value == pytest.approx(wanted)
    assert found.low <= found.value <= found.high


def test_scores_that_are_no_probability_are_told():
    told, truth = rows(100)
    score = np.where(np.arange(100) < 25, 97.0, 0.5)
    assert score_range.compute(*[outcome(told, truth, score)] * 2).value == 0.25


def shortage(check, current, **parameters):
    with pytest.raises(NotEnoughData) as caught:
        check.compute(outcome(*rows()), current, **parameters)
    return caught.value


NONE = np.full(60, NOTHING)
ONE, NEW = np.zeros(60, np.int64), np.full(60, 7)
MIXED = np.repeat([0, 1], 30)


@pytest.mark.parametrize(
    ("check", "current", "reason"),
    [
        (f1_macro, outcome(ONE, NONE), "no labels yet"),
        (f1_macro, outcome(NONE, ONE), "no predictions"),
        (accuracy, outcome(NONE, ONE), "no predictions"),
        (f1_macro, outcome(NEW, NEW), "no known classes among 60 labels"),
        (f1_weighted, outcome(ONE, NEW), "no known classes among 60 labels"),
        (balanced_accuracy, outcome(MIXED, ONE), "not computed: one class among 60 labels (ant)"),
        (
            balanced_accuracy,
            outcome(ONE, NEW),
            "not computed: one class among 60 labels (unknown classes)",
        ),
        (mcc, outcome(ONE, MIXED), "not computed: one class among 60 predictions (ant)"),
        (cohen_kappa, outcome(ONE, ONE), "not computed: one class among 60 labels (ant)"),
        (ece, outcome(ONE, ONE), "no scores"),
        (score_range, outcome(ONE, ONE), "no scores"),
    ],
)
def test_what_is_not_defined_is_insufficient_and_not_zero(check, current, reason):
    lacking = shortage(check, current)
    assert (lacking.reason, lacking.stat) == (reason, None)
    assert judge_missing(lacking).verdict in (Verdict.INSUFFICIENT, Verdict.NO_DATA)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"of": "fox"}, "'fox' is none of the classes ant, bee, cat, dog, elk"),
        ({"of": "cat"}, "no labels of cat among 60 labels"),
        ({}, "30 labels of ant, 50 needed"),
    ],
)
def test_a_class_without_rows_has_no_recall(parameters, reason):
    assert shortage(class_recall, outcome(MIXED, MIXED), **parameters).reason == reason


def test_few_labels_give_the_number_and_no_verdict():
    told, truth = rows(40)
    lacking = shortage(f1_macro, outcome(told, truth))
    assert (lacking.reason, lacking.have, lacking.need) == ("40 labels, 50 needed", 40, 50)
    assert lacking.stat.value == pytest.approx(ORACLES["f1_macro"](truth, told))
    rest = shortage(mcc, outcome(np.repeat([0, 1, 2], [70, 10, 9]), np.repeat([0, 1], [75, 14])))
    assert rest.reason == "14 labels beside the most frequent class, 30 needed"


def test_no_row_is_no_data():
    empty = outcome(*[np.empty(0, np.int64)] * 2)
    for check in (*ALL, class_recall, class_precision):
        assert judge_missing(shortage(check, empty)).verdict is Verdict.NO_DATA


@pytest.mark.slow
@pytest.mark.parametrize("check", [f1_macro, balanced_accuracy, cohen_kappa], ids=named)
def test_intervals_hold_the_truth(check):
    many = outcome(*rows(1_000_000, seed=9))
    value = check.compute(many, many).value
    found = [check.compute(*[outcome(*rows(500, seed=s))] * 2) for s in range(400)]
    assert np.mean([each.low <= value <= each.high for each in found]) >= 0.9
