from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.profile import NumericProfile
from checks.verdict import Verdict, default_limit, judge
from tests.checks.columns import LOGS, Column, column_log
from tests.checks.drifting import (
    CHECKS,
    measure,
)
from tests.checks.logs import needs_data


@needs_data
@pytest.mark.parametrize("name", LOGS)
def test_distances_of_the_shared_logs_equal_those_of_scipy(name):
    log = column_log(name)
    compared = 0
    for week, column_name, known in log.distances():
        then, now = log.reference[column_name], log.weeks[week][column_name]
        if "ks" in known:
            ks = measure("ks", then, now)
            assert ks.value == pytest.approx(known["ks"], abs=5e-3)
            assert ks.p_value == pytest.approx(known["ks_p"], abs=0.03)
            far = measure("wasserstein", then, now, scale=False).value
            close = max(0.01 * known["wasserstein"], 1e-3 * then.sd)
            assert far == pytest.approx(known["wasserstein"], abs=close)
            compared += 1
        elif "tvd" in known and "chi2" in known:
            # Rare levels are pooled here, and a pool hides what moves within it.
            assert measure("total_variation", then, now).value <= known["tvd"] + 1e-6
            assert measure("chi_square", then, now).value <= known["chi2"] + 1e-4
            compared += 1
    assert compared > 100


@needs_data
@pytest.mark.parametrize("name", ["elec2", "bike_sharing"])
def test_chi_square_of_the_shared_logs_equals_that_of_scipy_for_frequent_levels(name):
    log = column_log(name)
    compared = 0
    for week, column_name, known in log.distances():
        then, now = log.reference[column_name], log.weeks[week][column_name]
        if "chi2" in known and not now.other:
            both = (then.counts + then.nulls * 0 + now.counts) / (then.rows + now.rows)
            if both[both > 0].min() * min(then.rows, now.rows) >= 5:
                found = measure("chi_square", then, now)
                assert found.value == pytest.approx(known["chi2"], rel=1e-4, abs=1e-4)
                assert found.p_value == pytest.approx(known["chi2_p"], rel=1e-3, abs=1e-6)
                compared += 1
    assert compared > 50


@needs_data
@pytest.mark.parametrize("name", LOGS)
def test_default_limits_tell_drift_from_none_on_the_shared_logs(name):
    log = column_log(name)
    missed = [
        pair
        for pair in log.pairs("must_flag")
        if not fired(
            log.reference[pair[1]], log.weeks[pair[0]][pair[1]], "wasserstein", "jensen_shannon"
        )
    ]
    false = [
        (pair, names)
        for pair in log.pairs("must_not_flag")
        if (names := fired(log.reference[pair[1]], log.weeks[pair[0]][pair[1]]))
    ]
    assert missed == []
    assert false == []


def fired(reference: Column, current: Column, *names: str) -> list[str]:
    """Drift checks that run unasked (or those named) and say warning or critical."""
    found = []
    for name, check in CHECKS.items():
        drift = check.compute.__module__.startswith("checks.drift_")
        if (
            name in (names or CHECKS)
            and drift
            and check.default
            and isinstance(current, check.takes)
        ):
            norm = check.compute(reference, reference) if check.slack else None
            verdict = judge(check.compute(reference, current), default_limit(check, norm)).verdict
            if verdict in (Verdict.WARNING, Verdict.CRITICAL):
                found.append(name)
    return found


@needs_data
def test_columns_that_were_constant_and_begin_to_vary_are_found_at_once():
    log = column_log("elec2")
    for name, week in itertools.product(
        ("vicprice", "vicdemand", "transfer"), ("1997-05-05", "1997-05-12", "1998-11-30")
    ):
        found = fired(log.reference[name], log.weeks[week][name])
        assert set(found) == {"jensen_shannon", "ks", "psi", "wasserstein"}


@needs_data
@settings(deadline=None)
@given(st.data())
def test_cells_alone_give_nearly_the_same_on_the_shared_logs(data):
    name = data.draw(st.sampled_from(["elec2", "bike_sharing"]))
    log, rough = column_log(name), column_log(name, 0)
    numeric = [
        each for each, profile in log.reference.items() if isinstance(profile, NumericProfile)
    ]
    one = data.draw(st.sampled_from(numeric))
    week = data.draw(st.sampled_from(sorted(log.weeks)))
    for check in ("ks", "wasserstein"):
        exact = measure(check, log.reference[one], log.weeks[week][one]).value
        assert measure(check, rough.reference[one], rough.weeks[week][one]).value == pytest.approx(
            exact, rel=0.02, abs=1e-2
        )
