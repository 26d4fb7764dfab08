from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerts.delivery import Rejected, Unavailable, deliver
from alerts.incident import Incident
from alerts.message import Message
from monitor.store import Store
from monitor.store.outbox import AT_ONCE
from tests.store.examples import DAY, START, evening, incident, message, quiet, record

NOW = evening(0)
MINUTE = timedelta(minutes=1)


@dataclass
class Postman:
    """A channel that notes what it delivers, or fails as it is told to."""

    handle: str | None = None
    errors: list[Exception] = field(default_factory=list)
    delivered: list[tuple[str, str | None]] = field(default_factory=list)

    def send(self, message: Message, key: str, thread: str | None) -> str | None:
        if self.errors:
            raise self.errors.pop(0)
        self.delivered.append((key, thread))
        return self.handle


def post(store: Store, about: Incident, *keys: str, channel: str = "oncall") -> None:
    store.announce((about,), tuple((channel, key, message(about)) for key in keys), NOW)


def keys(store: Store, now: datetime = NOW) -> list[str]:
    return [letter.key for letter in store.outbox.due(now)]


def steadily(attempt: int) -> float:
    return 1.0


def test_a_letter_is_due_until_it_is_sent(store: Store) -> None:
    post(store, incident(), "first")
    (letter,) = store.outbox.due(NOW)
    assert (letter.attempts, letter.thread, letter.queued_at) == (0, None, NOW)
    assert letter.message == message(incident())
    assert keys(store, NOW + DAY) == ["first"]
    store.outbox.sent(letter, None, NOW)
    assert keys(store, NOW + DAY) == []
    assert store.outbox_depth() == 0


def test_a_letter_that_was_not_marked_is_handed_out_again(url: str) -> None:
    with Store.open(url) as store:
        post(store, incident(), "first")
        assert keys(store) == ["first"]
    with Store.open(url) as restarted:
        assert keys(restarted) == ["first"]


def test_a_known_key_is_not_added_twice_to_one_channel(store: Store) -> None:
    post(store, incident(), "first", "first")
    post(store, incident(), "first")
    post(store, incident(), "first", channel="mail")
    assert [(letter.channel, letter.key) for letter in store.outbox.due(NOW)] == [
        ("oncall", "first"),
        ("mail", "first"),
    ]


def test_a_known_key_stays_known_after_it_was_sent(store: Store) -> None:
    post(store, incident(), "first")
    store.outbox.sent(store.outbox.due(NOW)[0], None, NOW)
    post(store, incident(), "first")
    assert store.outbox_depth() == 0


def test_letters_of_a_new_revision_keep_their_number_and_are_not_sent_twice(store: Store) -> None:
    store.record(record(0))
    (letter,) = store.outbox.due(NOW)
    store.record(record(0, 2))
    (again,) = store.outbox.due(NOW)
    assert again == letter


def test_due_letters_come_oldest_first_in_bounded_batches(store: Store) -> None:
    names = [f"letter {number:03}" for number in range(AT_ONCE + 20)]
    post(store, incident(), *names)
    assert keys(store) == names[:AT_ONCE]
    for letter in store.outbox.due(NOW):
        store.outbox.sent(letter, None, NOW)
    assert keys(store) == names[AT_ONCE:]


def test_a_channel_with_many_letters_keeps_no_other_waiting(store: Store) -> None:
    post(store, incident(), *(f"letter {number:03}" for number in range(AT_ONCE + 20)))
    post(store, incident(), "mail", channel="mail")
    assert len(keys(store)) == AT_ONCE + 1
    assert keys(store)[-1] == "mail"


def test_a_failed_letter_waits_for_its_next_attempt(store: Store) -> None:
    post(store, incident(), "first")
    (letter,) = store.outbox.due(NOW)
    store.outbox.failed(letter, "timeout: no answer in 10 s", NOW + MINUTE, NOW)
    assert keys(store, NOW) == []
    assert store.outbox_depth() == 1
    (again,) = store.outbox.due(NOW + MINUTE)
    assert (again.key, again.attempts) == ("first", 1)
    (page,) = store.pages()
    assert (page.failure, page.retry_at) == ("timeout: no answer in 10 s", NOW + MINUTE)


def test_a_letter_waits_behind_an_older_one_of_its_conversation_only(store: Store) -> None:
    here, there = incident(), incident(cause="nulls")
    post(store, here, "opened", "resolved")
    post(store, there, "other incident")
    post(store, here, "other channel", channel="mail")
    store.outbox.failed(store.outbox.due(NOW)[0], "timeout", NOW + MINUTE, NOW)
    assert keys(store, NOW) == ["other incident", "other channel"]
    later = NOW + MINUTE
    assert keys(store, later) == ["opened", "resolved", "other incident", "other channel"]


def test_a_letter_given_up_is_never_due_again_and_blocks_nothing(store: Store) -> None:
    post(store, incident(), "first", "second")
    store.outbox.failed(store.outbox.due(NOW)[0], "gone: no such webhook", None, NOW)
    assert keys(store, NOW + 9 * DAY) == ["second"]
    first = next(page for page in store.pages() if page.key == "first")
    assert (first.failed_at, first.sent_at, first.attempts) == (NOW, None, 1)
    assert first.failure == "gone: no such webhook"
    assert store.outbox_depth() == 1


def test_the_handle_of_a_conversation_goes_with_its_later_letters(store: Store) -> None:
    about = incident()
    post(store, about, "opened")
    store.outbox.sent(store.outbox.due(NOW)[0], "ts-1", NOW)
    assert store.incidents()[0].thread == {"oncall": "ts-1"}
    post(store, about, "worse")
    post(store, about, "worse", channel="mail")
    assert [letter.thread for letter in store.outbox.due(NOW)] == ["ts-1", None]


def test_a_review_that_began_before_the_send_does_not_forget_the_thread(store: Store) -> None:
    about = incident()
    post(store, about, "opened")
    store.outbox.sent(store.outbox.due(NOW)[0], "ts-1", NOW)
    store.record(replace(quiet(0), incidents=(replace(about, quiet=1),)))
    (found,) = store.incidents()
    assert (found.thread, found.quiet) == ({"oncall": "ts-1"}, 1)


def test_a_letter_about_no_incident_can_be_sent(store: Store) -> None:
    store.announce((), (("oncall", "test", message(incident())),), NOW)
    store.outbox.sent(store.outbox.due(NOW)[0], "ts-1", NOW)
    assert store.outbox_depth() == 0
    assert store.incidents() == ()


def test_marking_a_letter_twice_counts_once(store: Store) -> None:
    post(store, incident(), "first")
    (letter,) = store.outbox.due(NOW)
    store.outbox.sent(letter, "ts-1", NOW)
    store.outbox.sent(letter, "ts-2", NOW + MINUTE)
    store.outbox.failed(letter, "timeout", None, NOW + MINUTE)
    (page,) = store.pages()
    assert (page.sent_at, page.failed_at, page.attempts) == (NOW, None, 0)
    assert store.delivery_counts().sent == {"oncall": 1}
    assert store.delivery_counts().failed == {}


def test_counts_are_by_channel_and_by_the_first_word_of_the_reason(store: Store) -> None:
    post(store, incident(), "a", "b")
    post(store, incident(), "a", channel="mail")
    first, second, third = store.outbox.due(NOW)
    store.outbox.failed(first, "timeout: no answer in 10 s", NOW, NOW)
    store.outbox.failed(first, "timeout: no answer in 11 s", NOW, NOW)
    store.outbox.failed(first, "gone", None, NOW)
    store.outbox.sent(second, None, NOW)
    store.outbox.sent(third, None, NOW)
    counts = store.delivery_counts()
    assert counts.sent == {"oncall": 1, "mail": 1}
    assert counts.failed == {("oncall", "timeout"): 2, ("oncall", "gone"): 1}


def test_pages_list_the_newest_letters_without_their_messages(store: Store) -> None:
    for number in range(3):
        store.record(record(number))
    newest, middle, _ = store.pages()
    assert newest.queued_at == evening(2)
    assert (newest.model, newest.severity, newest.reason) == ("churn", "critical", "opened")
    assert newest.title == "features drifted: age"
    assert newest.incident == record(2).incidents[0].key
    assert [page.key for page in store.pages(since=evening(1))] == [newest.key, middle.key]
    assert [page.key for page in store.pages(limit=1)] == [newest.key]


def test_delivery_sends_everything_once_and_threads_it(store: Store) -> None:
    about = incident()
    post(store, about, "opened", "worse")
    postman = Postman(handle="ts-1")
    deliver(store.outbox, {"oncall": postman}, NOW, jitter=steadily)
    post(store, about, "resolved")
    deliver(store.outbox, {"oncall": postman}, NOW, jitter=steadily)
    deliver(store.outbox, {"oncall": postman}, NOW + DAY, jitter=steadily)
    assert postman.delivered == [("opened", None), ("worse", "ts-1"), ("resolved", "ts-1")]


def test_delivery_keeps_the_order_of_a_conversation_over_failures(store: Store) -> None:
    post(store, incident(), "opened", "resolved")
    postman = Postman(errors=[Unavailable("timeout"), Unavailable("timeout")])
    for minutes in range(10):
        deliver(store.outbox, {"oncall": postman}, NOW + minutes * MINUTE, jitter=steadily)
    assert [key for key, _ in postman.delivered] == ["opened", "resolved"]
    assert store.delivery_counts().failed == {("oncall", "timeout"): 2}


def test_delivery_gives_up_where_no_further_try_helps(store: Store) -> None:
    post(store, incident(), "opened", "resolved")
    postman = Postman(errors=[Rejected("gone", detail="no such webhook")])
    deliver(store.outbox, {"oncall": postman}, NOW, jitter=steadily)
    assert [key for key, _ in postman.delivered] == ["resolved"]
    given_up = [page.key for page in store.pages() if page.failed_at]
    assert given_up == ["opened"]


def test_a_process_that_dies_between_send_and_mark_repeats_the_same_key(url: str) -> None:
    sent: list[str] = []
    for _ in range(2):
        with Store.open(url) as store:
            post(store, incident(), "opened")
            sent += keys(store)
    assert sent == ["opened", "opened"]


def test_the_outbox_of_a_new_store_is_empty(store: Store) -> None:
    due: Sequence[object] = store.outbox.due(START + 99 * DAY)
    assert list(due) == []
    assert store.pages() == ()
    assert store.delivery_counts().sent == {}
