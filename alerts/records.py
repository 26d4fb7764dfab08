"""The records of alerting: signals in, incidents kept, announcements out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto
from typing import Literal

from alerts.message import Cause, Severity, encoded, require_zone, shallow

Status = Literal["critical", "warning", "clear", "unknown"]
State = Literal["open", "acknowledged", "resolved"]

Subject = tuple[str, str]
"""A check and the column that it looks at (empty for the log or the outcome)."""

CAUSES = (
    "source",
    "stale",
    "volume",
    "schema",
    "nulls",
    "new_categories",
    "features",
    "figures",
    "predictions",
    "labels",
    "performance",
)
"""Causes from upstream to downstream: a trouble tends to bring about those after it."""

RANK: Mapping[str, int] = {"warning": 1, "critical": 2}
"""Severities in order; a status that is not among them does not fire."""


class Reason(StrEnum):
    """Why a person is told."""

    opened = auto()
    worse = auto()
    still_failing = auto()
    resolved = auto()


@dataclass(frozen=True, slots=True)
class Signal:
    """What one evaluated window says of one cause; `at` is the end of the window.

    `unknown` (no data, too few rows, an error) is not evidence of anything. `causes` are for a
    person and may be cut short; `fired` are all checks and columns that fire, `fine` those that
    were judged and found fine.
    """

    model: str
    cause: str
    status: Status
    at: datetime
    causes: tuple[Cause, ...] = ()
    fired: frozenset[Subject] = frozenset()
    fine: frozenset[Subject] = frozenset()

    def __post_init__(self) -> None:
        require_zone(at=self.at)

    @property
    def fires(self) -> bool:
        """Whether the window shows the trouble."""
        return self.status in RANK


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause troubling one model, from its first failing window until it is over.

    `severity` is the worst so far: it never falls, so that a value swinging about a limit does not
    speak at each swing. `since`, `last_seen` (newest failing window), `judged` (newest window that
    failed or was clear) and `last_spoken` are ends of windows; the `*_at` are moments of the clock.
    `quiet` counts the clear windows since the last failing one. `muted_by` is the key of an
    incident further upstream that speaks for this one. `thread` holds per channel the handle of
    the conversation. `unproven` are the checks and columns that fired and were not found fine
    since: what is not judged any more is not over.
    """

    key: str
    model: str
    cause: str
    severity: Severity
    state: State
    since: datetime
    last_seen: datetime
    last_spoken: datetime | None = None
    quiet: int = 0
    causes: tuple[Cause, ...] = ()
    muted_by: str | None = None
    thread: Mapping[str, str] = field(default_factory=dict, hash=False)
    acknowledged_by: str | None = None
    judged: datetime | None = None
    opened_at: datetime | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    unproven: frozenset[Subject] = frozenset()

    def to_json(self) -> str:
        """The incident as one line of ASCII JSON; `from_json` reverses it."""
        own = {"thread": dict(self.thread), "unproven": sorted(self.unproven)}
        return json.dumps(shallow(self) | own, default=encoded)

    @classmethod
    def from_json(cls, text: str) -> Incident:
        """The incident that `to_json` wrote."""
        read = json.loads(text)
        moments = {name: _moment(read[name]) for name in _MOMENTS}
        causes = tuple(Cause(**each) for each in read["causes"])
        told = read.get("unproven", [[each.check, each.column] for each in causes])
        unproven = frozenset((check, column) for check, column in told)
        return cls(**read | moments | {"causes": causes, "unproven": unproven})


_MOMENTS = (
    "since",
    "last_seen",
    "last_spoken",
    "judged",
    "opened_at",
    "acknowledged_at",
    "resolved_at",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """When incidents end and when they speak.

    `quiet_to_resolve` clear windows in a row end one. A spoken one is repeated after
    `remind_after`, and then each time it has lasted three times as long as at the last reminder: a
    level shift that stays for a year reminds six times. One that opens up to `mute_within` after
    one further upstream is taken for its consequence. Below `speak_from` incidents are recorded
    and shown, but not sent.

    Raises:
        ValueError: a field that no incident could obey.
    """

    quiet_to_resolve: int = 2
    remind_after: timedelta = timedelta(hours=24)
    mute_within: timedelta = timedelta(days=3)
    speak_from: Severity = "critical"

    def __post_init__(self) -> None:
        if self.quiet_to_resolve < 1:
            raise ValueError(f"quiet_to_resolve: {self.quiet_to_resolve}; use 1 or more")
        if self.remind_after <= timedelta(0):
            raise ValueError(f"remind_after: {self.remind_after}; use more than nothing")
        if self.mute_within < timedelta(0):
            raise ValueError(f"mute_within: {self.mute_within}; use 0 or more")
        if self.speak_from not in RANK:
            raise ValueError(f"speak_from: {self.speak_from!r}; use one of {', '.join(RANK)}")


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing to tell a person: `incident` speaks, `also` are those it speaks for as well."""

    reason: Reason
    incident: Incident
    at: datetime
    also: tuple[Incident, ...] = ()

    @property
    def key(self) -> str:
        """The same whenever the same signals are reviewed again: fit as an idempotency key."""
        return f"{self.incident.key}/{self.reason}/{compact(self.at)}"


@dataclass(frozen=True, slots=True)
class Review:
    """All incidents after a review, upstream first, and what is to be announced: at most one."""

    incidents: tuple[Incident, ...]
    announcements: tuple[Announcement, ...]


def depth(cause: str) -> int:
    """How far downstream a cause is; all unknown ones are last.

    >>> depth("source"), depth("performance"), depth("moon")
    (0, 10, 11)
    """
    return CAUSES.index(cause) if cause in CAUSES else len(CAUSES)


def compact(moment: datetime) -> str:
    """A moment in UTC as it stands in a key.

    >>> compact(datetime(2024, 3, 14, 6, tzinfo=UTC))
    '20240314T060000Z'
    """
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
