from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.check import NotEnoughData, catalogue
from checks.outcome import ForecastOutcome, RegressionOutcome
from checks.plan import ForecastPlan
from checks.verdict import Verdict, default_limit, judge
from tests.checks.test_outcome_profile import assert_same

PLAN = ForecastPlan(10.0, horizons=("1", "7"))
NUMBERS = st.sampled_from([0.0, 8.0, 10.5, 12.0, np.nan])
rows = st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 2)), max_size=20)


def of(some):
    told, truth = (np.array([row[i] for row in some], np.float64) for i in range(2))
    return ForecastOutcome.by(PLAN, told, truth, np.array([row[2] for row in some], np.int64))


@given(rows, rows)
def test_merged_outcomes_are_the_outcome_of_all_rows(one, other):
    assert_same(of(one).merge(of(other)), of(one + other))


@given(rows)
def test_horizons_part_the_errors_of_all_rows(some):
    outcome = of(some)
    assert outcome.by_horizon[:, 0].sum() == outcome.labelled
    assert outcome.by_horizon[:, 1].sum() == pytest.approx(outcome.abs_e)
    assert outcome.by_horizon[:, 2].sum() == pytest.approx(outcome.e2)


def drawn(seed, spread=(1.0, 3.0), rows=400):
    rng = np.random.default_rng(seed)
    horizon = np.arange(rows) % 2
    errors = rng.normal(size=rows) * np.array(spread)[horizon]
    return ForecastOutcome.by(PLAN, 10.0 + errors, np.full(rows, 10.0), horizon)


def test_a_horizon_is_held_against_itself_and_named():
    then, check = drawn(0), catalogue()["worst_horizon"]
    stat = check.compute(then, drawn(1, (2.0, 3.0)))
    assert stat.where.startswith("horizon 1: ")
    assert stat.value == pytest.approx(2.0, rel=0.2)
    assert stat.floor > check.critical
    assert stat.n_current == 200


def test_that_of_the_largest_of_two_ratios_is_covered():
    rng, check, hits = np.random.default_rng(2), catalogue()["worst_horizon"], 0
    for seed in rng.integers(0, 1 << 31, 300).tolist():
        stat = check.compute(drawn(seed), drawn(seed + 1, (1.2, 3.0)))
        hits += stat.low <= 1.2 <= stat.high
    assert hits >= 280


def verdicts(worse, seeds, horizons=14, rows=500):
    """Of windows of forecasts that look up to two weeks ahead, the last of them so much worse."""
    plan = ForecastPlan(10.0, horizons=tuple(map(str, range(1, horizons + 1))))
    spread = np.sqrt(np.arange(1.0, horizons + 1))

    def week(seed, rows, spread):
        rng, horizon = np.random.default_rng(seed), np.arange(rows) % horizons
        errors = rng.normal(size=rows) * spread[horizon]
        return ForecastOutcome.by(plan, 10.0 + errors, np.full(rows, 10.0), horizon)

    check, then = catalogue()["worst_horizon"], week(0, 7000, spread)
    spread = np.append(spread[:-1], spread[-1] * worse)
    limit = default_limit(check, None)
    for seed in seeds:
        stat = check.compute(then, week(seed, rows, spread))
        yield stat, judge(stat, limit)


def test_a_stable_model_is_green_and_says_what_it_would_have_shown():
    found = list(verdicts(1.0, range(1, 301)))
    assert np.mean([judged.verdict is Verdict.OK for _, judged in found]) > 0.97
    told = [stat.corrected + judged.detectable for stat, judged in found if judged.detectable]
    assert len(told) > 290
    # What is said to be noticed four times in five is noticed about as often.
    seen = float(np.median(told))
    assert seen < 2.2
    hits = np.mean([judged.verdict is not Verdict.OK for _, judged in verdicts(seen, range(200))])
    assert 0.65 < hits < 0.95


def test_a_horizon_twice_as_bad_is_found():
    found = list(verdicts(2.0, range(1, 201)))
    assert (
        np.mean([judged.verdict in (Verdict.WARNING, Verdict.CRITICAL) for _, judged in found])
        > 0.8
    )
    assert np.mean([stat.where.startswith("horizon 14: ") for stat, _ in found]) > 0.95


def test_all_checks_of_a_regression_measure_it():
    outcome = drawn(3)
    for check in catalogue().values():
        if check.takes == (RegressionOutcome,) and check.name in ("mae", "rmse", "bias"):
            assert check.compute(outcome, outcome).n_current == 400


def test_it_says_what_is_short():
    check, few = catalogue()["worst_horizon"], drawn(4, rows=40)
    with pytest.raises(NotEnoughData, match="20 labels at the horizon with most, 30 needed"):
        check.compute(drawn(5), few)
    with pytest.raises(NotEnoughData, match="no labels at a horizon that the reference has"):
        check.compute(drawn(5), of([(1.0, 2.0, 2)]))
