from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.delivery import (
    LONGEST_WAIT,
    Channel,
    Delivered,
    DeliveryError,
    Letter,
    Rejected,
    Unavailable,
    deliver,
    wait,
)
from alerts.message import Message

Make = Callable[..., Message]
NOW = datetime(2024, 3, 14, 8, tzinfo=UTC)


def exactly(attempt: int) -> float:
    return 1.0


@dataclass
class Slip:
    """A letter in the outbox and what became of it."""

    letter: Letter
    state: str = "waiting"
    due_at: datetime = NOW
    reason: str = ""


@dataclass
class MemoryOutbox:
    """An outbox that keeps the whole contract, in memory."""

    slips: list[Slip] = field(default_factory=list)
    threads: dict[tuple[str, str], str] = field(default_factory=dict)

    def put(self, message: Message, channel: str = "oncall", key: str = "") -> Slip:
        number = len(self.slips) + 1
        letter = Letter(number, channel, key or f"k{number}", message, 0, None, NOW)
        self.slips.append(Slip(letter))
        return self.slips[-1]

    def due(self, now: datetime) -> Sequence[Letter]:
        waiting = [slip for slip in self.slips if slip.state == "waiting"]
        first = {self._talk(slip.letter): slip for slip in reversed(waiting)}
        held = {talk for talk, slip in first.items() if slip.due_at > now}
        return [
            replace(slip.letter, thread=self.threads.get(self._talk(slip.letter)))
            for slip in waiting
            if slip.due_at <= now and self._talk(slip.letter) not in held
        ]

    def sent(self, letter: Letter, handle: str | None, now: datetime) -> None:
        self.slips[letter.id - 1].state = "sent"
        if handle:
            self.threads[self._talk(letter)] = handle

    def failed(self, letter: Letter, reason: str, retry_at: datetime | None, now: datetime) -> None:
        slip = self.slips[letter.id - 1]
        slip.letter = replace(slip.letter, attempts=slip.letter.attempts + 1)
        slip.reason = reason
        slip.state = "waiting" if retry_at else "failed"
        slip.due_at = retry_at or slip.due_at

    def _talk(self, letter: Letter) -> tuple[str, str]:
        return letter.channel, letter.message.key


@dataclass
class Memory:
    """A channel that remembers; it raises what it is told to, once each."""

    raising: list[BaseException | None] = field(default_factory=list)
    got: list[tuple[str, str, str | None]] = field(default_factory=list)
    handle: str | None = None

    def send(self, message: Message, key: str, thread: str | None) -> str | None:
        self.got.append((message.key, key, thread))
        error = self.raising.pop(0) if self.raising else None
        if error:
            raise error
        return self.handle


def pass_on(outbox: MemoryOutbox, channels: Mapping[str, Channel], hours: float = 0) -> Delivered:
    return deliver(outbox, channels, NOW + timedelta(hours=hours), jitter=exactly)


def test_letters_are_sent_in_order_and_marked_as_sent(message: Make) -> None:
    outbox, channel = MemoryOutbox(), Memory()
    for name in "abc":
        outbox.put(message(key=name))
    done = pass_on(outbox, {"oncall": channel})
    assert [key for key, _, _ in channel.got] == ["a", "b", "c"]
    assert {slip.state for slip in outbox.slips} == {"sent"}
    assert done == Delivered(sent=Counter({"oncall": 3}))
    assert pass_on(outbox, {"oncall": channel}) == Delivered()


def test_a_channel_that_is_down_is_tried_once_and_the_others_go_on(message: Make) -> None:
    outbox, down, up = MemoryOutbox(), Memory([Unavailable("timeout")]), Memory()
    for channel in ("down", "up", "down", "up"):
        outbox.put(message(key=channel), channel)
    done = pass_on(outbox, {"down": down, "up": up})
    assert (len(down.got), len(up.got)) == (1, 2)
    assert done.failed == {("down", "timeout"): 1}
    assert [slip.state for slip in outbox.slips] == ["waiting", "sent", "waiting", "sent"]
    assert outbox.slips[2].letter.attempts == 0


def test_a_rejected_letter_does_not_hold_back_the_next(message: Make) -> None:
    outbox, channel = MemoryOutbox(), Memory([Rejected("no_service", detail="HTTP 404")])
    first, second = outbox.put(message()), outbox.put(message())
    done = pass_on(outbox, {"oncall": channel})
    assert (first.state, first.reason) == ("failed", "no_service: HTTP 404")
    assert second.state == "sent"
    assert (done.sent, done.failed) == ({"oncall": 1}, {("oncall", "no_service"): 1})


def test_a_conversation_is_not_told_backwards(message: Make) -> None:
    outbox, channel = MemoryOutbox(), Memory([Unavailable("timeout")])
    outbox.put(message(key="a"), key="opened")
    outbox.put(message(key="a", reason="resolved"), key="resolved")
    outbox.put(message(key="b"), key="other")
    for hours in (0, 0.001, 1, 2):
        pass_on(outbox, {"oncall": channel}, hours)
    assert [key for _, key, _ in channel.got] == ["opened", "other", "opened", "resolved"]


def test_an_unknown_channel_fails_for_good_with_its_name(message: Make) -> None:
    outbox = MemoryOutbox()
    slip = outbox.put(message(), "onkall")
    done = pass_on(outbox, {"oncall": Memory()})
    assert slip.state == "failed"
    assert slip.reason == "unknown_channel: no channel 'onkall' is configured"
    assert done.failed == {("onkall", "unknown_channel"): 1}


def test_an_untranslated_transport_error_is_worth_another_try(message: Make) -> None:
    outbox = MemoryOutbox()
    slip = outbox.put(message())
    pass_on(outbox, {"oncall": Memory([ConnectionResetError("to https://secret")])})
    assert (slip.state, slip.reason) == ("waiting", "untranslated: ConnectionResetError")


def test_a_defect_of_a_channel_waits_like_any_failure_and_holds_up_no_other_letter(
    message: Make,
) -> None:
    outbox, told = MemoryOutbox(), list[Exception]()
    error = KeyError("https://secret")
    for name in "abcd":
        outbox.put(message(key=name))
    done = deliver(
        outbox,
        {"oncall": Memory([None, error])},
        NOW,
        jitter=exactly,
        on_defect=told.append,
    )
    assert [slip.state for slip in outbox.slips] == ["sent", "waiting", "sent", "sent"]
    assert outbox.slips[1].reason == "defect: KeyError"
    assert done.failed == {("oncall", "defect"): 1}
    assert told == [error]


def test_a_defect_that_stays_is_tried_ever_more_rarely_and_given_up(message: Make) -> None:
    outbox, told = MemoryOutbox(), list[Exception]()
    slip, now, waits = outbox.put(message()), NOW, []
    while slip.state == "waiting":
        channel = Memory([ZeroDivisionError()])
        deliver(outbox, {"oncall": channel}, now, jitter=exactly, on_defect=told.append)
        deliver(outbox, {"oncall": channel}, now, jitter=exactly, on_defect=told.append)
        waits.append((slip.due_at - now).total_seconds())
        now = slip.due_at
    assert waits[:4] == [30, 60, 120, 240]
    assert len(told) == len(waits) == slip.letter.attempts


def test_the_waits_double_from_half_a_minute_to_an_hour(message: Make) -> None:
    outbox = MemoryOutbox()
    slip = outbox.put(message())
    slip.letter = replace(slip.letter, queued_at=None)
    waits, now = [], NOW
    while slip.state == "waiting":
        channel = Memory([Unavailable("http_503")])
        deliver(outbox, {"oncall": channel}, now, jitter=exactly)
        waits.append((slip.due_at - now).total_seconds())
        now = slip.due_at
    assert waits[:9] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert len(waits) == 30
    assert timedelta(hours=20) < now - NOW < timedelta(hours=25)


def test_a_letter_is_given_up_after_a_day_but_not_without_a_try(message: Make) -> None:
    outbox = MemoryOutbox()
    slip = outbox.put(message())
    channel = Memory([Unavailable("timeout"), Unavailable("timeout")])
    pass_on(outbox, {"oncall": channel}, 23.9)
    assert slip.state == "waiting"
    pass_on(outbox, {"oncall": channel}, 24)
    assert (slip.state, len(channel.got)) == ("failed", 2)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(None, 30), (0, 30), (10, 30), (300, 300), (86_400, LONGEST_WAIT.total_seconds())],
)
def test_a_retry_is_not_before_the_other_side_asked_for_it(
    message: Make, asked: float | None, seconds: float
) -> None:
    outbox = MemoryOutbox()
    slip = outbox.put(message())
    after = None if asked is None else timedelta(seconds=asked)
    pass_on(outbox, {"oncall": Memory([Unavailable("rate_limited", after)])})
    assert slip.due_at == NOW + timedelta(seconds=seconds)


def test_jitter_stretches_the_wait_but_not_what_was_asked_for(message: Make) -> None:
    outbox = MemoryOutbox()
    slips = [outbox.put(message(), "a"), outbox.put(message(), "b")]
    asked = Unavailable("rate_limited", timedelta(seconds=40))
    channels = {"a": Memory([Unavailable("timeout")]), "b": Memory([asked])}
    deliver(outbox, channels, NOW, jitter=lambda attempt: 0.5 * attempt)
    assert [(slip.due_at - NOW).total_seconds() for slip in slips] == [15, 40]


def test_a_conversation_keeps_its_handle_within_and_between_rounds(message: Make) -> None:
    outbox, channel = MemoryOutbox(), Memory(handle="t1")
    outbox.put(message(key="a"))
    outbox.put(message(key="b"))
    outbox.put(message(key="a"))
    pass_on(outbox, {"oncall": channel})
    outbox.put(message(key="a"))
    pass_on(outbox, {"oncall": channel})
    assert [(key, thread) for key, _, thread in channel.got] == [
        ("a", None),
        ("b", None),
        ("a", "t1"),
        ("a", "t1"),
    ]


def test_a_kill_between_sending_and_marking_repeats_the_same_key(message: Make) -> None:
    class Killed(BaseException):
        pass

    class DyingOutbox(MemoryOutbox):
        def sent(self, letter: Letter, handle: str | None, now: datetime) -> None:
            raise Killed

    outbox, channel = DyingOutbox(), Memory()
    outbox.put(message())
    with pytest.raises(Killed):
        pass_on(outbox, {"oncall": channel})
    pass_on(MemoryOutbox(outbox.slips), {"oncall": channel})
    assert [key for _, key, _ in channel.got] == ["k1", "k1"]


def test_errors_are_short_and_free_of_control_characters() -> None:
    error = Rejected("word\n" * 100, detail="<html>\x00" * 1000)
    assert isinstance(error, DeliveryError)
    assert len(str(error)) <= 362
    assert str(error).isprintable() or "…" in str(error)
    assert "\n" not in str(error)
    assert str(Unavailable("timeout")) == "timeout"


def test_no_wait_is_too_large_for_a_calendar() -> None:
    assert wait(10**9) == LONGEST_WAIT
