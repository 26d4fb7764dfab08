from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerts.incident import Signal, acknowledge, review
from monitor.store import Store
from tests.store.examples import DAY, START, day, evening, incident, message, quiet, record


def test_an_incident_is_written_once_per_key(store: Store) -> None:
    first = record(0)
    (trouble,) = first.incidents
    worse = replace(trouble, last_seen=trouble.last_seen + DAY, quiet=1)
    store.record(first)
    store.record(replace(quiet(1), incidents=(worse,)))
    assert store.incidents() == (worse,)


def test_open_incidents_are_those_not_resolved(store: Store) -> None:
    begun = incident()
    taken = acknowledge(incident(cause="nulls"), "ada", evening(0))
    over = replace(incident(cause="volume"), state="resolved", resolved_at=evening(0))
    other = incident("fraud", since=START + DAY)
    store.announce((begun, taken, over, other), (), evening(0))
    assert set(store.incidents()) == {begun, taken, other}
    assert set(store.incidents("churn")) == {begun, taken}
    assert set(store.incidents("churn", open_only=False)) == {begun, taken, over}
    assert store.incidents("nobody") == ()


def test_incidents_come_in_the_order_they_began_and_the_newest_are_kept(store: Store) -> None:
    begun = tuple(incident(since=START + number * DAY) for number in range(5))
    store.announce(reversed(begun), (), evening(5))
    assert store.incidents() == begun
    assert store.incidents(limit=2) == begun[-2:]


def test_an_acknowledgement_is_kept_when_the_daemon_did_not_know_of_it(store: Store) -> None:
    begun = incident()
    store.announce((begun,), (), evening(0))
    store.save_incident(acknowledge(begun, "ada", evening(0)), "acknowledged", "ada", evening(0))
    later = replace(begun, last_seen=begun.last_seen + DAY)
    store.announce((later,), (), evening(1))
    (found,) = store.incidents()
    assert (found.state, found.acknowledged_by) == ("acknowledged", "ada")
    assert found.last_seen == later.last_seen


def test_an_incident_taken_on_by_somebody_still_resolves(store: Store) -> None:
    begun = incident()
    store.announce((begun,), (), evening(0))
    store.save_incident(acknowledge(begun, "ada", evening(0)), "acknowledged", "ada", evening(0))
    over = replace(begun, state="resolved", resolved_at=evening(2))
    store.announce((over,), (), evening(2))
    (found,) = store.incidents(open_only=False)
    assert (found.state, found.acknowledged_by) == ("resolved", "ada")
    assert store.incidents() == ()


def test_an_acknowledgement_does_not_undo_what_the_daemon_wrote_meanwhile(store: Store) -> None:
    begun = incident()
    store.announce((begun,), (), evening(0))
    later = replace(begun, last_seen=begun.last_seen + DAY, quiet=1)
    store.announce((later,), (), evening(1))
    store.save_incident(acknowledge(begun, "ada", evening(1)), "acknowledged", "ada", evening(1))
    (found,) = store.incidents()
    assert (found.last_seen, found.quiet, found.state) == (later.last_seen, 1, "acknowledged")


def test_an_incident_resolved_meanwhile_stays_resolved(store: Store) -> None:
    begun = incident()
    over = replace(begun, state="resolved", resolved_at=evening(1))
    store.announce((over,), (), evening(1))
    store.save_incident(acknowledge(begun, "ada", evening(1)), "acknowledged", "ada", evening(1))
    assert store.incidents() == ()
    (found,) = store.incidents(open_only=False)
    assert (found.state, found.resolved_at) == ("resolved", evening(1))


def test_what_a_person_did_is_on_the_audit_trail(store: Store) -> None:
    begun = incident()
    store.save_incident(acknowledge(begun, "ada", evening(0)), "acknowledged", "ada", evening(0))
    (deed,) = store.trail(begun.key)
    assert (deed.who, deed.what, deed.at) == ("ada", "acknowledged", evening(0))
    assert store.incidents()[0].acknowledged_by == "ada"


def test_an_incident_and_its_letter_need_no_window(store: Store) -> None:
    lost = incident(cause="source")
    letters = (("oncall", "lost", message(lost)),)
    store.announce((lost,), letters, evening(0))
    store.announce((lost,), letters, evening(0))
    assert store.incidents() == (lost,)
    assert store.outbox_depth() == 1
    assert store.ledger("churn") == ()


def test_incidents_go_through_reviews_and_the_store_alike(store: Store) -> None:
    held: tuple[object, ...] = ()
    for number, status in enumerate(["critical", "critical", "clear", "unknown", "clear"]):
        signal = Signal("churn", "features", status, day(number).end)  # type: ignore[arg-type]
        reviewed = review(store.incidents("churn"), [signal], evening(number)).incidents
        store.record(replace(quiet(number), incidents=reviewed))
        held = store.incidents("churn", open_only=False)
        assert held == reviewed
    (over,) = store.incidents("churn", open_only=False)
    assert (over.state, over.resolved_at) == ("resolved", evening(4))
    assert over.last_seen - over.since == timedelta(days=1)
