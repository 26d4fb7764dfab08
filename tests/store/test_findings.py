from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.check import Stat
from checks.verdict import Verdict
from monitor.findings import Finding, Slice
from monitor.store import Store
from monitor.windows import State
from tests.store.examples import START, accuracy, day, evening, finding, quiet, record

NUMBERS = st.floats(allow_nan=False)
MAYBE = st.none() | NUMBERS
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
COUNTS = st.integers(0, 2**62)
STATS = st.builds(Stat, NUMBERS, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, COUNTS, COUNTS, TEXTS)
FINDINGS = st.builds(
    Finding,
    model=st.just("replaced"),
    slice=st.builds(Slice, TEXTS, TEXTS),
    check=TEXTS,
    column=TEXTS,
    window=st.just(day(0)),
    revision=st.just(1),
    stat=st.none() | STATS,
    threshold=MAYBE,
    rule=TEXTS,
    verdict=st.sampled_from(Verdict),
    reason=TEXTS,
    cause=TEXTS,
)
_models = count(1)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(FINDINGS, max_size=5))
def test_any_finding_comes_back_as_it_was(store: Store, found: list[Finding]) -> None:
    model = f"model {next(_models)}"
    written = tuple(replace(each, model=model) for each in found)
    store.record(replace(quiet(0), model=model, findings=written))
    assert tuple(store.findings(model)) == written


@pytest.mark.parametrize("value", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, float("inf")])
def test_a_number_keeps_every_bit(store: Store, value: float) -> None:
    store.record(quiet(0, 1, replace(finding(day(0), value=value), threshold=-value)))
    (found,) = store.findings()
    assert (found.value, found.threshold) == (value, -value)


def test_a_number_that_is_missing_comes_back_as_none_and_not_as_nan(store: Store) -> None:
    store.record(quiet(0, 1, finding(day(0), value=None)))
    (found,) = store.findings()
    assert found.stat is None
    assert found.value is None
    assert found.reason == "no labels yet"


def test_characters_that_no_database_holds_are_replaced(store: Store) -> None:
    odd = replace(finding(day(0)), reason="level \0 and \ud800", column="na\0me")
    store.record(quiet(0, 1, odd))
    (found,) = store.findings()
    assert (found.reason, found.column) == ("level � and �", "na�me")
    assert len(store.history("churn", "psi", "na\0me")) == 1


def test_findings_stream_in_the_order_of_their_windows_as_they_were_recorded(store: Store) -> None:
    for number in (2, 0, 1):
        store.record(record(number, findings=3))
    shown = [(found.window, found.column) for found in store.findings("churn")]
    assert shown == [(day(n), f"column{i}") for n in range(3) for i in range(3)]


def test_findings_of_all_models_come_window_by_window(store: Store) -> None:
    for model in ("fraud", "churn"):
        for number in (1, 0):
            store.record(record(number, model=model, findings=1))
    shown = [(found.window, found.model) for found in store.findings()]
    assert shown == [(day(n), model) for n in (0, 1) for model in ("churn", "fraud")]


def test_findings_are_those_of_the_newest_revision_or_of_that_of_a_moment(store: Store) -> None:
    for revision in (1, 2):
        store.record(record(0, revision, findings=revision))
    assert [found.revision for found in store.findings()] == [2, 2]
    assert [found.revision for found in store.findings(as_of=evening(0))] == [1]
    assert list(store.findings(as_of=START)) == []


def test_findings_can_be_chosen_by_window_period_check_and_verdict(store: Store) -> None:
    for number in range(4):
        fine = finding(day(number), check="ks", verdict=Verdict.OK)
        poor = finding(day(number), verdict=Verdict.WARNING)
        store.record(quiet(number, 1, fine, poor))
    assert {f.window for f in store.findings(window=day(1))} == {day(1)}
    period = {f.window for f in store.findings(since=day(1).start, until=day(3).start)}
    assert period == {day(1), day(2)}
    assert {f.check for f in store.findings(check="ks")} == {"ks"}
    warned = list(store.findings("churn", verdicts={Verdict.WARNING, Verdict.CRITICAL}))
    assert [f.check for f in warned] == ["psi"] * 4
    assert list(store.findings(verdicts=())) == []
    assert list(store.findings("nobody")) == []
    assert len(list(store.findings(limit=3))) == 3


def test_a_stream_shows_one_state_of_the_database_while_others_write(store: Store) -> None:
    store.record(record(0, findings=2500))
    stream = store.findings("churn")
    assert next(stream).column == "column0"
    store.record(record(1, findings=5))
    assert sum(1 for _ in stream) == 2499
    assert sum(1 for _ in store.findings("churn")) == 2505


def test_a_stream_may_be_left_halfway(store: Store) -> None:
    store.record(record(0, findings=2500))
    for _ in range(30):
        stream = store.findings("churn")
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    assert sum(1 for _ in store.findings("churn")) == 2500


def test_history_is_one_check_of_one_column_in_time_order(store: Store) -> None:
    for number in (3, 1, 0, 2):
        found = (
            finding(day(number), value=float(number)),
            finding(day(number), column="city"),
            finding(day(number), segment="city=Bonn", value=10.0 + number),
            finding(day(number), check="ks"),
        )
        store.record(quiet(number, 1, *found))
    store.record(quiet(2, 2, finding(day(2), 2, value=22.0)))
    assert [f.value for f in store.history("churn", "psi", "age")] == [0.0, 1.0, 22.0, 3.0]
    assert [f.value for f in store.history("churn", "psi", "age", last=2)] == [22.0, 3.0]
    bonn = store.history("churn", "psi", "age", "city=Bonn")
    assert [f.value for f in bonn] == [10.0, 11.0, 13.0]
    assert store.history("churn", "psi", "height") == ()


def test_the_latest_window_has_its_own_findings(store: Store) -> None:
    store.record(quiet(0, 1, finding(day(0))))
    store.record(quiet(1, 1, finding(day(1)), finding(day(1), column="city")))
    store.record(quiet(0, 2, finding(day(0), 2)))
    latest = store.latest("churn")
    assert latest is not None
    assert latest.entry.window == day(1)
    assert [found.column for found in latest.findings] == ["age", "city"]


def test_the_latest_performance_is_that_of_the_newest_final_window(store: Store) -> None:
    store.record(quiet(0, 1, finding(day(0)), accuracy(day(0), value=0.7), state=State.FINAL))
    store.record(quiet(1, 1, finding(day(1)), accuracy(day(1), value=0.8), state=State.FINAL))
    store.record(quiet(2, 1, finding(day(2)), accuracy(day(2), value=0.9)))
    latest = store.latest("churn")
    assert latest is not None
    assert latest.entry.window == day(2)
    shown = [(found.check, found.window, found.value) for found in latest.findings]
    assert shown == [("psi", day(2), 0.3), ("accuracy", day(1), 0.8)]


def test_without_a_final_window_performance_is_the_newest_that_was_measured(store: Store) -> None:
    store.record(quiet(0, 1, finding(day(0)), accuracy(day(0), value=0.7)))
    store.record(quiet(1, 1, finding(day(1)), accuracy(day(1), value=None)))
    latest = store.latest("churn")
    assert latest is not None
    shown = [(found.check, found.window, found.value) for found in latest.findings]
    assert shown == [("psi", day(1), 0.3), ("accuracy", day(0), 0.7)]


def test_performance_nobody_could_measure_yet_is_still_shown(store: Store) -> None:
    store.record(quiet(0, 1, accuracy(day(0), value=None)))
    latest = store.latest("churn")
    assert latest is not None
    assert [found.verdict for found in latest.findings] == [Verdict.NO_DATA]


def test_a_final_window_that_was_superseded_does_not_count(store: Store) -> None:
    store.record(quiet(0, 1, accuracy(day(0), value=0.7), state=State.FINAL))
    store.record(quiet(1, 1, accuracy(day(1), value=0.8), state=State.FINAL))
    store.record(quiet(1, 2, accuracy(day(1), 2, value=None), state=State.PROVISIONAL))
    latest = store.latest("churn")
    assert latest is not None
    assert [(found.window, found.value) for found in latest.findings] == [(day(0), 0.7)]
