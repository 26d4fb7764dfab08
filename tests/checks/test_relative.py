"""Errors as shares, against scikit-learn on the rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from checks.check import Check, NotEnoughData
from checks.outcome import RegressionOutcome
from checks.plan import RegressionPlan
from checks.relative import mape, rmsle, smape

Rows = tuple[np.ndarray, np.ndarray]


def log_rows(seed: int, n: int = 400) -> Rows:
    rng = np.random.default_rng(seed)
    truth = rng.lognormal(3.0, 1.0, n)
    return truth * rng.lognormal(0.05, 0.3, n), truth


def of(told: np.ndarray, truth: np.ndarray, centre: float = 25.0) -> RegressionOutcome:
    return RegressionOutcome.of(RegressionPlan(centre), told, truth)


def symmetric(truth: np.ndarray, told: np.ndarray) -> float:
    both = np.abs(told) + np.abs(truth)
    share = np.divide(2 * np.abs(told - truth), both, out=np.zeros(len(both)), where=both > 0)
    return float(share.mean())


ORACLES: list[tuple[Check, Callable[[np.ndarray, np.ndarray], float]]] = [
    (mape, metrics.mean_absolute_percentage_error),
    (smape, symmetric),
    (rmsle, metrics.root_mean_squared_log_error),
]


@pytest.mark.parametrize(("check", "oracle"), ORACLES, ids=[c.name for c, _ in ORACLES])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_rows_say(
    check: Check, oracle: Callable[[np.ndarray, np.ndarray], float], seed: int
) -> None:
    told, truth = log_rows(seed)
    outcome = of(told, truth)
    stat = check.compute(outcome, outcome)
    assert stat.value == pytest.approx(oracle(truth, told), rel=1e-12)
    assert stat.low is not None
    assert stat.high is not None
    assert stat.low < stat.value < stat.high
    parts = [of(told[:150], truth[:150]), of(told[150:], truth[150:])]
    merged = RegressionOutcome.merged(parts)
    assert check.compute(outcome, merged).value == pytest.approx(stat.value, rel=1e-12)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.integers(1, 4)), min_size=1))
def test_counted_rows_are_rows(some: list[tuple[float, float, int]]) -> None:
    told, truth, n = (np.array(each) for each in zip(*some, strict=True))
    counted = RegressionOutcome.of(RegressionPlan(0.0), told, truth, counts=n.astype(np.int64))
    rows = of(np.repeat(told, n), np.repeat(truth, n), 0.0)
    for name in ("ape", "ape2", "sape", "sape2", "sle", "sle2"):
        assert getattr(counted, name) == pytest.approx(getattr(rows, name), rel=1e-9)
    assert counted.unlogged == rows.unlogged == int((np.minimum(told, truth) <= -1).repeat(n).sum())


def test_a_truth_of_zero_is_named() -> None:
    told, truth = np.full(40, 1.0), np.tile([0.0, 1.0], 20)
    outcome = of(told, truth)
    assert "use smape" in mape.compute(outcome, outcome).where
    assert smape.compute(outcome, outcome).value == 1.0
    nothing = of(np.zeros(40), np.zeros(40))
    assert mape.compute(nothing, nothing).value == smape.compute(nothing, nothing).value == 0.0


def test_what_has_no_logarithm_is_said() -> None:
    told, truth = np.full(120, 5.0), np.full(120, 4.0)
    truth[7] = -1.0
    outcome = of(told, truth)
    with pytest.raises(NotEnoughData, match="1 of 120 predictions or truths are -1 or below"):
        rmsle.compute(outcome, outcome)


@pytest.mark.parametrize("check", [mape, smape, rmsle], ids=lambda check: check.name)
def test_few_labels_and_errors_beyond_double_precision(check: Check) -> None:
    few = of(np.full(10, 2.0), np.full(10, 1.0))
    with pytest.raises(NotEnoughData, match="10 labels") as caught:
        check.compute(few, few)
    assert caught.value.stat is not None
    huge = of(np.full(200, 1e300), np.full(200, 1.0))
    with pytest.raises(NotEnoughData, match="too large"):
        check.compute(huge, huge)


def test_coverage_of_the_intervals() -> None:
    inside = dict.fromkeys(("mape", "smape", "rmsle"), 0)
    truths = {}
    told, truth = log_rows(99, 400_000)
    whole = of(told, truth)
    for check, _ in ORACLES:
        truths[check.name] = check.compute(whole, whole).value
    for seed in range(200):
        outcome = of(*log_rows(seed, 300))
        for check, _ in ORACLES:
            stat = check.compute(outcome, outcome)
            assert stat.low is not None
            assert stat.high is not None
            inside[check.name] += stat.low <= truths[check.name] <= stat.high
    assert min(inside.values()) >= 0.91 * 200
