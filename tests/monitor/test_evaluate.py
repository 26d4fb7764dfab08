from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from checks.check import Check, NotEnoughData, Stat, check
from checks.log import LogProfile
from checks.plan import CategoricalPlan, NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import CategoricalProfile, NumericProfile
from checks.verdict import Limit, Verdict
from monitor.evaluate import Rule, Target, evaluate
from monitor.findings import WHOLE, Finding, Slice, waits_for_labels
from monitor.windows import State, Window

PLAN = Plan(
    {"age": NumericPlan(), "channel": CategoricalPlan(("web",)), "score": NumericPlan()},
    roles={"score": "score"},
)
DAY = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
TARGET = Target("credit", DAY)


@check(NumericProfile, warning=1.0, critical=2.0, minimum=3)
def shift(reference: NumericProfile, current: NumericProfile, *, factor: float = 1.0) -> Stat:
    """Difference of means."""
    if not current.n:
        raise NotEnoughData("no values")
    value = (current.mean - reference.mean) * factor
    return Stat(value, n_reference=reference.n, n_current=current.n)


@check(LogProfile, direction="below", slack=(0.5, 0.9), relative=True, cause="volume")
def volume(reference: LogProfile, current: LogProfile) -> Stat:
    """Rows."""
    return Stat(float(current.rows))


@check(NumericProfile, CategoricalProfile, cause="nulls")
def broken(reference: object, current: object) -> Stat:
    """A check with a defect."""
    return Stat(1 / 0)


def portrait(*age: float, rows: int = 100, labels: int = 0) -> Portrait:
    log = LogProfile.of_window(rows, 0.0, 1.0, 2.0, labels=labels)
    columns = {
        "age": NumericProfile.of(np.array(age), NumericPlan()),
        "channel": CategoricalProfile.of({"web": 3}, CategoricalPlan(("web",))),
        "score": NumericProfile.of(np.array([0.1, 0.2, 0.3]), NumericPlan()),
    }
    return Portrait(PLAN.hash, columns, log)


def run(
    *rules: Rule, current: Portrait | None = None, target: Target = TARGET
) -> dict[tuple[str, str], Finding]:
    now = {WHOLE: current or portrait(3.0, 4.0, 5.0)}
    found = evaluate(target, PLAN, rules, {WHOLE: portrait(1.0, 2.0, 3.0)}, now)
    return {(f.check, f.column): f for f in found}


def test_a_rule_runs_on_every_column_that_its_check_can_measure() -> None:
    found = run(Rule(shift))
    assert set(found) == {("shift", "age"), ("shift", "score")}
    age = found["shift", "age"]
    assert (age.value, age.threshold, age.rule) == (2.0, 1.0, "default")
    assert age.verdict is Verdict.WARNING
    assert age.cause == "features"
    assert found["shift", "score"].cause == "predictions"


def test_columns_parameters_and_limits_of_a_rule_count() -> None:
    rule = Rule(shift, {"factor": 10.0}, Limit(None, 15.0, "above", "config"), ("age",))
    found = run(rule)
    assert set(found) == {("shift", "age")}
    assert found["shift", "age"].value == 20.0
    assert found["shift", "age"].rule == "config"
    assert found["shift", "age"].verdict is Verdict.CRITICAL


def test_a_limit_is_learnt_from_the_reference() -> None:
    few = run(Rule(volume), current=portrait(1.0, rows=5))["volume", ""]
    half = run(Rule(volume), current=portrait(1.0, rows=40))["volume", ""]
    assert (few.verdict, few.threshold) == (Verdict.CRITICAL, pytest.approx(10.0))
    assert (half.verdict, half.threshold, half.rule) == (Verdict.WARNING, 50.0, "reference")


def test_no_values_are_no_data_and_few_are_insufficient_though_shown() -> None:
    empty = run(Rule(shift), current=portrait())["shift", "age"]
    assert (empty.verdict, empty.stat, empty.reason) == (Verdict.NO_DATA, None, "no values")
    few = run(Rule(shift), current=portrait(3.0))["shift", "age"]
    assert few.verdict is Verdict.INSUFFICIENT
    assert few.value == 1.0
    assert few.reason == "1 values, 3 needed"
    assert run(replace(Rule(shift), min_rows=1), current=portrait(3.0))[
        "shift", "age"
    ].verdict.judged


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.OPEN, "no labels yet"),
        (State.PROVISIONAL, "no labels yet"),
        (State.FINAL, "no labels"),
    ],
)
def test_rows_without_any_label_say_so_and_wait_for_them(state: State, reason: str) -> None:
    plan = Plan({"truth": NumericPlan(), "age": NumericPlan()}, roles={"truth": "label"})
    known, none = (NumericProfile.of(np.array(n), NumericPlan()) for n in ([1.0, 2.0, 3.0], []))
    log = LogProfile.of_window(100, 0.0, 1.0, 2.0)
    then = Portrait(plan.hash, {"truth": known, "age": known}, log)
    now = Portrait(plan.hash, {"truth": none, "age": known}, log)
    target = Target("credit", DAY, 1, state)
    truth, age = evaluate(target, plan, [Rule(shift)], {WHOLE: then}, {WHOLE: now})
    assert (truth.verdict, truth.reason) == (Verdict.NO_DATA, reason)
    assert age.verdict is Verdict.OK
    assert waits_for_labels(truth, state, "truth") is (state is not State.FINAL)
    assert not waits_for_labels(age, state, "truth")


def test_a_minimum_of_rows_holds_for_what_has_no_column_too() -> None:
    @check(LogProfile, direction="below", critical=0.9, cause="performance")
    def rate(reference: LogProfile, current: LogProfile) -> Stat:
        """A metric over forty labels."""
        return Stat(0.5, n_current=40)

    assert run(Rule(rate))["rate", ""].verdict is Verdict.CRITICAL
    assert run(Rule(rate, min_rows=40))["rate", ""].verdict is Verdict.CRITICAL
    short = run(Rule(rate, min_rows=41))["rate", ""]
    assert (short.verdict, short.reason) == (Verdict.INSUFFICIENT, "40 values, 41 needed")


def test_a_defect_in_one_check_is_a_finding_and_the_others_go_on() -> None:
    found = run(Rule(broken), Rule(shift))
    assert found["broken", "age"].verdict is Verdict.ERROR
    assert "ZeroDivisionError" in found["broken", "age"].reason
    assert found["shift", "age"].verdict is Verdict.WARNING


def test_a_number_that_is_none_is_an_error_and_is_not_kept() -> None:
    @check(NumericProfile)
    def nonsense(reference: NumericProfile, current: NumericProfile) -> Stat:
        """Not a number."""
        return Stat(float("nan"))

    found = run(Rule(nonsense))["nonsense", "age"]
    assert (found.verdict, found.stat) == (Verdict.ERROR, None)
    assert "NaN" in found.reason


def performance(name: str = "hits") -> Check:
    @check(LogProfile, direction="below", critical=0.9, cause="performance")
    def hits(reference: LogProfile, current: LogProfile) -> Stat:
        """A stand-in for a metric."""
        return Stat(0.5)

    return hits


@pytest.mark.parametrize(
    ("labels", "state", "expected"),
    [
        (49, State.PROVISIONAL, Verdict.INSUFFICIENT),
        (50, State.PROVISIONAL, Verdict.CRITICAL),
        (49, State.FINAL, Verdict.CRITICAL),
        (0, State.PROVISIONAL, Verdict.INSUFFICIENT),
    ],
)
def test_performance_waits_for_half_of_the_labels(
    labels: int, state: State, expected: Verdict
) -> None:
    target = replace(TARGET, state=state)
    current = portrait(1.0, rows=100, labels=labels)
    assert run(Rule(performance()), current=current, target=target)["hits", ""].verdict is expected


def test_an_estimate_from_scores_waits_for_no_label() -> None:
    estimate = replace(performance(), needs="score")
    target = replace(TARGET, state=State.PROVISIONAL)
    current = portrait(1.0, rows=100, labels=0)
    found = run(Rule(estimate), current=current, target=target)["hits", ""]
    assert found.verdict is Verdict.CRITICAL


@pytest.mark.parametrize(
    ("state", "expected"),
    [(State.PROVISIONAL, Verdict.INSUFFICIENT), (State.FINAL, Verdict.WARNING)],
)
def test_drift_of_the_labels_waits_for_all_of_them(state: State, expected: Verdict) -> None:
    plan = Plan({"truth": NumericPlan(), "age": NumericPlan()}, roles={"truth": "label"})
    sides = (
        Portrait(
            plan.hash,
            {name: NumericProfile.of(values, NumericPlan()) for name in plan.columns},
            LogProfile.of_window(100, 0.0, 1.0, 2.0, labels=90),
        )
        for values in (np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0]))
    )
    then, now = sides
    target = replace(TARGET, state=state)
    found = evaluate(target, plan, [Rule(shift)], {WHOLE: then}, {WHOLE: now})
    verdicts = {each.column: each for each in found}
    assert verdicts["age"].verdict is Verdict.WARNING
    assert verdicts["truth"].verdict is expected
    assert verdicts["truth"].stat is not None
    if state is State.PROVISIONAL:
        waits = "labels of 90% of the rows have come; judged when no more are waited for"
        assert verdicts["truth"].reason == waits


def test_a_segment_is_compared_with_the_same_segment() -> None:
    place = Slice("", "channel=web")
    now = {WHOLE: portrait(3.0, 4.0, 5.0), place: portrait(3.0, 4.0, 5.0)}
    then = {WHOLE: portrait(1.0, 2.0, 3.0), place: portrait(3.0, 4.0, 5.0)}
    found = evaluate(TARGET, PLAN, [Rule(shift), Rule(volume)], then, now)
    by_place = {(f.slice, f.check, f.column): f.verdict for f in found}
    assert by_place[WHOLE, "shift", "age"] is Verdict.WARNING
    assert by_place[place, "shift", "age"] is Verdict.OK
    assert (place, "volume", "") not in by_place


def test_a_segment_that_the_reference_lacks_is_not_judged() -> None:
    place = Slice("", "channel=new")
    found = evaluate(
        TARGET, PLAN, [Rule(shift)], {WHOLE: portrait(1.0)}, {place: portrait(1.0, 2.0, 3.0)}
    )
    assert {f.verdict for f in found} == {Verdict.NO_DATA}
