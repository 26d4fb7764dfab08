from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from checks.check import NotEnoughData
from checks.explained import explained_variance, r2
from checks.outcome import RegressionOutcome
from checks.plan import RegressionPlan
from checks.regression import bias, mae, mse, rmse
from checks.verdict import Verdict, default_limit, judge, judge_missing
from tests.checks.logs import log, measure, needs_data

ALL = (mae, rmse, mse, bias, r2, explained_variance)
ORACLES = {
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "bias": lambda truth, told: np.mean(told - truth),
    "mse": metrics.mean_squared_error,
    "r2": metrics.r2_score,
    "explained_variance": metrics.explained_variance_score,
}


def rows(n=500, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    truth = offset + rng.gamma(2.0, 10.0, size=n)
    return truth, truth + rng.normal(2.0, 5.0, size=n)


def outcome(truth, told, centre=0.0):
    return RegressionOutcome.of(RegressionPlan(centre), told, truth)


def shortage(check, current):
    with pytest.raises(NotEnoughData) as caught:
        check.compute(outcome(*rows()), current)
    return caught.value


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_scikit_learn(check, seed):
    truth, told = rows(seed=seed)
    now = outcome(truth, told)
    found = check.compute(now, now)
    assert found.value == pytest.approx(ORACLES[check.name](truth, told), abs=1e-12)
    assert found.floor <= found.low < found.value < found.high <= found.ceiling
    assert found.n_current == found.n_reference == 500


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
def test_a_centre_keeps_the_digits_of_large_targets(check):
    truth, told = rows(offset=1e9)
    now = outcome(truth, told, centre=1e9)
    assert check.compute(now, now).value == pytest.approx(
        ORACLES[check.name](truth, told), rel=1e-9
    )


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
def test_windows_add_up_to_what_all_their_rows_give(check):
    truth, told = rows()
    whole = check.compute(outcome(truth, told), outcome(truth, told))
    parts = [outcome(truth[part], told[part]) for part in (slice(0, 123), slice(123, None))]
    merged = parts[0].merge(parts[1])
    summed = check.compute(merged, merged)
    for end in ("value", "low", "high", "floor", "ceiling"):
        assert getattr(summed, end) == pytest.approx(getattr(whole, end), rel=1e-9)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_every_number_lies_within_its_own_interval(pairs):
    truth, told = (np.array(side) for side in zip(*pairs, strict=True))
    now = outcome(np.tile(truth, 100), np.tile(told, 100))
    for check in ALL:
        try:
            found = check.compute(now, now)
        except NotEnoughData as lacking:
            assert check in (r2, explained_variance), lacking.reason
            continue
        slack = 1e-9 * max(abs(found.value), abs(found.floor), abs(found.ceiling))
        assert found.floor - slack <= found.value <= found.ceiling + slack, check.name


@pytest.mark.parametrize("check", ALL, ids=lambda c: c.name)
@pytest.mark.parametrize(
    ("current", "reason", "verdict"),
    [
        (outcome(np.array([]), np.array([])), "no rows", Verdict.NO_DATA),
        (
            outcome(np.full(9, np.nan), np.arange(9.0)),
            "no labels yet",
            Verdict.INSUFFICIENT,
        ),
        (
            outcome(np.arange(9.0), np.full(9, np.nan)),
            "no predictions",
            Verdict.INSUFFICIENT,
        ),
        (
            outcome(np.arange(200.0), np.full(200, 1e100)),
            "not computed: values beyond 1e77 are too large for double precision",
            Verdict.INSUFFICIENT,
        ),
    ],
    ids=["no rows", "no labels", "no predictions", "huge"],
)
def test_a_window_without_usable_truth_says_what_is_lacking(check, current, reason, verdict):
    lacking = shortage(check, current)
    assert lacking.reason == reason
    assert judge_missing(lacking).verdict is verdict


@pytest.mark.parametrize(
    ("check", "need"), [(mae, 30), (bias, 30), (rmse, 100), (r2, 100)], ids=lambda v: str(v)[:9]
)
def test_few_labels_give_the_number_and_no_verdict(check, need):
    truth, told = rows(need - 1)
    lacking = shortage(check, outcome(truth, told))
    assert lacking.reason == f"{need - 1} labels, {need} needed"
    assert (lacking.have, lacking.need) == (need - 1, need)
    assert lacking.stat is not None
    assert lacking.stat.value == pytest.approx(ORACLES[check.name](truth, told), abs=1e-12)
    truth, told = rows(need)
    assert check.compute(outcome(truth, told), outcome(truth, told)).n_current == need


@pytest.mark.parametrize("check", [mae, rmse, bias], ids=lambda c: c.name)
def test_one_label_is_shown_without_an_interval(check):
    stat = shortage(check, outcome(np.array([3.0]), np.array([5.0]))).stat
    assert stat is not None
    assert (stat.value, stat.high, stat.ceiling) == (2.0, None, None)


def test_no_share_of_nothing_is_explained():
    same = shortage(r2, outcome(np.full(200, 0.1), np.linspace(0, 1, 200), centre=0.3))
    assert same.reason == "not computed: the truth does not vary over 200 labelled rows"
    assert judge_missing(same).verdict is Verdict.INSUFFICIENT


def test_perfect_predictions_have_no_error_and_explain_everything():
    truth, _ = rows()
    now = outcome(truth, truth)
    assert [check.compute(now, now).value for check in ALL] == [0.0] * 4 + [1.0] * 2
    assert r2.compute(now, now).low == 1.0


def test_the_interval_of_r2_is_the_delta_method_on_rows():
    truth, told = rows()
    square, variance = (told - truth) ** 2, truth.var()
    influence = square / square.mean() - (truth - truth.mean()) ** 2 / variance
    spread = np.sqrt((influence**2).mean() / len(truth))
    ends = 1 - square.mean() / variance * np.exp(np.array([1, -1]) * 1.959964 * spread)
    found = r2.compute(outcome(truth, told, 20.0), outcome(truth, told, 20.0))
    assert (found.low, found.high) == pytest.approx(tuple(ends), rel=1e-6)


def test_heavy_tails_are_told_beside_the_rmse():
    truth, told = rows()
    calm = outcome(truth, told)
    told[:3] += 400.0
    wild = outcome(truth, told)
    assert rmse.compute(calm, calm).where == ""
    assert rmse.compute(calm, wild).where == "optimistic interval: heavy tails"


def test_a_bias_is_a_breach_on_either_side_in_shares_of_the_mean_error():
    truth, told = rows()
    reference = outcome(truth, told)
    norm = bias.compute(reference, reference)
    limit = default_limit(bias, norm)
    assert limit.direction == "both"
    assert limit.centre == norm.value
    typical = mae.compute(reference, reference).value
    assert (limit.warning, limit.critical) == pytest.approx((0.5 * typical, typical))
    for shift, verdict in ((0.0, Verdict.OK), (9.0, Verdict.CRITICAL), (-9.0, Verdict.CRITICAL)):
        assert (
            judge(bias.compute(reference, outcome(truth, told + shift)), limit).verdict is verdict
        )


@needs_data
def test_every_week_of_a_real_log_agrees_with_scikit_learn():
    bikes = log("bike_sharing")
    places = {"reference": (bikes.reference, bikes.expected["reference"]["metrics"])}
    places |= {week: (now, bikes.metrics(week)) for week, now in bikes.weeks.items()}
    for place, (now, expected) in places.items():
        for check, name in ((mae, "mae"), (rmse, "rmse"), (bias, "me"), (r2, "r2")):
            found = measure(check, now, now).value
            # the file keeps ten digits
            assert found == pytest.approx(expected[name], rel=1e-9, abs=1e-9), (place, name)


@needs_data
def test_weeks_of_a_real_log_that_got_worse_are_found_and_the_others_left_alone():
    bikes = log("bike_sharing")
    for check, least in ((mae, 55), (rmse, 58), (bias, 54)):
        worse = list(bikes.verdicts(check, "worse").values())
        assert len(worse) == 63
        assert sum(v in (Verdict.WARNING, Verdict.CRITICAL) for v in worse) >= least, check.name
        assert check is bias or Verdict.OK not in worse
        for kind in ("fine", "better"):
            judged = set(bikes.verdicts(check, kind).values())
            assert judged <= {Verdict.OK, Verdict.UNDECIDED}, (kind, check.name)


def test_a_square_has_the_squares_of_the_ends_of_its_root():
    now = outcome(*rows())
    root, square = rmse.compute(now, now), mse.compute(now, now)
    for end in ("value", "low", "high", "floor", "ceiling"):
        assert getattr(square, end) == pytest.approx(getattr(root, end) ** 2)


def test_a_constant_error_explains_all_the_variance():
    truth = np.random.default_rng(1).normal(1e4, 3.0, 400)
    now = outcome(truth, truth + 5e3)
    found = explained_variance.compute(now, now)
    assert found.low == found.value == found.high == 1.0
    assert r2.compute(now, now).value < 0


@pytest.mark.parametrize("offset", [0.0, 4.0])
def test_the_interval_of_explained_variance_does_not_care_for_bias(offset):
    """Errors of deviation 5 against truths of deviation 10: three quarters, however far off."""
    rng, inside = np.random.default_rng(7), []
    for _ in range(400):
        truth = rng.normal(50.0, 10.0, 200)
        now = outcome(truth, truth + rng.normal(offset, 5.0, 200), centre=50.0)
        found = explained_variance.compute(now, now)
        inside.append(found.low <= 0.75 <= found.high)
    assert 0.91 <= np.mean(inside) <= 0.98
