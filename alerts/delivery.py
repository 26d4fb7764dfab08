"""Delivery: drains the outbox through the channels, at least once and never in a storm.

DeliveryError           a channel could not deliver; `reason` is a metric label
├── Unavailable         another try may help: time-out, rate limit, server error, no connection
│   └── Defect          the channel raised something else: its own mistake, or a letter's
└── Rejected            no further try will help: wrong address, wrong password, gone
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from alerts.message import Message, clean

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)
MOST_ATTEMPTS = 30
"""What the waits of a day add up to, for an outbox that does not tell when a letter was queued."""


class DeliveryError(Exception):
    """A message did not get through; `reason` is one word, `detail` a sentence without secrets."""

    def __init__(self, reason: str, *, detail: str = "") -> None:
        self.reason = clean(reason, 60)
        self.detail = clean(detail, 300)
        super().__init__(f"{self.reason}: {self.detail}" if self.detail else self.reason)


class Unavailable(DeliveryError):
    """Try again, after `retry_after` if the other side asked for it."""

    def __init__(
        self, reason: str, retry_after: timedelta | None = None, *, detail: str = ""
    ) -> None:
        super().__init__(reason, detail=detail)
        self.retry_after = retry_after


class Defect(Unavailable):
    """A channel failed in a way it does not know of; other letters may get through all the same."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("defect", detail=type(cause).__name__)
        self.cause = cause


class Rejected(DeliveryError):
    """Do not try again: a person must change something first."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way through one channel.

    `key` stays the same over all attempts; `attempts` counts those that failed; `thread` is the
    handle of the conversation it belongs to.
    """

    id: int
    channel: str
    key: str
    message: Message
    attempts: int
    thread: str | None
    queued_at: datetime | None = None


class Outbox(Protocol):
    """Where letters wait, durably."""

    def due(self, now: datetime) -> Sequence[Letter]:
        """The letters to try now, oldest first.

        One waits as long as an older one of the same channel and incident (`message.key`) waits,
        lest a conversation be told backwards; another incident does not wait for it.
        """

    def sent(self, letter: Letter, handle: str | None, now: datetime) -> None:
        """Note that a letter got through, and the handle of its conversation."""

    def failed(self, letter: Letter, reason: str, retry_at: datetime | None, now: datetime) -> None:
        """Note a failed attempt; without `retry_at` it was the last."""


class Channel(Protocol):
    """A way to a person."""

    def send(self, message: Message, key: str, thread: str | None) -> str | None:
        """Deliver one message and return the handle of its conversation, if there are such.

        `key` lets the other side recognise a repeated delivery.

        Raises:
            DeliveryError: it did not get through.
        """


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round of delivery did: letters sent by channel, failed by channel and reason."""

    sent: Counter[str] = field(default_factory=Counter, hash=False)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter, hash=False)


def _untold(error: Exception) -> None:
    """Tell nobody."""


def deliver(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    now: datetime,
    *,
    jitter: Callable[[int], float],
    on_defect: Callable[[Exception], None] = _untold,
) -> Delivered:
    """Try every due letter once, in order; a channel that is down is left alone for this round.

    `jitter` gives, for the number of the attempt, the factor its wait is stretched by, such as
    `lambda attempt: random.uniform(0.8, 1.2)`. An error of a channel that is no DeliveryError is a
    defect: `on_defect` hears of it, and its letter waits for another try like any other.
    """
    this_round = _Round(outbox, channels, now, jitter, on_defect)
    for letter in outbox.due(now):
        this_round.attempt(letter)
    return this_round.done


def wait(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts, before jitter.

    >>> [str(wait(attempts)) for attempts in (1, 2, 3, 7, 8, 1000)]
    ['0:00:30', '0:01:00', '0:02:00', '0:32:00', '1:00:00', '1:00:00']
    """
    doublings = min(attempts - 1, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


@dataclass(slots=True)
class _Round:
    """One pass over the due letters, and what it has learnt about the channels so far."""

    outbox: Outbox
    channels: Mapping[str, Channel]
    now: datetime
    jitter: Callable[[int], float]
    on_defect: Callable[[Exception], None]
    done: Delivered = field(default_factory=Delivered)
    down: set[str] = field(default_factory=set)
    threads: dict[tuple[str, str], str] = field(default_factory=dict)

    def attempt(self, letter: Letter) -> None:
        if letter.channel in self.down:
            return
        try:
            handle = self.send(letter)
        except DeliveryError as error:
            self.failed(letter, error)
        else:
            self.sent(letter, handle)

    def send(self, letter: Letter) -> str | None:
        channel = self.channels.get(letter.channel)
        if channel is None:
            raise Rejected("unknown_channel", detail=f"no channel {letter.channel!r} is configured")
        thread = letter.thread or self.threads.get((letter.channel, letter.message.key))
        try:
            return channel.send(letter.message, letter.key, thread)
        except DeliveryError:
            raise
        except OSError as error:
            raise Unavailable("untranslated", detail=type(error).__name__) from error
        except Exception as error:
            raise Defect(error) from error

    def sent(self, letter: Letter, handle: str | None) -> None:
        if handle:
            self.threads[letter.channel, letter.message.key] = handle
        self.done.sent[letter.channel] += 1
        self.outbox.sent(letter, handle, self.now)

    def failed(self, letter: Letter, error: DeliveryError) -> None:
        if isinstance(error, Defect):
            self.on_defect(error.cause)
        elif isinstance(error, Unavailable):
            self.down.add(letter.channel)
        self.done.failed[letter.channel, error.reason] += 1
        self.outbox.failed(letter, str(error), self.retry_at(letter, error), self.now)

    def retry_at(self, letter: Letter, error: DeliveryError) -> datetime | None:
        attempts = letter.attempts + 1
        queued = letter.queued_at or self.now
        if not isinstance(error, Unavailable) or attempts >= MOST_ATTEMPTS:
            return None
        if self.now - queued >= GIVE_UP_AFTER:
            return None
        asked = min(error.retry_after or timedelta(0), LONGEST_WAIT)
        return self.now + max(wait(attempts) * self.jitter(attempts), asked)
