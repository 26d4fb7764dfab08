"""What goes into the state database and what comes out of it, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerts.incident import Incident
from alerts.message import Message
from checks.portrait import Portrait
from monitor.findings import Finding, Slice
from monitor.sources import Pulse
from monitor.windows import State, Window

Letters = tuple[tuple[str, str, Message], ...]
"""Messages to send: channel, idempotency key, message."""


@dataclass(frozen=True, slots=True)
class Granule:
    """The portraits of a part of a window, and its pulse before that (None: not taken)."""

    window: Window
    pulse: Pulse | None
    slices: Mapping[Slice, Portrait]


@dataclass(frozen=True, slots=True)
class Progress:
    """Up to when, from ``first`` on, every window of a model is final and none is due again."""

    first: datetime
    settled: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """Everything one evaluation of one window of one model leaves behind.

    ``rows`` and ``labels`` count the rows and those of known truth; ``evaluated_at`` is the moment
    of the evaluation and ``known_at`` the one up to which labels were visible to it. ``version`` is
    the model version that wrote most of the rows, ``newest_row`` the time of the last one.
    ``pulse`` tells what was known of the rows (None: not looked at), ``granules`` are those parts
    of the window that were read anew, and ``progress`` is how far the ledger was settled before.
    """

    model: str
    window: Window
    revision: int
    state: State
    rows: int
    labels: int
    portraits: Mapping[Slice, Portrait]
    findings: tuple[Finding, ...]
    incidents: tuple[Incident, ...]
    letters: Letters
    evaluated_at: datetime
    known_at: datetime
    baseline_version: int
    config_hash: str
    version: str = ""
    newest_row: datetime | None = None
    pulse: str | None = None
    granules: tuple[Granule, ...] = ()
    progress: Progress | None = None

    @property
    def entry(self) -> Entry:
        """Its line of the ledger."""
        return Entry(
            self.window,
            self.revision,
            self.state,
            self.rows,
            self.labels,
            self.evaluated_at,
            self.known_at,
            self.baseline_version,
            self.config_hash,
            self.version,
            self.newest_row,
            self.pulse,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: a window was evaluated, for the how-manieth time, and by what."""

    window: Window
    revision: int
    state: State
    rows: int
    labels: int
    evaluated_at: datetime
    known_at: datetime
    baseline_version: int
    config_hash: str
    version: str = ""
    newest_row: datetime | None = None
    pulse: str | None = None


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest window of a model, with performance findings of the newest that can have them.

    ``lines`` are the numbers of the ledger's lines that these are of.
    """

    entry: Entry
    findings: tuple[Finding, ...]
    lines: tuple[int, int] = field(default=(0, 0), compare=False)


@dataclass(frozen=True, slots=True)
class BaselineInfo:
    """What is known of a stored baseline without reading its portraits.

    ``fingerprint`` is the SHA-256 of its content: equal baselines have equal ones.
    """

    model: str
    version: int
    plan_hash: str
    fingerprint: str
    period: Window
    rows: int
    accepted_at: datetime
    accepted_by: str
    note: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Page:
    """What became of one message to one channel, without the message itself.

    It waits while ``sent_at`` and ``failed_at`` are None; ``failure`` tells of the last failed
    attempt and ``retry_at`` when the next one is due.
    """

    id: int
    channel: str
    key: str
    incident: str
    model: str
    severity: str
    reason: str
    title: str
    at: datetime
    queued_at: datetime
    attempts: int
    retry_at: datetime | None
    sent_at: datetime | None
    failed_at: datetime | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many letters were ever sent by channel, and how many attempts failed by reason."""

    sent: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunCounts:
    """How often a model's pass ever ran, how often it failed by reason, and when it last did not.

    ``rows`` and ``windows`` add up those of all runs.
    """

    runs: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    windows: int = 0
    last_success: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the audit trail: who did what to which subject."""

    at: datetime
    who: str
    what: str
    subject: str
