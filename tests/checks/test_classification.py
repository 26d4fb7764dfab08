from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from checks.check import NotEnoughData
from checks.classification import accuracy, brier, f1, log_loss, precision, recall
from checks.outcome import BinaryOutcome
from checks.plan import BinaryPlan
from checks.ranking import roc_auc
from checks.verdict import Verdict, judge_missing
from tests.checks.logs import Log, log, measure, needs_data

PLAN = BinaryPlan("yes", "no")
ALL = (accuracy, precision, recall, f1, roc_auc, log_loss, brier)
ORACLES = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
    "roc_auc": metrics.roc_auc_score,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier_score_loss,
}


def rows(n=2000, base=0.3, seed=0):
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < base).astype(np.int64)
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 2 * truth - 1.5)))
    return truth, score


def outcome(truth, score, told=None):
    told = (score >= 0.5).astype(np.int64) if told is None else told
    return BinaryOutcome.of(PLAN, told, truth, score)


def counts(tp=0, fp=0, fn=0, tn=0, unknown=0):
    told = np.repeat([1, 1, 0, 0, 0], [tp, fp, fn, tn, unknown])
    return BinaryOutcome.of(PLAN, told, np.repeat([1, 0, 1, 0, 2], [tp, fp, fn, tn, unknown]))


def shortage(check, current):
    with pytest.raises(NotEnoughData) as caught:
        check.compute(counts(60, 60, 60, 60), current)
    return caught.value


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_scikit_learn(check, seed):
    truth, score = rows(seed=seed)
    now = outcome(truth, score)
    scored = check.name in ("roc_auc", "log_loss", "brier")
    expected = ORACLES[check.name](truth, score if scored else score >= 0.5)
    found = check.compute(now, now)
    assert found.value == pytest.approx(expected, abs=2e-4 if check is roc_auc else 1e-12)
    assert found.floor <= found.low < found.value < found.high <= found.ceiling


def test_an_area_over_few_distinct_scores_is_exact():
    truth, score = rows()
    score = np.round(score, 2)
    now = outcome(truth, score)
    expected = metrics.roc_auc_score(truth, score)
    assert roc_auc.compute(now, now).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("score", "truth"), [(0.0, 1), (1.0, 0), (1.0, 1), (0.0, 0)])
def test_sure_scores_cost_what_they_cost_in_scikit_learn(score, truth):
    labels = np.array([truth] * 30 + [1 - truth] * 30)
    scores = np.array([score] * 30 + [1.0 - score] * 30)
    now = outcome(labels, scores)
    expected = metrics.log_loss(labels, scores)
    assert log_loss.compute(now, now).value == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
def test_windows_add_up_to_what_all_their_rows_give(check):
    truth, score = rows()
    whole = outcome(truth, score)
    parts = [outcome(truth[part], score[part]) for part in (slice(0, 700), slice(700, None))]
    merged = parts[0].merge(parts[1])
    assert check.compute(whole, merged).value == pytest.approx(
        check.compute(whole, whole).value, abs=1e-12
    )


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
def test_only_the_window_is_measured_and_the_reference_only_counted(check):
    now, before = outcome(*rows()), outcome(*rows(500, 0.6, seed=4))
    mine, other = check.compute(now, now), check.compute(before, now)
    assert mine.value == other.value
    assert mine.n_reference != other.n_reference
    assert mine.n_current == other.n_current


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
@pytest.mark.parametrize(
    ("current", "reason", "verdict"),
    [
        (counts(), "no rows", Verdict.NO_DATA),
        (counts(unknown=40), "no labels yet", Verdict.INSUFFICIENT),
        (
            BinaryOutcome.of(PLAN, np.array([0, 1]), np.array([2, 2]), strange=2),
            "none of 2 labels is one of the classes no and yes",
            Verdict.INSUFFICIENT,
        ),
        (
            BinaryOutcome.of(PLAN, np.array([2, 2]), np.array([0, 1])),
            "no predictions",
            Verdict.INSUFFICIENT,
        ),
    ],
    ids=["no rows", "no labels", "strange labels", "no predictions"],
)
def test_a_window_without_truth_says_what_is_lacking(check, current, reason, verdict):
    lacking = shortage(check, current)
    assert lacking.reason == reason
    assert lacking.stat is None
    assert judge_missing(lacking).verdict is verdict


@pytest.mark.parametrize(
    ("check", "current", "value", "reason", "have", "need"),
    [
        (accuracy, counts(20, 5, 2, 10), 30 / 37, "37 labels, 50 needed", 37, 50),
        (precision, counts(20, 5, 0, 99), 20 / 25, "25 predicted positives, 50 needed", 25, 50),
        (recall, counts(6, 50, 4, 99), 6 / 10, "10 positive labels, 50 needed", 10, 50),
        (
            f1,
            counts(10, 10, 10, 99),
            0.5,
            "30 true or predicted positives, 50 needed",
            30,
            50,
        ),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_few_rows_give_the_number_and_no_verdict(check, current, value, reason, have, need):
    lacking = shortage(check, current)
    assert (lacking.reason, lacking.have, lacking.need) == (reason, have, need)
    assert lacking.stat is not None
    assert lacking.stat.value == pytest.approx(value, abs=1e-12)
    assert lacking.stat.low < value < lacking.stat.high


@pytest.mark.parametrize(
    ("check", "current", "reason"),
    [
        (precision, counts(fn=60, tn=60), "no predicted positives among 120 labels"),
        (recall, counts(fp=60, tn=60), "no positive labels among 120 labels"),
        (f1, counts(tn=120), "no true or predicted positives among 120 labels"),
    ],
    ids=["precision", "recall", "f1"],
)
def test_a_share_of_nothing_is_insufficient_and_not_zero(check, current, reason):
    lacking = shortage(check, current)
    assert lacking.reason == reason
    assert lacking.stat is None
    assert judge_missing(lacking).verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize("check", [roc_auc, log_loss, brier], ids=lambda c: c.name)
def test_labels_without_scores_are_no_reason_to_guess(check):
    assert shortage(check, counts(40, 40, 40, 40)).reason == "no scores"
    percent = outcome(np.repeat([0, 1], 40), np.full(80, 97.0), np.ones(80, np.int64))
    assert shortage(check, percent).reason == "no scores between 0 and 1"


@pytest.mark.parametrize(("only", "name"), [(1, "yes"), (0, "no")])
def test_one_class_leaves_no_area_but_an_accuracy(only, name):
    now = outcome(np.full(112, only), np.linspace(0, 1, 112))
    lacking = shortage(roc_auc, now)
    assert lacking.reason == f"not computed: one class among 112 labels ({name})"
    assert judge_missing(lacking).verdict is Verdict.INSUFFICIENT
    assert accuracy.compute(now, now).n_current == 112


def test_an_area_needs_thirty_of_each_class():
    truth, score = np.repeat([1, 0], [29, 400]), np.tile([0.2, 0.7, 0.4], 143)
    lacking = shortage(roc_auc, outcome(truth, score))
    assert (lacking.reason, lacking.have) == ("29 positive labels, 30 needed", 29)
    assert lacking.stat is not None
    assert lacking.stat.value == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-12)
    enough = outcome(np.repeat([1, 0], [30, 399]), score)
    assert roc_auc.compute(enough, enough).n_current == 429


def test_one_label_is_shown_and_no_warning_is_raised():
    now = outcome(np.array([1]), np.array([0.9]))
    stat = shortage(brier, now).stat
    assert stat.value == pytest.approx(0.01)
    assert (stat.low, stat.high) == (0.0, None)
    assert shortage(accuracy, now).stat.value == 1.0


def test_the_bad_side_of_a_score_is_below_and_of_a_loss_above():
    assert {check.name: check.direction for check in ALL} == {
        "accuracy": "below",
        "precision": "below",
        "recall": "below",
        "f1": "below",
        "roc_auc": "below",
        "log_loss": "above",
        "brier": "above",
    }


@needs_data
@pytest.mark.parametrize("name", ["elec2", "hotel_booking"])
def test_every_week_of_a_real_log_agrees_with_scikit_learn(name):
    real = log(name)
    _agrees(real.reference, real.expected["reference"]["metrics"], name)
    for week, now in real.weeks.items():
        _agrees(now, real.metrics(week), week)


def _agrees(now, expected, place):
    assert now.matrix == tuple(expected[cell] for cell in ("tp", "fp", "fn", "tn")), place
    for check in ALL:
        if expected[check.name] is not None:
            found = measure(check, now, now).value
            near = pytest.approx(expected[check.name], abs=1e-3 if check is roc_auc else 1e-9)
            assert found == near, (place, check.name)


@needs_data
def test_weeks_of_a_real_log_that_got_worse_are_found_and_the_fine_ones_left_alone():
    elec2: Log = log("elec2")
    worse = list(elec2.verdicts(roc_auc, "worse").values())
    assert len(worse) == 44
    assert sum(v in (Verdict.WARNING, Verdict.CRITICAL) for v in worse) >= 30
    assert Verdict.OK not in worse
    for kind in ("fine", "better"):
        judged = elec2.verdicts(roc_auc, kind).values()
        assert set(judged) <= {Verdict.OK, Verdict.UNDECIDED}, kind


@needs_data
def test_weeks_with_few_positives_leave_the_area_undecided_and_the_accuracy_speaks():
    hotel: Log = log("hotel_booking")
    assert sum(v is None for v in hotel.verdicts(roc_auc, "worse").values()) >= 10
    worse = hotel.verdicts(accuracy, "worse").values()
    assert sum(v in (Verdict.WARNING, Verdict.CRITICAL) for v in worse) >= 9
    for kind in ("fine", "better"):
        for check in ALL:
            judged = hotel.verdicts(check, kind).values()
            assert set(judged) <= {Verdict.OK, Verdict.UNDECIDED, None}, (kind, check.name)
