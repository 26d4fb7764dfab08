from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.check import Check, NotEnoughData, Stat
from checks.verdict import (
    WORST_FIRST,
    Limit,
    Verdict,
    default_limit,
    judge,
    judge_missing,
)

OK, WARNING, CRITICAL = Verdict.OK, Verdict.WARNING, Verdict.CRITICAL
UNDECIDED, ERROR = Verdict.UNDECIDED, Verdict.ERROR
ABOVE = Limit(0.1, 0.25)
BELOW = Limit(0.9, 0.8, "below")
BOTH = Limit(5.0, 10.0, "both", "reference", 100.0)


def between(value, floor, ceiling, **more):
    return Stat(value, floor=floor, ceiling=ceiling, **more)


def make(**traits):
    def measure(reference, current):
        return Stat(0.0)

    return Check("made_up", measure, (float,), **traits)


@pytest.mark.parametrize(
    ("stat", "limit", "verdict", "threshold"),
    [
        # a number without an interval
        (Stat(0.05), ABOVE, OK, 0.1),
        (Stat(0.1), ABOVE, OK, 0.1),  # on the limit is not beyond it
        (Stat(0.11), ABOVE, WARNING, 0.1),
        (Stat(0.25), ABOVE, WARNING, 0.1),
        (Stat(0.26), ABOVE, CRITICAL, 0.25),
        (Stat(0.95), BELOW, OK, 0.9),
        (Stat(0.9), BELOW, OK, 0.9),
        (Stat(0.85), BELOW, WARNING, 0.9),
        (Stat(0.79), BELOW, CRITICAL, 0.8),
        (Stat(-0.3), Limit(-0.2, None, "below"), WARNING, -0.2),
        (Stat(104.0), BOTH, OK, 105.0),
        (Stat(96.0), BOTH, OK, 95.0),
        (Stat(105.0), BOTH, OK, 105.0),
        (Stat(106.0), BOTH, WARNING, 105.0),
        (Stat(94.0), BOTH, WARNING, 95.0),
        (Stat(111.0), BOTH, CRITICAL, 110.0),
        (Stat(89.0), BOTH, CRITICAL, 90.0),
        (Stat(math.inf), ABOVE, CRITICAL, 0.25),
        (Stat(-math.inf), ABOVE, OK, 0.1),
        # its corrected value where it has one
        (Stat(0.3, corrected=0.05), ABOVE, OK, 0.1),
        (Stat(0.3, corrected=-0.02), ABOVE, OK, 0.1),
        (Stat(0.4, corrected=0.3), ABOVE, CRITICAL, 0.25),
        (Stat(106.0, corrected=94.0), BOTH, WARNING, 95.0),
        # one side of an interval, or both
        (between(0.05, 0.02, 0.09), ABOVE, OK, 0.1),
        (between(0.05, 0.02, 0.1), ABOVE, OK, 0.1),
        (between(0.05, 0.02, 0.11), ABOVE, UNDECIDED, 0.1),
        (between(0.12, 0.05, 0.2), ABOVE, UNDECIDED, 0.1),
        (between(0.3, 0.05, 0.5), ABOVE, UNDECIDED, 0.1),
        (between(0.2, 0.15, 0.3), ABOVE, WARNING, 0.1),  # proven beyond the first limit only
        (between(0.3, 0.26, 0.4), ABOVE, CRITICAL, 0.25),
        (between(0.92, 0.9, 0.95), BELOW, OK, 0.9),
        (between(0.92, 0.88, 0.95), BELOW, UNDECIDED, 0.9),
        (between(0.7, 0.6, 0.91), BELOW, UNDECIDED, 0.9),
        (between(0.85, 0.78, 0.89), BELOW, WARNING, 0.9),
        (between(0.7, 0.6, 0.79), BELOW, CRITICAL, 0.8),
        (between(101.0, 97.0, 104.0), BOTH, OK, 105.0),
        (between(99.0, 94.0, 103.0), BOTH, UNDECIDED, 95.0),
        (between(108.0, 106.0, 112.0), BOTH, WARNING, 105.0),
        (between(88.0, 85.0, 89.5), BOTH, CRITICAL, 90.0),
        (between(100.0, 80.0, 120.0), BOTH, UNDECIDED, 105.0),
        (Stat(0.0, floor=0.0), ABOVE, OK, 0.1),  # only trouble asks for proof
        (Stat(0.2, floor=0.05), ABOVE, UNDECIDED, 0.1),
        (Stat(0.2, floor=0.12), ABOVE, WARNING, 0.1),
        # one limit alone, or none
        (Stat(0.2), Limit(0.1, None), WARNING, 0.1),
        (Stat(0.9), Limit(0.1, None), WARNING, 0.1),
        (Stat(0.2), Limit(None, 0.25), OK, 0.25),
        (Stat(0.3), Limit(None, 0.25), CRITICAL, 0.25),
        (between(0.2, 0.1, 0.3), Limit(None, 0.25), UNDECIDED, 0.25),
        (Stat(0.3), Limit(None, None), UNDECIDED, None),
        (Stat(0.0), Limit(None, None, "below"), UNDECIDED, None),
        # the warning behind the critical limit: the nearer of both decides what is fine
        (between(0.2, 0.1, 0.3), Limit(0.5, 0.25), UNDECIDED, 0.25),
        (Stat(0.2), Limit(0.5, 0.25), OK, 0.25),
        (Stat(0.85), Limit(0.8, 0.9, "below"), CRITICAL, 0.9),
        # what is not a number is never fine
        (Stat(math.nan), ABOVE, ERROR, None),
        (Stat(0.05, corrected=math.nan), ABOVE, ERROR, None),
        (between(0.05, math.nan, 0.07), ABOVE, ERROR, None),
        (between(0.05, 0.03, math.nan), BELOW, ERROR, None),
        (Stat(0.05), Limit(math.nan, 0.25), ERROR, None),
        (Stat(0.05), Limit(1.0, 2.0, "both", centre=math.nan), ERROR, None),
    ],
)
def test_a_number_meets_its_limit(stat, limit, verdict, threshold):
    judged = judge(stat, limit)
    assert judged.verdict is verdict
    assert judged.threshold == threshold
    assert bool(judged.reason) is (judged.detectable is None)


numbers = st.floats(-1e6, 1e6)


@given(numbers, st.floats(0, 1e3), st.floats(0, 1e3), numbers, st.sampled_from(["above", "below"]))
def test_a_wider_interval_never_settles_what_a_narrower_one_left_open(
    value, narrow, more, bound, direction
):
    limit = Limit(bound, None, direction)
    tight = judge(between(value, value - narrow, value + narrow), limit).verdict
    wide = judge(between(value, value - narrow - more, value + narrow + more), limit).verdict
    assert wide in (tight, UNDECIDED)


@given(numbers, numbers, st.floats(0, 1e6))
def test_below_is_above_seen_in_a_mirror(value, warning, further):
    above = judge(Stat(value), Limit(warning, warning + further, "above"))
    below = judge(Stat(-value), Limit(-warning, -warning - further, "below"))
    assert above.verdict is below.verdict


@pytest.mark.parametrize(
    ("stat", "limit", "reason"),
    [
        (Stat(0.3), ABOVE, "0.3 is above the limit 0.25"),
        (Stat(0.85, where="week 7"), BELOW, "0.85 is below the limit 0.9: week 7"),
        (Stat(94.0), BOTH, "94 is below the limit 95"),
        (Stat(111.0), BOTH, "111 is above the limit 110"),
        (
            Stat(0.35, corrected=0.3),
            ABOVE,
            "0.3 (0.35 before its noise is taken out) is above the limit 0.25",
        ),
        (between(0.9, 0.85, 0.95), BELOW, "the interval still contains the limit 0.9"),
        (Stat(0.3), Limit(None, None), "no limit is set: shown, not judged"),
        (Stat(math.nan), ABOVE, "the number or its limit is not a number (NaN)"),
    ],
)
def test_the_reason_is_a_sentence_for_a_person(stat, limit, reason):
    assert judge(stat, limit).reason == reason


@pytest.mark.parametrize(
    ("value", "n", "reason"),
    [
        # half width 2.326 √(0.95 · 0.05 / 100) = 0.0507; 0.05 away it takes 1.86 times the rows
        (0.95, 100, "; about 91 more values would decide"),
        (0.95, 50, "; about 140 more values would decide"),
        (0.91, 1000, "; about 7,200 more values would decide"),
        (0.9001, 50, ""),  # ten million would: not worth waiting for
        (0.9, 50, ""),
        (0.95, 0, ""),
    ],
)
def test_undecided_says_how_much_more_would_decide(value, n, reason):
    half = 2.326 * math.sqrt(value * (1 - value) / max(n, 1))
    half = max(half, abs(value - 0.9) + 1e-9)
    judged = judge(between(value, value - half, value + half, n_current=n), BELOW)
    assert judged.verdict is UNDECIDED
    assert judged.reason == "the interval still contains the limit 0.9" + reason


def test_an_interval_of_astronomic_width_is_undecided_without_an_estimate():
    judged = judge(between(0.95, -1e300, 1e300, n_current=100), BELOW)
    assert judged.verdict is UNDECIDED
    assert judged.reason == "the interval still contains the limit 0.9"


@pytest.mark.parametrize(
    ("traits", "reference", "limit"),
    [
        ({}, Stat(0.5), Limit(None, None)),
        ({"warning": 0.1, "critical": 0.25}, None, Limit(0.1, 0.25)),
        ({"warning": 0.1}, Stat(7.0), Limit(0.1, None)),
        ({"critical": 0.0}, None, Limit(None, 0.0)),
        ({"warning": 0.1, "slack": (1.0, 2.0)}, Stat(7.0), Limit(0.1, None)),
        ({"slack": (1.0, 2.0)}, None, Limit(None, None)),
        ({"slack": (1.0, 2.0)}, Stat(7.0), Limit(8.0, 9.0, rule="reference")),
        ({"slack": (0.0, 2.0)}, Stat(0.0), Limit(0.0, 2.0, rule="reference")),
        (
            {"slack": (1.0, 2.0), "direction": "below"},
            Stat(7.0),
            Limit(6.0, 5.0, "below", "reference"),
        ),
        (
            {"slack": (1.0, 2.0), "direction": "both"},
            Stat(7.0),
            Limit(1.0, 2.0, "both", "reference", 7.0),
        ),
        (
            {"slack": (0.5, 1.0), "relative": True},
            Stat(-8.0),
            Limit(-4.0, 0.0, rule="reference"),
        ),
        (
            {"slack": (0.5, 1.0), "relative": True, "direction": "below"},
            Stat(8.0),
            Limit(4.0, 0.0, "below", "reference"),
        ),
        (
            {"slack": (0.5, 1.0), "relative": True, "direction": "both"},
            Stat(-1.0, scale=30.0),
            Limit(15.0, 30.0, "both", "reference", -1.0),
        ),
        ({"slack": (0.5, 1.0)}, Stat(8.0, scale=30.0), Limit(8.5, 9.0, rule="reference")),
        # a share of nothing is no distance
        ({"slack": (0.5, 1.0), "relative": True}, Stat(0.0), Limit(None, None)),
        ({"slack": (0.5, 1.0), "relative": True}, Stat(8.0, scale=0.0), Limit(None, None)),
        ({"slack": (0.5, 1.0), "relative": True}, Stat(8.0, scale=math.nan), Limit(None, None)),
        ({"slack": (0.5, 1.0)}, Stat(math.nan), Limit(None, None)),
        ({"slack": (0.5, 1.0)}, Stat(math.inf), Limit(None, None)),
        # what is judged is what the limit is laid around
        ({"slack": (1.0, 2.0)}, Stat(7.0, corrected=5.0), Limit(6.0, 7.0, rule="reference")),
        ({"slack": (1.0, 2.0), "direction": "below"}, None, Limit(None, None, "below")),
    ],
)
def test_a_check_brings_its_limit_or_lays_it_around_the_reference(traits, reference, limit):
    assert default_limit(make(**traits), reference) == limit


@given(
    st.floats(-1e9, 1e9),
    st.tuples(st.floats(0, 10), st.floats(0, 10)).map(sorted).map(tuple),
    st.sampled_from(["above", "below", "both"]),
    st.booleans(),
)
def test_the_reference_never_breaches_the_limit_laid_around_it(value, slack, direction, relative):
    limit = default_limit(make(slack=slack, direction=direction, relative=relative), Stat(value))
    assert judge(Stat(value), limit).verdict in (OK, UNDECIDED)


@pytest.mark.parametrize(
    ("shortage", "verdict"),
    [
        (NotEnoughData("no rows"), Verdict.NO_DATA),
        (NotEnoughData("no rows", 0, 50), Verdict.NO_DATA),
        (NotEnoughData("37 labels, 50 needed", 37, 50), Verdict.INSUFFICIENT),
        (NotEnoughData("no labels yet", 0, 50, among=700), Verdict.INSUFFICIENT),
        (NotEnoughData("37 labels", 37, 50, stat=Stat(0.9)), Verdict.INSUFFICIENT),
    ],
)
def test_what_could_not_be_measured_is_never_judged(shortage, verdict):
    judged = judge_missing(shortage)
    assert judged.verdict is verdict
    assert not judged.verdict.judged
    assert judged.reason == shortage.reason == str(shortage)
    assert judged.threshold is None


def test_every_verdict_has_its_place_and_only_three_are_judgements():
    assert set(WORST_FIRST) == set(Verdict)
    assert len(WORST_FIRST) == len(Verdict)
    assert {verdict for verdict in Verdict if verdict.judged} == {OK, WARNING, CRITICAL}
    assert WORST_FIRST[-1] is OK
