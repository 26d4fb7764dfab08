from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from checks.verdict import Verdict
from monitor.findings import WHOLE
from monitor.store import AlreadyRecorded, Entry, Store, StoreError
from monitor.windows import State
from tests.store.examples import DAY, START, baseline, day, evening, finding, plainly, quiet, record


def test_a_record_comes_back_whole(store: Store) -> None:
    written = record(0)
    store.record(written)
    (entry,) = store.ledger("churn")
    assert entry == Entry(
        written.window,
        1,
        State.PROVISIONAL,
        200,
        150,
        written.evaluated_at,
        written.known_at,
        1,
        "beef",
    )
    assert tuple(store.findings("churn")) == written.findings
    assert store.incidents() == written.incidents
    (letter,) = store.outbox.due(written.evaluated_at)
    assert (letter.channel, letter.key, letter.message) == written.letters[0]
    assert plainly(dict(store.portraits("churn", written.window))) == plainly(
        dict(written.portraits)
    )
    (deed,) = store.trail()
    assert (deed.who, deed.at) == ("modelmon", written.evaluated_at)
    assert deed.what == "recorded revision 1 as provisional"


def test_an_empty_store_knows_nothing(store: Store) -> None:
    assert store.ledger("churn") == ()
    assert store.revisions("churn", day(0)) == ()
    assert store.latest("churn") is None
    assert dict(store.portraits("churn", day(0))) == {}
    assert list(store.findings()) == []
    assert store.history("churn", "psi") == ()


def test_the_same_revision_twice_is_refused_and_changes_nothing(store: Store) -> None:
    store.record(record(0))
    again = replace(record(0, findings=9), state=State.FINAL, rows=1)
    with pytest.raises(AlreadyRecorded, match=r"churn: revision 1 of 2024-03-01 .* already"):
        store.record(again)
    (entry,) = store.ledger("churn")
    assert (entry.rows, entry.state) == (200, State.PROVISIONAL)
    assert len(list(store.findings())) == 3
    assert len(store.trail()) == 1


def test_other_models_and_windows_do_not_collide(store: Store) -> None:
    store.record(record(0))
    store.record(record(1))
    store.record(record(0, model="fraud"))
    assert [entry.window for entry in store.ledger("churn")] == [day(0), day(1)]
    assert [entry.window for entry in store.ledger("fraud")] == [day(0)]


def test_a_failure_in_the_last_step_leaves_nothing_of_the_first(store: Store) -> None:
    whole = record(0)
    channelless = (None, "key", whole.letters[0][2])
    broken = replace(whole, letters=(*whole.letters, channelless))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="refused"):
        store.record(broken)
    assert store.ledger("churn") == ()
    assert list(store.findings()) == []
    assert dict(store.portraits("churn", whole.window)) == {}
    assert store.incidents(open_only=False) == ()
    assert store.outbox_depth() == 0
    assert store.trail() == ()
    store.record(whole)
    assert len(list(store.findings())) == 3


def test_a_finding_of_another_window_is_refused(store: Store) -> None:
    for stranger in (finding(day(1)), finding(day(0), 2), finding(day(0), model="fraud")):
        with pytest.raises(ValueError, match="cannot be recorded with 2024-03-01"):
            store.record(quiet(0, 1, stranger))
    assert store.ledger("churn") == ()


def test_a_number_that_is_nan_is_refused_by_name(store: Store) -> None:
    nan = finding(day(0), value=float("nan"))
    with pytest.raises(ValueError, match="churn: psi of age: value is NaN"):
        store.record(quiet(0, 1, nan))
    with pytest.raises(ValueError, match="threshold is NaN"):
        store.record(quiet(0, 1, replace(finding(day(0)), threshold=float("nan"))))
    assert store.ledger("churn") == ()


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        store.record(replace(record(0), evaluated_at=evening(0).replace(tzinfo=None)))


def test_the_ledger_shows_the_newest_revision_of_each_window_in_time_order(store: Store) -> None:
    for number, revision in ((2, 1), (0, 1), (0, 2), (1, 1)):
        store.record(record(number, revision))
    shown = [(entry.window, entry.revision) for entry in store.ledger("churn")]
    assert shown == [(day(0), 2), (day(1), 1), (day(2), 1)]
    assert [entry.revision for entry in store.revisions("churn", day(0))] == [1, 2]


def test_the_ledger_since_a_moment_leaves_out_windows_that_had_ended(store: Store) -> None:
    for number in range(4):
        store.record(record(number))
    shown = [entry.window for entry in store.ledger("churn", since=day(1).end)]
    assert shown == [day(2), day(3)]
    middle = day(1).end - timedelta(microseconds=1)
    assert store.ledger("churn", since=middle)[0].window == day(1)


def test_the_ledger_keeps_the_newest_windows_where_there_are_too_many(store: Store) -> None:
    for number in range(4):
        store.record(record(number))
    assert [entry.window for entry in store.ledger("churn", limit=2)] == [day(2), day(3)]


def test_the_ledger_as_of_a_moment_is_what_was_known_then(store: Store) -> None:
    for number, revision in ((0, 1), (0, 2), (0, 3), (5, 1)):
        store.record(record(number, revision))
    at = {revision: evening(0) + (revision - 1) * DAY for revision in (1, 2, 3)}
    assert [entry.revision for entry in store.ledger("churn", as_of=at[1])] == [1]
    assert [entry.revision for entry in store.ledger("churn", as_of=at[2])] == [2]
    just_before = at[3] - timedelta(microseconds=1)
    assert [entry.revision for entry in store.ledger("churn", as_of=just_before)] == [2]
    assert store.ledger("churn", as_of=START) == ()
    assert len(store.ledger("churn", as_of=evening(9))) == 2


def test_portraits_of_a_window_are_those_of_the_revision_asked_for(store: Store) -> None:
    first, second = record(0), replace(record(0, 2), portraits=record(7).portraits)
    store.record(first)
    store.record(second)
    old = store.portraits("churn", day(0), 1)
    new = store.portraits("churn", day(0))
    assert plainly(dict(old)) == plainly(dict(first.portraits))
    assert plainly(dict(new)) == plainly(dict(second.portraits))
    assert new[WHOLE].rows == 200
    assert dict(store.portraits("churn", day(0), 9)) == {}


def test_reading_what_is_shown_never_reads_portraits(store: Store) -> None:
    store.save_baseline(baseline(), evening(0))
    store.record(record(0))
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    sa.event.listen(store._database._engine, "before_cursor_execute", note)
    store.ledger("churn")
    store.revisions("churn", day(0))
    store.latest("churn")
    list(store.findings())
    store.history("churn", "psi", "column0")
    store.baselines("churn")
    store.pages()
    store.trail()
    assert len(statements) > 8
    assert not [statement for statement in statements if "content" in statement]


def test_a_window_of_another_length_is_another_window(store: Store) -> None:
    hour = replace(day(0), start=day(0).end - timedelta(hours=1))
    store.record(record(0))
    store.record(replace(quiet(0), window=hour, findings=(finding(hour, verdict=Verdict.OK),)))
    assert [entry.window for entry in store.ledger("churn")] == [day(0), hour]
    latest = store.latest("churn")
    assert latest is not None
    assert latest.entry.window == hour
