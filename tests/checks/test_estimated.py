from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from checks.check import NotEnoughData, catalogue
from checks.estimated import (
    estimated_accuracy,
    estimated_f1,
    estimated_precision,
    estimated_recall,
    estimated_roc_auc,
)
from checks.isotonic import Calibration, pool_adjacent_violators, shares_at
from checks.outcome import BinaryOutcome
from checks.verdict import Verdict, default_limit, judge, judge_missing
from tests.checks.scored import PLAN, counts, on_grid, outcome

ALL = (
    estimated_accuracy,
    estimated_precision,
    estimated_recall,
    estimated_f1,
    estimated_roc_auc,
)
NANNYML = json.loads(Path(__file__).with_name("nannyml.json").read_text())


def named(check):
    return getattr(check, "name", None)


def realised(check):
    return catalogue()[check.name.removeprefix("estimated_")]


def drawn(n, tilt, seed, *, slope=0.5):
    """Scores that swear: the log-odds of the truth are half of what they say, and a half more.

    A ``tilt`` above 1 makes low scores more frequent, one below 1 high ones.
    """
    rng = np.random.default_rng(seed)
    odds = rng.random(n) ** tilt * 6 - 3
    truth = (rng.random(n) < 1 / (1 + np.exp(-slope * odds - 0.5))).astype(np.int64)
    return 1 / (1 + np.exp(-odds)), truth


def reference(n=20_000, seed=1):
    score, truth = drawn(n, 1.0, seed)
    return outcome(truth, score)


def unlabelled(score, told=None):
    told = (score >= 0.5).astype(np.int64) if told is None else told
    return BinaryOutcome.of(PLAN, told, np.full(len(score), 2), score)


def estimated_by_rows(then, score):
    """CBPE as it is written down: a chance for each row, and what is to be expected of them."""
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(*then)
    chance, told = isotonic.predict(score), score >= 0.5
    tp, fp = chance[told].sum(), (1 - chance[told]).sum()
    fn, tn = chance[~told].sum(), (1 - chance[~told]).sum()
    both, weights = np.repeat([1, 0], len(score)), np.concatenate((chance, 1 - chance))
    return {
        "estimated_accuracy": (tp + tn) / len(score),
        "estimated_precision": tp / (tp + fp),
        "estimated_recall": tp / (tp + fn),
        "estimated_f1": 2 * tp / (2 * tp + fp + fn),
        "estimated_roc_auc": metrics.roc_auc_score(both, np.tile(score, 2), sample_weight=weights),
    }


blocks = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=1,
    max_size=40,
)


@given(blocks)
def test_the_isotonic_fit_is_that_of_scikit_learn(cells):
    hits, rows = np.array(cells).T
    starts = pool_adjacent_violators(hits, rows)
    shares = np.add.reduceat(hits, starts) / np.add.reduceat(rows, starts)
    assert (np.diff(shares) > 0).all()
    fit = np.repeat(shares, np.diff(np.append(starts, len(rows))))
    oracle = IsotonicRegression().fit(np.arange(len(rows)), hits / rows, rows)
    np.testing.assert_allclose(fit, oracle.predict(np.arange(len(rows))), atol=1e-12)


def test_scores_between_cells_and_beyond_them_mean_what_scikit_learn_says():
    score, truth = drawn(3000, 1.0, 5)
    calibration = Calibration.of(outcome(truth, on_grid(score)))
    asked = np.linspace(0, 1, 501)
    ours = shares_at(calibration.places(asked), calibration.shares)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(on_grid(score), truth)
    np.testing.assert_allclose(ours, isotonic.predict(asked), atol=1e-9)


@pytest.mark.parametrize("check", ALL, ids=named)
@pytest.mark.parametrize("tilt", [1.0, 1.6, 0.6])
def test_estimates_from_cells_are_those_from_rows(check, tilt):
    then, (score, _) = drawn(20_000, 1.0, 1), drawn(5000, tilt, 2)
    found = check.compute(outcome(then[1], then[0]), unlabelled(score))
    rounding = 1e-3 if check is estimated_roc_auc else 5e-4
    assert found.value == pytest.approx(estimated_by_rows(then, score)[check.name], abs=rounding)
    assert found.floor <= found.low < found.value < found.high <= found.ceiling
    assert (found.n_reference, found.n_current) == (20_000, 5000)


@pytest.mark.parametrize("check", ALL, ids=named)
@pytest.mark.parametrize(("place", "tilt"), [(0, 1.0), (1, 1.6), (2, 0.6)])
def test_estimates_are_those_of_nannyml(check, place, tilt):
    score, _ = drawn(4000, tilt, 2 + place)
    expected = NANNYML["windows"][place][check.name.removeprefix("estimated_")]
    assert check.compute(reference(), unlabelled(score)).value == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("check", ALL, ids=named)
def test_labels_of_the_window_change_nothing(check):
    score, truth = drawn(3000, 0.8, 6)
    then = reference()
    assert check.compute(then, outcome(truth, score)) == check.compute(then, unlabelled(score))


@pytest.mark.parametrize("check", ALL, ids=named)
@pytest.mark.parametrize("size", [1000, 20_000])
def test_what_comes_true_lies_in_the_interval_unless_scores_change_their_meaning(check, size):
    """Over references too: a small one teaches little, and the interval knows it."""
    inside = []
    for seed in range(60):
        score, truth = drawn(1000, 1.3, 1000 + seed)
        now = outcome(truth, score)
        found = check.compute(reference(size, seed), now)
        inside.append(found.low <= realised(check).compute(now, now).value <= found.high)
    assert np.mean(inside) >= 0.88  # 95 %, but for the chance of 60 windows and of 200 draws


@pytest.mark.parametrize("check", ALL, ids=named)
def test_they_are_blind_to_concept_drift_and_say_so(check):
    score, truth = drawn(4000, 1.0, 7, slope=-0.5)
    now = outcome(truth, score)
    found = check.compute(reference(), now)
    assert realised(check).compute(now, now).value < found.low - 0.05
    assert found.where == "estimate: blind to concept drift"
    assert "blind to concept drift" in check.compute.__doc__


@pytest.mark.parametrize("check", ALL, ids=named)
def test_they_judge_nothing_unless_the_configuration_says_what_is_bad(check):
    then = reference()
    found = check.compute(then, unlabelled(np.full(4000, 0.5)))
    limit = default_limit(check, check.compute(then, then))
    assert (limit.warning, limit.critical) == (None, None)
    assert judge(found, limit).verdict is Verdict.UNDECIDED


def lacking(check, then, now):
    with pytest.raises(NotEnoughData) as caught:
        check.compute(then, now)
    return caught.value


@pytest.mark.parametrize("check", ALL, ids=named)
def test_without_scores_there_is_no_estimate(check):
    then = reference()
    assert judge_missing(lacking(check, then, counts())).verdict is Verdict.NO_DATA
    assert lacking(check, then, counts(40, 40, 40, 40)).reason == "no scores"
    percent = unlabelled(np.full(80, 97.0), np.ones(80, np.int64))
    assert lacking(check, then, percent).reason == "no scores between 0 and 1"
    nothing = BinaryOutcome.of(PLAN, np.full(9, 2), np.full(9, 2))
    assert lacking(check, then, nothing).reason == "no predictions"


@pytest.mark.parametrize("check", ALL, ids=named)
def test_a_reference_with_few_labels_of_a_class_teaches_nothing(check):
    then = outcome(np.repeat([0, 1], [500, 20]), np.linspace(0, 1, 520))
    reason = "the reference has 20 positive and 500 negative labels with scores, 30 of each needed"
    found = lacking(check, then, unlabelled(drawn(900, 1.0, 1)[0]))
    assert (found.reason, found.have, found.need, found.stat) == (reason, 20, 30, None)


@pytest.mark.parametrize(
    ("check", "score", "reason"),
    [
        (estimated_accuracy, np.full(49, 0.4), "49 predictions with scores, 50 needed"),
        (
            estimated_precision,
            np.full(90, 0.4),
            "no predicted positives among 90 predictions with scores",
        ),
        (estimated_precision, np.repeat([0.4, 0.6], [90, 49]), "49 predicted positives, 50 needed"),
        (estimated_recall, np.repeat([0.1, 0.9], [40, 20]), "30 positives to expect, 50 needed"),
        (estimated_f1, np.repeat([0.1, 0.9], [40, 20]), "30 positives to expect, 50 needed"),
        (estimated_roc_auc, np.repeat([0.1, 0.9], [40, 15]), "26 positives to expect, 30 needed"),
    ],
    ids=named,
)
def test_small_windows_are_shown_at_most(check, score, reason):
    found = lacking(check, reference(), unlabelled(score))
    assert found.reason == reason
    assert found.stat is None or found.stat.low <= found.stat.value <= found.stat.high


def test_scores_that_are_sure_leave_no_area():
    then = outcome(np.repeat([0, 1], 100), np.repeat([0.1, 0.9], 100))
    for check in (estimated_roc_auc, estimated_recall):
        found = lacking(check, then, unlabelled(np.full(100, 0.05)))
        assert found.reason == "not computed: the scores leave one class to expect"


def test_scores_that_the_reference_never_had_are_told():
    score, _ = drawn(1000, 1.0, 8)
    beyond = unlabelled(np.append(score, np.full(250, 0.999)))
    found = estimated_accuracy.compute(reference(), beyond)
    assert found.where == (
        "estimate: blind to concept drift; 20% of rows score beyond those of the reference"
    )
