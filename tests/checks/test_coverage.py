"""How often the intervals of metrics hold the truth, on rows drawn from known populations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from checks.check import catalogue
from checks.outcome import BinaryOutcome
from tests.checks.scored import PLAN, counts

pytestmark = pytest.mark.slow

CHECKS = catalogue()
SHARES = {
    "accuracy": lambda tp, fp, fn, tn: (tp + tn, tp + fp + fn + tn),
    "precision": lambda tp, fp, fn, tn: (tp, tp + fp),
    "recall": lambda tp, fp, fn, tn: (tp, tp + fn),
    "f1": lambda tp, fp, fn, tn: (2 * tp, 2 * tp + fp + fn),
}
MODELS = {
    "usual": (0.24, 0.06, 0.06, 0.64),
    "coin": (0.25, 0.25, 0.25, 0.25),
    "rare": (0.03, 0.02, 0.02, 0.93),
    "good": (0.45, 0.02, 0.03, 0.50),
}
RUNS = 2000


def covered(name, truth, outcomes):
    found = [CHECKS[name].compute(each, each) for each in outcomes]
    return np.mean([each.low <= truth <= each.high for each in found])


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n", [50, 300])
def test_intervals_of_shares_hold_the_truth_from_fifty_rows_on(name, model, n):
    """As many rows as leave the share so many to be counted among, on average or more."""
    cells = np.array(MODELS[model])
    hits, among = SHARES[name](*cells)
    among = sum(cells[:3]) if name == "f1" else among
    rng = np.random.default_rng(n)
    drawn = rng.multinomial(int(np.ceil(n / among)), cells, RUNS)
    rows = drawn[:, :3].sum(axis=1) if name == "f1" else SHARES[name](*drawn.T)[1]
    enough = (counts(*each) for each in drawn[rows >= 50])
    truth = hits / SHARES[name](*cells)[1]
    assert covered(name, truth, enough) >= 0.92


def ranked(rng, p, q, apart):
    truth = np.repeat([1, 0], [p, q])
    score = ndtr(rng.normal(size=p + q) + truth * apart)
    return BinaryOutcome.of(PLAN, (score > 0.5).astype(np.int64), truth, score)


@pytest.mark.parametrize("area", [0.6, 0.75, 0.85])
@pytest.mark.parametrize(("p", "q"), [(30, 30), (30, 300), (200, 200)])
def test_intervals_of_areas_hold_the_truth_from_thirty_of_each_class_on(p, q, area):
    rng = np.random.default_rng(p + q)
    apart = np.sqrt(2) * ndtri(area)  # two normal distributions of one width
    outcomes = (ranked(rng, p, q, apart) for _ in range(RUNS))
    assert covered("roc_auc", area, outcomes) >= 0.93


@pytest.mark.parametrize(("name", "least"), [("average_precision", 0.9), ("ks_score", 0.82)])
def test_resampled_intervals_hold_the_truth_nearly_as_often(name, least):
    rng, apart = np.random.default_rng(4), 1.5
    many = ranked(rng, 300_000, 700_000, apart)
    truth = CHECKS[name].compute(many, many).value
    outcomes = (ranked(rng, 150, 350, apart) for _ in range(300))
    assert covered(name, truth, outcomes) >= least


def test_resampled_intervals_of_a_correlation_hold_the_truth():
    cells = np.array(MODELS["usual"])
    tp, fp, fn, tn = cells
    truth = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    drawn = np.random.default_rng(5).multinomial(300, cells, RUNS)
    assert covered("mcc", truth, (counts(*each) for each in drawn)) >= 0.92
