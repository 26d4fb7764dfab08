from __future__ import annotations

from datetime import timedelta

from monitor.store import Run, RunCounts, Store
from monitor.store.runs import KEPT
from tests.store.examples import START

SECOND = timedelta(seconds=1)


def run(store: Store, number: int, reason: str = "", model: str = "churn") -> None:
    started = START + number * timedelta(minutes=1)
    seconds = 0.5 + number
    ended = started + seconds * SECOND
    store.record_runs([Run(model, started, ended, not reason, reason, rows=100, windows=2)])


def test_runs_are_counted_by_reason(store: Store) -> None:
    for number, reason in enumerate(["", "unreachable", "", "unreachable", "wrong_schema"]):
        run(store, number, reason)
    run(store, 9, "unreachable", model="fraud")
    counts = store.run_counts("churn")
    assert counts.runs == 5
    assert counts.failures == {"unreachable": 2, "wrong_schema": 1}
    assert (counts.rows, counts.windows) == (500, 10)
    assert counts.last_success == START + 2 * timedelta(minutes=1) + 2.5 * SECOND
    assert store.run_counts("fraud").last_success is None


def test_a_model_that_never_ran_has_no_counts(store: Store) -> None:
    assert store.run_counts("churn") == RunCounts()
    assert store.recent_run_seconds("churn") == ()


def test_a_failure_without_a_reason_is_still_a_failure(store: Store) -> None:
    store.record_runs([Run("churn", START, START, False, "", 0, 0)])
    counts = store.run_counts("churn")
    assert (counts.runs, counts.failures) == (1, {"unknown": 1})
    assert counts.last_success is None


def test_recent_durations_come_oldest_first(store: Store) -> None:
    for number in range(5):
        run(store, number)
    assert store.recent_run_seconds("churn") == (0.5, 1.5, 2.5, 3.5, 4.5)
    assert store.recent_run_seconds("churn", last=2) == (3.5, 4.5)


def test_old_runs_go_and_the_totals_stay(store: Store) -> None:
    run(store, 0, model="fraud")
    for number in range(KEPT + 7):
        run(store, number)
    seconds = store.recent_run_seconds("churn", last=2 * KEPT)
    assert len(seconds) == KEPT
    assert seconds[0] == 7.5
    assert store.run_counts("churn").runs == KEPT + 7
    assert len(store.recent_run_seconds("fraud")) == 1


def test_the_audit_trail_is_read_newest_first(store: Store) -> None:
    for number, subject in enumerate(["a", "b", "a"]):
        store.audit("ada", f"deed {number}", subject, START + number * SECOND)
    assert [deed.what for deed in store.trail()] == ["deed 2", "deed 1", "deed 0"]
    assert [deed.what for deed in store.trail("a")] == ["deed 2", "deed 0"]
    assert [deed.what for deed in store.trail(limit=1)] == ["deed 2"]
    assert store.trail("b")[0].at == START + SECOND


def test_runs_of_many_models_are_noted_at_once(store: Store) -> None:
    names = [f"m{number}" for number in range(20)]
    store.record_runs([Run(name, START, START + SECOND, True, "", 5, 1) for name in names] * 2)
    store.record_runs([])
    assert {store.run_counts(name).runs for name in names} == {2}
    assert store.recent_run_seconds("m7") == (1.0, 1.0)
