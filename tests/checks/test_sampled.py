"""Drift of all features together, from samples of rows, against numpy and simulated truth."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import scipy.stats
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from checks.check import NotEnoughData, Stat
from checks.plan import MultivariatePlan
from checks.sample import RowSample, ranks_of
from checks.sampled import area, domain_classifier, pca_reconstruction

NAMES = ("a", "b", "c", "d")
PLAN = MultivariatePlan(NAMES, (0.0,) * 4, (1.0,) * 4, rows=2000, categories=("k",))


def rows_of(seed: int, n: int) -> np.ndarray:
    """Four normal columns, every two of them correlated."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 4)) + rng.normal(size=(n, 1))) / math.sqrt(2.0)


def sample(values: np.ndarray, seed: int, codes: np.ndarray | None = None) -> RowSample:
    ranks = ranks_of(np.arange(len(values), dtype=np.uint64) + np.uint64(seed * 10**6))
    levels = np.ones((len(values), 1), np.int64) if codes is None else codes[:, None]
    return RowSample.of(ranks, values, levels, PLAN)


def told_apart(then: np.ndarray, now: np.ndarray) -> Stat:
    return domain_classifier.compute(sample(then, 1), sample(now, 2))


def fitted(then: np.ndarray, now: np.ndarray, **parameters: float) -> Stat:
    return pca_reconstruction.compute(sample(then, 1), sample(now, 2), **parameters)


def test_the_area_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    now = rng.random(500) < 0.3
    scores = np.round(rng.normal(now * 0.5), 1)
    assert area(scores, now) == pytest.approx(roc_auc_score(now, scores), rel=1e-12)


def test_without_drift_sides_are_not_told_apart() -> None:
    stats = [told_apart(rows_of(i, 600), rows_of(i + 50, 200)) for i in range(12)]
    assert np.mean([stat.value for stat in stats]) == pytest.approx(0.5, abs=0.03)
    assert sum(stat.low > 0.5 for stat in stats) <= 2
    assert all(not stat.where for stat in stats if stat.low <= 0.5)


def test_a_shift_is_told_nearly_as_well_as_can_be_and_its_feature_named() -> None:
    then, now = rows_of(3, 2000), rows_of(4, 1000)
    now[:, 2] += 1.0
    stat = told_apart(then, now)
    # The best there is: the part of the third column that the others do not explain.
    rest = np.linalg.inv(np.full((4, 4), 0.5) + 0.5 * np.eye(4))[2, 2] ** -0.5
    best = scipy.stats.norm.cdf(1.0 / rest / math.sqrt(2.0))
    assert best - 0.06 < stat.value < best + 0.02
    assert stat.where.startswith("c (0.")
    assert (stat.n_reference, stat.n_current) == (2000, 1000)


def test_levels_and_missing_values_are_seen_too() -> None:
    then, now = rows_of(5, 800), rows_of(6, 800)
    rng = np.random.default_rng(7)
    codes = [rng.choice(3, 800, p=shares) for shares in ((0.6, 0.3, 0.1), (0.2, 0.3, 0.5))]
    stat = domain_classifier.compute(sample(then, 1, codes[0]), sample(now, 2, codes[1]))
    assert stat.where.startswith("k (0.")
    gaps = np.where(rng.random((800, 4)) < [0.0, 0.5, 0.0, 0.0], np.nan, now)
    assert told_apart(then, gaps).where.startswith("b (0.")


def test_the_units_of_columns_do_not_matter_to_trees() -> None:
    then, now = rows_of(8, 300), rows_of(9, 300) + 0.3
    plain = told_apart(then, now)
    assert told_apart(np.exp(then) * 1e300, np.exp(now) * 1e300) == plain
    infinite = told_apart(np.where(then > 2, np.inf, then), np.where(now > 2, np.inf, now))
    assert infinite.value == pytest.approx(plain.value, abs=0.05)


def test_without_scikit_learn_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(NotEnoughData, match="needs scikit-learn, which is not installed") as found:
        told_apart(rows_of(1, 100), rows_of(2, 100))
    assert found.value.among == 100


@pytest.mark.parametrize("check", [domain_classifier, pca_reconstruction], ids=lambda c: c.name)
def test_a_few_rows_are_too_few(check) -> None:
    few, many = sample(rows_of(1, 19), 1), sample(rows_of(2, 100), 2)
    with pytest.raises(NotEnoughData, match="19 rows in the current window, 20 needed"):
        check.compute(many, few)
    with pytest.raises(NotEnoughData, match="19 rows in the reference, 20 needed"):
        check.compute(few, many)


def test_the_residuals_are_those_of_scikit_learn() -> None:
    then, now = rows_of(10, 900), rows_of(11, 300)
    now[:, 1] = np.random.default_rng(1).permutation(now[:, 1])
    halves = [sample(then, 1).values[half::2] for half in (0, 1)]
    before, after = [], []
    for fit, other in (halves[::-1], halves):
        model = PCA(0.65, svd_solver="full").fit(fit)
        lengths = [
            np.linalg.norm(rows - model.inverse_transform(model.transform(rows)), axis=1)
            for rows in (other, now)
        ]
        before.append(lengths[0])
        after.append(lengths[1])
    length = np.linalg.norm(then - then.mean(0), axis=1).mean()
    expected = (np.mean(after) - np.concatenate(before).mean()) / length
    assert fitted(then, now).value == pytest.approx(expected, rel=1e-9)


def test_the_interval_of_the_fit_covers_no_drift() -> None:
    stats = [fitted(rows_of(i, 1500), rows_of(i + 500, 200)) for i in range(200)]
    assert 0.91 <= np.mean([stat.low <= 0.0 <= stat.high for stat in stats]) <= 0.99


def test_a_broken_correlation_is_seen_and_a_shift_along_it_is_not() -> None:
    then, now = rows_of(12, 2000), rows_of(13, 1000)
    assert abs(fitted(then, now + 0.5).value) < 0.02
    now[:, 3] = -now[:, 3]
    stat = fitted(then, now)
    assert stat.floor is not None
    assert stat.floor > 0.05
    one = fitted(then, now, explained=0.6)  # the common part of all four alone
    assert one.value > stat.value
    assert one.where == "d"


def test_what_has_no_components_is_said() -> None:
    plan = MultivariatePlan(("a",), (0.0,), (1.0,), rows=100)
    one = RowSample.of(np.arange(50) / 50.0, np.ones((50, 1)), np.zeros((50, 0), np.int64), plan)
    with pytest.raises(NotEnoughData, match="two numeric features"):
        pca_reconstruction.compute(one, one)
    with pytest.raises(NotEnoughData, match="do not vary"):
        fitted(np.ones((50, 4)), rows_of(1, 50))
    with pytest.raises(ValueError, match="give a share of the variance"):
        fitted(rows_of(1, 50), rows_of(2, 50), explained=1.5)
