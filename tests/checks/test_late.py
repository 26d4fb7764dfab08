"""Late labels: what the checks say of logs whose delays and errors are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.check import NotEnoughData
from checks.delays import EDGES, Delays
from checks.due import Due
from checks.late import (
    ipw_accuracy,
    ipw_prevalence,
    label_coverage,
    label_delay,
    same_age_accuracy,
)
from checks.verdict import Limit, Verdict, judge
from tests.checks.test_outcome_profile import assert_same

DAY = 86_400.0
FAST, SLOW = 5.0, 15.0  # days until the label of a wrong and of a right prediction, on average


def log(n, days, wrong, seen_at, seed, *, pace=1.0, fast=FAST, coming=1.0):
    """Labels of rows of so many days, seen at a day; errors are labelled sooner than the rest."""
    rng = np.random.default_rng(seed)
    times = rng.uniform(0.0, days, n) * DAY
    bad = rng.random(n) < wrong
    positive = rng.random(n) < 0.3
    delay = rng.exponential(np.where(bad, fast, SLOW)) * pace * DAY
    arrived = np.where(rng.random(n) < coming, times + delay, np.inf)
    told = np.where(bad, ~positive, positive)
    came = 2 * told + positive
    known = arrived <= seen_at * DAY
    return Delays.of(times, np.where(known, arrived, np.nan), known, came, 4, seen_at * DAY)


@cache
def reference(n=40_000):
    """Sixty days, looked at when nearly all labels have come."""
    return log(n, 60, 0.1, 160, 1)


def accuracy_so_far(delays):
    return delays.ages[:, [0, 3]].sum() / delays.ages.sum()


def verdict(check, current):
    stat = check.compute(reference(), current)
    return judge(stat, Limit(check.warning, check.critical, check.direction)).verdict


@pytest.mark.parametrize("age", [2, 4, 8, 31])
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_labels_that_come_as_they_used_to_are_all_there(age, seed):
    current = log(4000, 1, 0.1, age, seed)
    stat = label_coverage.compute(reference(), current)
    assert stat.floor < 1.0 <= stat.ceiling
    assert stat.value == pytest.approx(1.0, abs=0.12)
    delay = label_delay.compute(reference(), current)
    assert delay.floor < 0.0 < delay.ceiling


def test_labels_that_are_still_to_come_are_not_missed():
    """A young window lacks most of its labels, and that is how it should be."""
    current = log(4000, 1, 0.1, 2, 3)
    assert current.labelled < 0.2 * current.rows
    assert verdict(label_coverage, current) is Verdict.OK


def test_labels_that_stop_coming_are_missed_before_they_are_all_due():
    current = log(4000, 1, 0.1, 4, 3, coming=0.3)
    stat = label_coverage.compute(reference(), current)
    assert stat.value == pytest.approx(0.3, abs=0.05)
    assert verdict(label_coverage, current) is Verdict.CRITICAL
    silent = log(4000, 1, 0.1, 4, 3, coming=0.0)
    assert label_coverage.compute(reference(), silent).value == 0.0
    assert verdict(label_coverage, silent) is Verdict.CRITICAL


@pytest.mark.parametrize("hours", [1, 24])
@pytest.mark.parametrize("wait", [21.7, 23.5, 24.0, 24.2, 24.5, 25.5, 27.0, 40.0])
def test_labels_that_all_come_after_a_day_are_expected_then_and_not_before(hours, wait):
    """Bins of ages are wider than a window of an hour: no label is expected within half a bin."""

    def after_a_day(hours, seen_at, n=2000):
        times = np.linspace(0.0, hours * 3600.0, n)
        known = times + DAY <= seen_at
        came = np.zeros(n, np.int64)
        return Delays.of(times, np.where(known, times + DAY, np.nan), known, came, 1, seen_at)

    then = after_a_day(60 * 24, 90 * DAY)
    now = after_a_day(hours, (hours + wait) * 3600.0)
    due = Due.of(then, now)
    assert due.came.sum() == pytest.approx(due.expected.sum(), rel=0.06)
    try:
        stat = label_coverage.compute(then, now)
    except NotEnoughData:
        assert wait < 40.0
    else:
        assert 0.94 < stat.value <= stat.high == 1.0


def test_labels_that_come_sooner_than_they_used_to_are_no_more_than_all():
    stat = label_coverage.compute(reference(), log(4000, 1, 0.1, 8, 5, pace=0.3))
    assert stat.value == stat.high == stat.ceiling == 1.0
    came, expected = (int(each.replace(",", "")) for each in stat.where.split()[::4][:2])
    assert came > 1.5 * expected


def test_before_labels_are_due_nothing_is_said():
    with pytest.raises(NotEnoughData, match="labels are to be expected by now, 50 needed"):
        label_coverage.compute(reference(), log(300, 1, 0.1, 1.1, 3))


@pytest.mark.parametrize(("pace", "doublings"), [(2.0, 1.0), (0.5, -1.0)])
def test_labels_that_take_another_time_are_told(pace, doublings):
    current = log(4000, 1, 0.1, 200, 5, pace=pace)
    stat = label_delay.compute(reference(), current)
    assert stat.value == pytest.approx(doublings, abs=0.15)
    assert verdict(label_delay, current) in (Verdict.WARNING, Verdict.CRITICAL)


def test_the_median_delay_is_that_of_the_rows():
    current = log(9000, 1, 0.1, 500, 5)
    usual = label_delay.compute(current, reference())
    rng = np.random.default_rng(5)
    rng.uniform(size=9000)
    bad = rng.random(9000) < 0.1
    rng.random(9000)
    median = np.median(rng.exponential(np.where(bad, FAST, SLOW)))
    assert usual.where.endswith(f"{median:.3g} d to be expected") or median == pytest.approx(
        float(usual.where.split(", ")[1].split(" ")[0]), rel=0.02
    )


@pytest.mark.parametrize("age", [1.5, 3, 7, 30])
def test_errors_that_are_labelled_sooner_do_not_fake_a_drop(age):
    current = log(20_000, 1, 0.1, age, 7)
    assert accuracy_so_far(current) < (0.83 if age < 8 else 0.9)
    stat = same_age_accuracy.compute(reference(), current)
    assert stat.floor <= 0.0 <= stat.ceiling
    assert abs(stat.value) < 0.03
    assert ipw_accuracy.compute(reference(), current).value == pytest.approx(0.9, abs=0.012)


@pytest.mark.parametrize("age", [2, 7])
def test_a_model_that_is_worse_is_seen_at_the_same_age(age):
    current = log(20_000, 1, 0.2, age, 8)
    stat = same_age_accuracy.compute(reference(), current)
    assert stat.ceiling < -0.03
    assert ipw_accuracy.compute(reference(), current).value == pytest.approx(0.8, abs=0.02)


def labelled_by_class(n, days, positives, seen_at, seed):
    """Labels of positives come in two days on average, of negatives in twenty."""
    rng = np.random.default_rng(seed)
    times = rng.uniform(0.0, days, n) * DAY
    yes = rng.random(n) < positives
    arrived = times + rng.exponential(np.where(yes, 2.0, 20.0)) * DAY
    known = arrived <= seen_at * DAY
    return Delays.of(times, np.where(known, arrived, np.nan), known, 3 * yes, 4, seen_at * DAY)


def test_prevalence_is_that_of_all_rows_though_labels_of_positives_come_first():
    then = labelled_by_class(40_000, 60, 0.1, 300, 1)
    windows = [labelled_by_class(9000, 1, 0.15, 3, 200 + seed) for seed in range(60)]
    assert min(each.ages[:, 3].sum() / each.ages.sum() for each in windows) > 0.4
    stats = [ipw_prevalence.compute(then, each) for each in windows]
    assert np.mean([stat.value for stat in stats]) == pytest.approx(0.15, abs=0.005)
    assert np.mean([stat.low < 0.15 < stat.high for stat in stats]) >= 0.85


def test_the_interval_of_weighted_accuracy_holds_what_it_promises():
    inside = []
    for seed in range(100):
        stat = ipw_accuracy.compute(reference(), log(2000, 1, 0.1, 4, 100 + seed))
        inside.append(stat.low <= 0.9 <= stat.high)
    assert np.mean(inside) >= 0.88


def test_weights_are_withdrawn_where_labels_take_another_time():
    with pytest.raises(NotEnoughData, match="another time than in the reference") as caught:
        ipw_accuracy.compute(reference(), log(20_000, 1, 0.1, 30, 9, pace=0.4))
    assert caught.value.stat is not None


def test_labels_without_a_time_of_arrival_say_what_is_missing():
    none = np.full(100, np.nan)
    told, came = np.ones(100, np.bool_), np.zeros(100, np.int64)
    undated = Delays.of(np.zeros(100), none, told, came, 4, DAY)
    with pytest.raises(NotEnoughData, match=r"says when it came: columns\.label_timestamp"):
        label_coverage.compute(reference(), undated)


def test_accuracy_needs_classes():
    told, came = np.ones(100, np.bool_), np.zeros(100, np.int64)
    amounts = Delays.of(np.zeros(100), np.full(100, 9.0), told, came, 1, DAY)
    for check in (same_age_accuracy, ipw_accuracy):
        with pytest.raises(NotEnoughData, match="only a classifier"):
            check.compute(amounts, amounts)


ages = st.lists(
    st.tuples(
        st.floats(0, 1e6), st.floats(-10, 1e7) | st.just(np.nan), st.integers(0, 3), st.booleans()
    ),
    max_size=25,
)


def some(rows):
    times, delay, came, told = (np.array([row[i] for row in rows]) for i in range(4))
    times, delay = times.astype(float), delay.astype(float)
    return Delays.of(times, times + delay, told.astype(bool), came.astype(int), 4, 2e7)


@given(ages, ages)
def test_merged_delays_are_the_delays_of_all_rows(one, other):
    assert_same(some(one).merge(some(other)), some(one + other))


@given(ages)
def test_every_label_is_counted_once(rows):
    delays = some(rows)
    assert delays.ages.sum() + delays.undated == delays.labelled == sum(row[3] for row in rows)


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_rows_are_watched_as_long_as_a_count_of_even_rows_says(span, since):
    delays = Delays(
        np.zeros((len(EDGES), 1), np.int64), 9, first=0.0, last=span, seen_at=span + since
    )
    rows = np.linspace(0.0, span, 2001)
    watched = delays.seen_at - rows
    ends = np.append(EDGES[1:], 2 * EDGES[-1])
    for place in (0, 40, 70, 90, len(EDGES) - 1):
        inside = np.linspace(EDGES[place], ends[place], 41)[1::2]
        counted = np.mean([np.mean(watched >= age) for age in inside])
        assert delays.watched()[place] == pytest.approx(counted, abs=0.06)
