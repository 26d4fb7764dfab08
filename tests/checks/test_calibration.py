from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from checks.calibration import ece
from checks.verdict import Verdict, default_limit, judge
from tests.checks.scored import counts, outcome, shortage


def rows(n, seed, *, swear=1.0):
    """Truth and scores that mean what they say, but for oaths: their log-odds times ``swear``."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.0, 1.5, n)
    truth = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return truth, 1 / (1 + np.exp(-odds * swear))


def measured(truth, score):
    now = outcome(truth, score)
    return ece.compute(now, now)


@pytest.mark.parametrize("seed", range(3))
def test_the_value_is_that_of_scikit_learns_reliability_curve(seed):
    truth, score = rows(3000, seed)
    happened, promised = calibration_curve(truth, score, n_bins=10)
    weights = np.histogram(score, np.linspace(0, 1, 11))[0] / len(score)
    expected = weights[weights > 0] @ np.abs(happened - promised)
    assert measured(truth, score).value == pytest.approx(expected, abs=1e-12)


def test_scores_that_mean_what_they_say_are_within_reach_of_zero():
    reached = [measured(*rows(1000, seed)).floor == 0.0 for seed in range(200)]
    assert np.mean(reached) >= 0.97  # of one-sided 99 % intervals


def test_the_interval_covers_the_error_of_scores_that_swear():
    truth = measured(*rows(1_000_000, 0, swear=2.0)).value
    found = [measured(*rows(1000, seed, swear=2.0)) for seed in range(1, 201)]
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.9
    assert np.mean([each.corrected for each in found]) == pytest.approx(truth, abs=0.004)


def test_scores_that_lose_their_meaning_are_found():
    usual, worse = (outcome(*rows(4000, seed, swear=by)) for seed, by in ((1, 1.0), (2, 3.0)))
    limit = default_limit(ece, ece.compute(usual, usual))
    assert judge(ece.compute(usual, worse), limit).verdict is Verdict.CRITICAL
    assert judge(ece.compute(usual, outcome(*rows(4000, 3))), limit).verdict is Verdict.OK


def test_it_needs_scores_and_three_hundred_of_them():
    assert shortage(ece, counts(80, 80, 80, 80)).reason == "no scores"
    lacking = shortage(ece, outcome(*rows(299, 0)))
    assert lacking.reason == "299 labelled scores, 300 needed"
    assert lacking.stat.low <= lacking.stat.value <= lacking.stat.high
